"""Rules about S3: what a bucket is given by resources of its own."""

from collections.abc import Iterable, Iterator

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, stack_rule
from nova_policy.values import may_be

BUCKET = "aws:s3/bucket:Bucket"
ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def parts(graph: Graph, kind: str) -> Iterator[tuple[Resource, tuple[Resource, ...]]]:
    """Yield each bucket with its parts of type ``kind``."""
    for bucket in graph.of_type(BUCKET):
        yield bucket, graph.referring_to(bucket, kind, by="bucket")


@stack_rule(
    "s3-bucket-public-access",
    severity=Severity.CRITICAL,
    types=(BUCKET, ACCESS_BLOCK),
    controls=(16,),
    references=("S3.8",),
    description="No bucket can be opened to the public.",
    remediation="Give the bucket a BucketPublicAccessBlock with all four flags true.",
)
def public_access(graph: Graph, _options: Options) -> Iterable[Finding]:
    """All four: two refuse new grants, two ignore those that are there."""
    for bucket, blocks in parts(graph, ACCESS_BLOCK):
        if not blocks:
            yield Finding(bucket, "nothing blocks public access to it")
        for block in blocks:
            if off := [flag for flag in _FLAGS if not may_be(block.at(flag), True)]:
                yield Finding(block, f"{', '.join(off)} is not true")
