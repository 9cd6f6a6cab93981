"""DynamoDB: tables."""

from local_cloud.documents import Document, part, parts

from ..model import Call, Kind, NameRule, Properties, Resource, Setting, addressed, placed, poll


def _key_schema(hash_key: str | None, range_key: str | None) -> list[Properties]:
    pairs = ((hash_key, "HASH"), (range_key, "RANGE"))
    return [{"AttributeName": name, "KeyType": kind} for name, kind in pairs if name]


def _index(index: Document) -> Properties:
    keys = [
        {"AttributeName": key["attributeName"], "KeyType": key["keyType"]}
        for key in parts(index, "keySchemas")
    ]
    projection: Properties = {"ProjectionType": index["projectionType"]}
    if index.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = index["nonKeyAttributes"]
    declared: Properties = {
        "IndexName": index["name"],
        "KeySchema": keys or _key_schema(index.get("hashKey"), index.get("rangeKey")),
        "Projection": projection,
    }
    return declared


def _stream(inputs: Properties) -> Properties:
    if not inputs.get("streamEnabled"):
        return {}
    view = inputs.get("streamViewType")
    return {"StreamSpecification": {"StreamEnabled": True, **({"StreamViewType": view} if view else {})}}


def _encryption(inputs: Properties) -> Properties:
    encryption = inputs.get("serverSideEncryption")
    if not encryption or not encryption.get("enabled"):
        return {}
    key = encryption.get("kmsKeyArn")
    return {
        "SSESpecification": {"Enabled": True, "SSEType": "KMS", **({"KMSMasterKeyId": key} if key else {})}
    }


def _creation(resource: Resource) -> Properties:
    inputs = resource.inputs
    indexes = [_index(index) for index in parts(inputs, "globalSecondaryIndexes")]
    request: Properties = {
        "TableName": resource.physical,
        "KeySchema": _key_schema(inputs.get("hashKey"), inputs.get("rangeKey")),
        "AttributeDefinitions": [
            {"AttributeName": item["name"], "AttributeType": item["type"]} for item in inputs["attributes"]
        ],
        **_stream(inputs),
        **_encryption(inputs),
    }
    if indexes:
        request["GlobalSecondaryIndexes"] = indexes
    if inputs.get("tags"):
        request["Tags"] = placed(resource, "dynamodb", "CreateTable", "Tags", inputs["tags"])
    return request


def _update(resource: Resource) -> Properties:
    return {"TableName": resource.physical, **_encryption(resource.inputs)}


def _recovery(resource: Resource) -> Properties:
    recovery = part(resource.inputs, "pointInTimeRecovery")
    specification: Properties = {"PointInTimeRecoveryEnabled": bool(recovery.get("enabled"))}
    if recovery.get("recoveryPeriodInDays"):
        specification["RecoveryPeriodInDays"] = int(recovery["recoveryPeriodInDays"])
    return {"TableName": resource.physical, "PointInTimeRecoverySpecification": specification}


def _time_to_live(resource: Resource) -> Properties:
    declared = resource.inputs["ttl"]
    specification = {"AttributeName": declared["attributeName"], "Enabled": bool(declared.get("enabled"))}
    return {"TableName": resource.physical, "TimeToLiveSpecification": specification}


def _until_active(resource: Resource) -> None:
    def active() -> bool:
        table = resource.cloud.call("dynamodb", "DescribeTable", {"TableName": resource.physical})["Table"]
        return table["TableStatus"] == "ACTIVE"

    poll(active, f"table {resource.physical}")


def _unprotect(resource: Resource) -> None:
    if resource.inputs.get("deletionProtectionEnabled"):
        request = {"TableName": resource.physical, "DeletionProtectionEnabled": False}
        resource.cloud.call("dynamodb", "UpdateTable", request)


_THROUGHPUT = frozenset({"billingMode", "deletionProtectionEnabled", "onDemandThroughput", "tableClass"})

TABLE = Kind(
    type="aws:dynamodb/table:Table",
    service="dynamodb",
    name=NameRule(property="name", length_max=255),
    keeps="all its items",
    taggable=True,
    create_call=Call(operation="CreateTable", keys=_THROUGHPUT, extra=_creation),
    update_call=Call(operation="UpdateTable", keys=_THROUGHPUT, extra=_update),
    updatable=_THROUGHPUT | {"serverSideEncryption"},
    find_call=addressed("DescribeTable", TableName="{name}"),
    delete_call=addressed("DeleteTable", TableName="{name}"),
    before_delete=_unprotect,
    wait=_until_active,
    id="(TableDescription || Table).TableName",
    outputs={
        "arn": "(TableDescription || Table).TableArn",
        "streamArn": "(TableDescription || Table).LatestStreamArn",
        "streamLabel": "(TableDescription || Table).LatestStreamLabel",
    },
    settings=(
        Setting(keys={"ttl"}, set=Call(operation="UpdateTimeToLive", keys=frozenset(), extra=_time_to_live)),
        Setting(
            keys={"pointInTimeRecovery"},
            set=Call(operation="UpdateContinuousBackups", keys=frozenset(), extra=_recovery),
            unset=Call(operation="UpdateContinuousBackups", keys=frozenset(), extra=_recovery),
        ),
    ),
)

KINDS = (TABLE,)
