"""Rules about S3: what a bucket is given by resources of its own."""

from collections.abc import Iterable, Iterator

from nova_policy.documents import Statement, refuses_plain, statements
from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, stack_rule
from nova_policy.values import UNKNOWN, at, each, is_set, may_be

BUCKET = "aws:s3/bucket:Bucket"
ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
_LOGGERS = (
    (LOGGING, "targetBucket"),
    ("aws:lb/loadBalancer:LoadBalancer", "accessLogs"),
    ("aws:lb/loadBalancer:LoadBalancer", "connectionLogs"),
    ("aws:cloudfront/distribution:Distribution", "loggingConfig"),
)
"""What writes access logs, and by which property it says where to."""
_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _parts(graph: Graph, kind: str) -> Iterator[tuple[Resource, tuple[Resource, ...]]]:
    """Yield each bucket with its parts of type ``kind``."""
    for bucket in graph.of_type(BUCKET):
        yield bucket, graph.referring_to(bucket, kind, by="bucket")


def _takes_logs(graph: Graph, bucket: Resource) -> bool:
    """Whether access logs of others are written to ``bucket``."""
    return any(graph.referring_to(bucket, kind, by=key) for kind, key in _LOGGERS)


@stack_rule(
    "s3-bucket-public-access",
    severity=Severity.CRITICAL,
    types=(BUCKET, ACCESS_BLOCK),
    controls=(16,),
    references=("S3.2", "S3.3", "S3.8"),
    description="No bucket can be opened to the public.",
    remediation="Give the bucket a BucketPublicAccessBlock with all four flags true.",
)
def public_access(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Ask for all four: two refuse new grants, two ignore those that are there."""
    for bucket, blocks in _parts(graph, ACCESS_BLOCK):
        if not blocks:
            yield Finding(bucket, "nothing blocks public access to it")
        for block in blocks:
            if off := [flag for flag in _FLAGS if not may_be(block.at(flag), True)]:
                yield Finding(block, f"{', '.join(off)} is not true")


@stack_rule(
    "s3-bucket-tls-only",
    severity=Severity.HIGH,
    types=(BUCKET, POLICY),
    controls=(17,),
    references=("S3.5",),
    description="A bucket refuses requests without TLS.",
    remediation="Add a statement to the bucket's policy that denies s3:* where aws:SecureTransport is false.",
)
def tls_only(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Ask for a denial to everybody: an allowance that asks for TLS leaves other allowances open."""
    for bucket, policies in _parts(graph, POLICY):
        if not policies:
            yield Finding(bucket, "it has no policy that refuses plain requests")
        elif not any(
            policy.at("policy") is UNKNOWN or any(map(_denies_plain, statements(policy.at("policy"))))
            for policy in policies
        ):
            yield Finding(policies[0], "it does not refuse plain requests")


def _denies_plain(statement: Statement) -> bool:
    return refuses_plain(statement, "s3:GetObject", "s3:PutObject")


@stack_rule(
    "s3-bucket-versioning",
    severity=Severity.MEDIUM,
    types=(BUCKET, VERSIONING),
    controls=(18,),
    references=("S3.14",),
    description="What is overwritten or deleted in a bucket can be brought back.",
    remediation="Give the bucket a BucketVersioning whose status is Enabled.",
)
def versioning(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Leave out buckets that only take access logs: nobody overwrites those."""
    for bucket, found in _parts(graph, VERSIONING):
        if not found and not _takes_logs(graph, bucket):
            yield Finding(bucket, "it keeps no versions")
        for one in found:
            if not may_be(one.at("versioningConfiguration", "status"), "Enabled"):
                yield Finding(one, "it keeps no versions")


@stack_rule(
    "s3-bucket-lifecycle",
    severity=Severity.LOW,
    types=(BUCKET, LIFECYCLE),
    controls=(18,),
    references=("S3.10", "S3.13"),
    description="A bucket forgets unfinished uploads, and old versions where it keeps them.",
    remediation="Add a rule for the whole bucket with abortIncompleteMultipartUpload, and with "
    "noncurrentVersionExpiration where it keeps versions.",
)
def lifecycle(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Refuse what is paid for and seen by nobody."""
    for bucket, found in _parts(graph, LIFECYCLE):
        if not found:
            yield Finding(bucket, "it has no lifecycle")
        versioned = graph.referring_to(bucket, VERSIONING, by="bucket")
        for one in found:
            if not _has(one, "abortIncompleteMultipartUpload"):
                yield Finding(one, "unfinished uploads stay for ever")
            if versioned and not _has(one, "noncurrentVersionExpiration"):
                yield Finding(one, "old versions stay for ever")


def _has(configuration: Resource, key: str) -> bool:
    """Whether some rule that is on has ``key``, or might have."""
    rules = configuration.at("rules")
    return rules is UNKNOWN or any(
        may_be(at(rule, "status"), "Enabled") and is_set(at(rule, key)) for rule in each(rules)
    )


@stack_rule(
    "s3-bucket-key",
    severity=Severity.MEDIUM,
    types=(BUCKET, ENCRYPTION),
    controls=(19,),
    references=("S3.17",),
    description="A bucket is encrypted under a key of the account's own, by a bucket key.",
    remediation="Set sseAlgorithm to aws:kms, kmsMasterKeyId and bucketKeyEnabled in its encryption.",
)
def own_key(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Leave out buckets of access logs: of a key for these S3 asks more than it says."""
    for bucket, found in _parts(graph, ENCRYPTION):
        if _takes_logs(graph, bucket):
            continue
        if not found:
            yield Finding(bucket, "it is encrypted under AWS's own key")
        for one in found:
            default = "applyServerSideEncryptionByDefault"
            if not may_be(one.at("rules", 0, default, "sseAlgorithm"), "aws:kms", "aws:kms:dsse"):
                yield Finding(one, "it is encrypted under AWS's own key")
            elif not is_set(one.at("rules", 0, default, "kmsMasterKeyId")):
                yield Finding(one, "it is encrypted under the account's default key")
            elif not may_be(one.at("rules", 0, "bucketKeyEnabled"), True):
                yield Finding(one, "each object asks the key, which is paid by request")


@stack_rule(
    "s3-bucket-access-logs",
    severity=Severity.MEDIUM,
    types=(BUCKET, LOGGING),
    controls=(20,),
    references=("S3.9",),
    description="Requests to a bucket are logged.",
    remediation="Give the bucket a BucketLogging to a bucket of logs.",
)
def access_logs(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Leave out buckets of logs: one that logs itself never comes to an end."""
    for bucket, found in _parts(graph, LOGGING):
        if not found and not _takes_logs(graph, bucket):
            yield Finding(bucket, "its requests are not logged")


@stack_rule(
    "s3-bucket-ownership",
    severity=Severity.MEDIUM,
    types=(BUCKET, OWNERSHIP),
    controls=(21,),
    references=("S3.12",),
    description="Policies alone decide who reaches a bucket's objects: lists of access are off.",
    remediation="Give the bucket a BucketOwnershipControls with objectOwnership BucketOwnerEnforced.",
)
def ownership(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Refuse what would let the writer of an object decide."""
    for bucket, found in _parts(graph, OWNERSHIP):
        if not found:
            yield Finding(bucket, "nothing says that lists of access are off")
        for one in found:
            if not may_be(one.at("rule", "objectOwnership"), "BucketOwnerEnforced"):
                yield Finding(one, "lists of access are on")
