"""S3 Vectors: vector buckets and their indexes."""

from ..model import Call, Kind, NameRule, Resource, Text, addressed

_BUCKET = {"vectorBucketName": "{name}"}
_INDEX = {"vectorBucketName": "{vectorBucketName}", "indexName": "{name}"}


def _empty(resource: Resource) -> None:
    """Delete the bucket's indexes: S3 Vectors keeps a bucket that has any."""
    request = {"vectorBucketName": resource.physical}
    while indexes := resource.cloud.call("s3vectors", "ListIndexes", request)["indexes"]:
        for index in indexes:
            resource.cloud.call("s3vectors", "DeleteIndex", {**request, "indexName": index["indexName"]})


VECTOR_BUCKET = Kind(
    type="aws:s3/vectorsVectorBucket:VectorsVectorBucket",
    service="s3vectors",
    name=NameRule(property="vectorBucketName", length_max=63, lowercase=True),
    keeps="all its vectors",
    taggable=True,
    create_call=Call(operation="CreateVectorBucket"),
    find_call=addressed("GetVectorBucket", **_BUCKET),
    delete_call=addressed("DeleteVectorBucket", **_BUCKET),
    before_delete=_empty,
    id=Text("arn:aws:s3vectors:{region}:{account}:bucket/{name}"),
    outputs={"vectorBucketArn": "vectorBucketArn || vectorBucket.vectorBucketArn"},
    # Here the loss is asked for by --discard-data.
    ignored={"forceDestroy"},
)

INDEX = Kind(
    type="aws:s3/vectorsIndex:VectorsIndex",
    service="s3vectors",
    name=NameRule(property="indexName", length_max=63, lowercase=True),
    keeps="all its vectors",
    taggable=True,
    create_call=Call(operation="CreateIndex"),
    find_call=addressed("GetIndex", **_INDEX),
    delete_call=addressed("DeleteIndex", **_INDEX),
    id="indexArn || index.indexArn",
    outputs={"indexArn": "indexArn || index.indexArn"},
)

KINDS = (VECTOR_BUCKET, INDEX)
