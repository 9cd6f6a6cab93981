"""S3: buckets and the parts of a bucket that the program declares one by one."""

from collections.abc import Callable, Mapping, Set

from ..model import Call, Kind, NameRule, Properties, Resource, Text, addressed

_DELETE_BATCH = 1000  # keys that DeleteObjects takes at once


def _creation(resource: Resource) -> Properties:
    request: Properties = {"Bucket": resource.physical}
    if resource.cloud.region != "us-east-1":  # the one region that must not be named
        request["CreateBucketConfiguration"] = {"LocationConstraint": resource.cloud.region}
    if resource.inputs.get("objectLockEnabled"):
        request["ObjectLockEnabledForBucket"] = True
    return request


def _empty(resource: Resource) -> None:
    """Delete every version of every object: S3 keeps a bucket that holds anything."""
    while True:
        listing = resource.cloud.call(
            "s3", "ListObjectVersions", {"Bucket": resource.physical, "MaxKeys": _DELETE_BATCH}
        )
        found = [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]
        if not found:
            return
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        request = {"Bucket": resource.physical, "Delete": {"Objects": objects, "Quiet": True}}
        answer = resource.cloud.call("s3", "DeleteObjects", request)
        if answer.get("Errors"):
            raise RuntimeError(f"objects of {resource.physical} cannot be deleted: {answer['Errors'][0]}")


BUCKET = Kind(
    type="aws:s3/bucket:Bucket",
    service="s3",
    name=NameRule(property="bucket", length_max=63, lowercase=True, prefix_property="bucketPrefix"),
    keeps="all its objects",
    taggable=True,
    create_call=Call(operation="CreateBucket", keys=frozenset(), extra=_creation),
    find_call=addressed("HeadBucket", Bucket="{name}"),
    delete_call=addressed("DeleteBucket", Bucket="{name}"),
    before_delete=_empty,
    id=Text("{name}"),
    outputs={
        "arn": Text("arn:aws:s3:::{name}"),
        "bucketDomainName": Text("{name}.s3.amazonaws.com"),
        "bucketRegionalDomainName": Text("{name}.s3.{region}.amazonaws.com"),
        "bucketRegion": Text("{region}"),
    },
    # forceDestroy decides what `destroy` does in AWS; here the loss is asked for by --discard-data.
    ignored={"forceDestroy", "bucketPrefix"},
)


def _part(
    token: str,
    put: str,
    remove: str | None,
    *,
    keys: Set[str] | None = None,
    into: str | None = None,
    rename: Mapping[str, str] | None = None,
    extra: Callable[[Resource], Properties] | None = None,
    ignored: Set[str] = frozenset(),
) -> Kind:
    """Declare a part of a bucket: one operation sets it, another removes it, a new bucket means a new one."""

    def with_bucket(resource: Resource) -> Properties:
        return {"Bucket": resource.inputs["bucket"], **(extra(resource) if extra else {})}

    call = Call(operation=put, keys=keys or frozenset(), into=into, rename=rename or {}, extra=with_bucket)
    return Kind(
        type=f"aws:s3/{token}",
        service="s3",
        create_call=call,
        update_call=call,
        updatable=(keys or frozenset()) | {"eventbridge"},
        delete_call=addressed(remove, Bucket="{bucket}") if remove else None,
        id=Text("{bucket}"),
        ignored=ignored | {"expectedBucketOwner", "transitionDefaultMinimumObjectSize"},
    )


def _notification(resource: Resource) -> Properties:
    configuration: Properties = {"EventBridgeConfiguration": {}} if resource.inputs.get("eventbridge") else {}
    return {"NotificationConfiguration": configuration}


KINDS = (
    BUCKET,
    _part(
        "bucketVersioning:BucketVersioning",
        "PutBucketVersioning",
        None,
        keys=frozenset({"versioningConfiguration"}),
    ),
    _part(
        "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "PutBucketEncryption",
        "DeleteBucketEncryption",
        keys=frozenset({"rules"}),
        into="ServerSideEncryptionConfiguration",
    ),
    _part(
        "bucketPublicAccessBlock:BucketPublicAccessBlock",
        "PutPublicAccessBlock",
        "DeletePublicAccessBlock",
        keys=frozenset({"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"}),
        into="PublicAccessBlockConfiguration",
        ignored={"skipDestroy"},
    ),
    _part(
        "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        keys=frozenset({"rules"}),
        into="LifecycleConfiguration",
    ),
    _part(
        "bucketOwnershipControls:BucketOwnershipControls",
        "PutBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        keys=frozenset({"rule"}),
        into="OwnershipControls",
    ),
    _part(
        "bucketCorsConfiguration:BucketCorsConfiguration",
        "PutBucketCors",
        "DeleteBucketCors",
        keys=frozenset({"corsRules"}),
        into="CORSConfiguration",
    ),
    _part("bucketPolicy:BucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", keys=frozenset({"policy"})),
    _part(
        "bucketNotification:BucketNotification",
        "PutBucketNotificationConfiguration",
        None,
        extra=_notification,
    ),
)
