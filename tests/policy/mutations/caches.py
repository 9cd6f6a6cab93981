"""What must not be done to the cache."""

from tests.policy.mutation import Mutation, altered

GROUP = ("aws:elasticache/replicationGroup:ReplicationGroup", "nova-cache-group")
DEFAULT = ("aws:elasticache/user:User", "nova-cache-default-user")
ENCRYPTION = "elasticache-replicationgroup-encryption"
USERS = "elasticache-replicationgroup-users"
AVAILABILITY = "elasticache-replicationgroup-availability"

MUTATIONS: tuple[Mutation, ...] = (
    altered(ENCRYPTION, "TLS is off", (*GROUP, "transitEncryptionEnabled"), False),
    altered(ENCRYPTION, "TLS is preferred alone", (*GROUP, "transitEncryptionMode"), "preferred"),
    altered(ENCRYPTION, "nothing is encrypted at rest", (*GROUP, "atRestEncryptionEnabled"), False),
    altered(ENCRYPTION, "AWS's own key encrypts", (*GROUP, "kmsKeyId"), None),
    altered(USERS, "nobody has to sign in", (*GROUP, "userGroupIds"), None),
    altered(USERS, "the default user is on", (*DEFAULT, "accessString"), "on ~* +@all", needs=("userName",)),
    altered(AVAILABILITY, "failover is off", (*GROUP, "automaticFailoverEnabled"), False),
    altered(AVAILABILITY, "one zone will do", (*GROUP, "multiAzEnabled"), False),
    altered(
        AVAILABILITY, "there is one node", (*GROUP, "numCacheClusters"), 1, needs=("replicasPerNodeGroup",)
    ),
    altered(
        "elasticache-replicationgroup-snapshots", "kept for a day", (*GROUP, "snapshotRetentionLimit"), 1
    ),
    altered(
        "elasticache-replicationgroup-updates", "updates are off", (*GROUP, "autoMinorVersionUpgrade"), False
    ),
)
