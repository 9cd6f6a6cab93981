"""What must not be done to buckets."""

import json

from tests.policy.mutation import Mutation, Place, altered, linked_elsewhere, removed

BUCKET = ("aws:s3/bucket:Bucket", "nova-content-bucket")
BLOCK = ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "nova-content-public-access-block")
POLICY = ("aws:s3/bucketPolicy:BucketPolicy", "nova-content-policy")
VERSIONING = ("aws:s3/bucketVersioning:BucketVersioning", "nova-content-versioning")
LIFECYCLE = ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "nova-content-lifecycle")
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "nova-content-encryption",
)
DEFAULT: Place = (*ENCRYPTION, "rules", 0, "applyServerSideEncryptionByDefault")
LOGGING = ("aws:s3/bucketLogging:BucketLogging", "nova-access-logs-of-content")
OWNERSHIP = ("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "nova-content-ownership")
PUBLIC, TLS, KEY, LIFE = (
    "s3-bucket-public-access",
    "s3-bucket-tls-only",
    "s3-bucket-key",
    "s3-bucket-lifecycle",
)
PLAIN = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}


def gone(rule: str, what: str, part: tuple[str, str], *guarded: str) -> Mutation:
    """A bucket without one of its parts."""
    return Mutation(rule=rule, what=what, change=removed(*part), at=BUCKET, unknown=(*part, *guarded))


def policy(what: str, **changed: object) -> Mutation:
    """A policy with one denial, which leaves plain requests in."""
    of_plain = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    return altered(TLS, what, (*POLICY, "policy"), json.dumps({"Statement": [PLAIN | of_plain | changed]}))


MUTATIONS = (
    altered(PUBLIC, "public policies are not blocked", (*BLOCK, "blockPublicPolicy"), False),
    gone(PUBLIC, "the public access block is removed", BLOCK, "ignorePublicAcls"),
    policy("plain requests are allowed", Effect="Allow"),
    policy("requests with TLS are refused", Condition={"Bool": {"aws:SecureTransport": "true"}}),
    policy("plain reading alone is refused", Action="s3:GetObject"),
    policy("one role's plain requests are refused", Principal={"AWS": "arn:aws:iam::123456789012:role/one"}),
    gone(TLS, "the policy is removed", POLICY, "policy"),
    altered(
        "s3-bucket-versioning", "versions are suspended", (*VERSIONING, "versioningConfiguration", "status"),
        "Suspended",
    ),
    gone("s3-bucket-versioning", "versioning is removed", VERSIONING, "versioningConfiguration", "status"),
    altered(
        LIFE, "unfinished uploads stay", (*LIFECYCLE, "rules", 0, "abortIncompleteMultipartUpload"), None,
        unknown=(*LIFECYCLE, "rules"),
    ),
    altered(
        LIFE, "old versions stay", (*LIFECYCLE, "rules", 0, "noncurrentVersionExpiration"), None,
        unknown=(*LIFECYCLE, "rules"),
    ),
    gone(LIFE, "the lifecycle is removed", LIFECYCLE, "rules"),
    Mutation(
        rule="s3-bucket-access-logs", what="another bucket's requests are logged",
        change=linked_elsewhere(*LOGGING, "bucket"), at=BUCKET, unknown=(*LOGGING, "bucket"),
    ),
    altered(KEY, "AWS's own key encrypts", (*DEFAULT, "sseAlgorithm"), "AES256"),
    altered(KEY, "the account's default key encrypts", (*DEFAULT, "kmsMasterKeyId"), None),
    altered(KEY, "each object asks the key", (*ENCRYPTION, "rules", 0, "bucketKeyEnabled"), None),
    gone(KEY, "the encryption is removed", ENCRYPTION, "rules"),
    altered(
        "s3-bucket-ownership", "lists of access are on",
        (*OWNERSHIP, "rule", "objectOwnership"), "ObjectWriter",
    ),
    gone("s3-bucket-ownership", "ownership is left open", OWNERSHIP, "rule"),
)  # fmt: skip
