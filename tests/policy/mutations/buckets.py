"""What must not be done to buckets."""

from tests.policy.mutation import Mutation, altered, removed

BUCKET = ("aws:s3/bucket:Bucket", "nova-content-bucket")
BLOCK = ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "nova-content-public-access-block")
PUBLIC = "s3-bucket-public-access"

MUTATIONS = (
    altered(PUBLIC, "public policies are not blocked", (*BLOCK, "blockPublicPolicy"), False),
    Mutation(
        rule=PUBLIC,
        what="the public access block is removed",
        change=removed(*BLOCK),
        at=BUCKET,
        unknown=(*BLOCK, "ignorePublicAcls"),
    ),
)
