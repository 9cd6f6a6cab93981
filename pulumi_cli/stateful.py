"""Which resources lose something for good when they are deleted or replaced (pure)."""

STATEFUL = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:cognito/userPool:UserPool",
        "aws:dynamodb/table:Table",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:kms/key:Key",
        "aws:kms/replicaKey:ReplicaKey",
        "aws:s3/bucket:Bucket",
        "aws:s3/vectorsIndex:VectorsIndex",
        "aws:s3/vectorsVectorBucket:VectorsVectorBucket",
        "aws:secretsmanager/secret:Secret",
    }
)
"""Types that stack prod protects, apart from those that store nothing: a test holds the two together. In dev
nothing is protected, and yet a pull request that replaces the event store there does the same to prod."""
