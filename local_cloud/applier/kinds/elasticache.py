"""ElastiCache: replication groups, their surroundings, and who may use them."""

import json
import urllib.request
from typing import Any, cast

from local_cloud.documents import Document, parts

from ..model import Call, Kind, NameRule, Properties, Resource, Setting, Text, addressed, poll

_STATUS_TIMEOUT_S = 10

_USER_CHANGES = frozenset({"accessString", "authenticationMode", "engine", "noPasswordRequired", "passwords"})

USER = Kind(
    type="aws:elasticache/user:User",
    service="elasticache",
    name=NameRule(property="userId", length_max=40, lowercase=True),
    taggable=True,
    create_call=Call(operation="CreateUser"),
    update_call=Call(
        operation="ModifyUser", keys=_USER_CHANGES, extra=lambda resource: {"UserId": resource.physical}
    ),
    updatable=_USER_CHANGES,
    find_call=addressed("DescribeUsers", UserId="{name}"),
    delete_call=addressed("DeleteUser", UserId="{name}"),
    id=Text("{name}"),
    outputs={"arn": "ARN || Users[0].ARN"},
)


def _members(resource: Resource) -> Properties:
    before: set[str] = set(resource.previous.get("userIds") or [])
    now: set[str] = set(resource.inputs.get("userIds") or [])
    changes = {"UserIdsToAdd": sorted(now - before), "UserIdsToRemove": sorted(before - now)}
    return {"UserGroupId": resource.physical, **{key: value for key, value in changes.items() if value}}


USER_GROUP = Kind(
    type="aws:elasticache/userGroup:UserGroup",
    service="elasticache",
    name=NameRule(property="userGroupId", length_max=40, lowercase=True),
    taggable=True,
    create_call=Call(operation="CreateUserGroup"),
    update_call=Call(operation="ModifyUserGroup", keys=frozenset(), extra=_members),
    updatable={"userIds"},
    find_call=addressed("DescribeUserGroups", UserGroupId="{name}"),
    delete_call=addressed("DeleteUserGroup", UserGroupId="{name}"),
    id=Text("{name}"),
    outputs={"arn": "ARN || UserGroups[0].ARN"},
)


def _membership(member: str) -> Call:
    def extra(resource: Resource) -> Properties:
        return {"UserGroupId": resource.inputs["userGroupId"], member: [resource.inputs["userId"]]}

    return Call(operation="ModifyUserGroup", keys=frozenset(), extra=extra)


USER_GROUP_ASSOCIATION = Kind(
    type="aws:elasticache/userGroupAssociation:UserGroupAssociation",
    service="elasticache",
    create_call=_membership("UserIdsToAdd"),
    find_call=addressed("DescribeUserGroups", UserGroupId="{userGroupId}"),
    found=lambda resource, answer: resource.inputs["userId"] in answer["UserGroups"][0]["UserIds"],
    delete_call=_membership("UserIdsToRemove"),
    id=Text("{userGroupId},{userId}"),
)

_SUBNETS_RENAME = {"name": "CacheSubnetGroupName", "description": "CacheSubnetGroupDescription"}

SUBNET_GROUP = Kind(
    type="aws:elasticache/subnetGroup:SubnetGroup",
    service="elasticache",
    name=NameRule(property="name", length_max=255, lowercase=True),
    taggable=True,
    create_call=Call(operation="CreateCacheSubnetGroup", rename=_SUBNETS_RENAME),
    update_call=Call(
        operation="ModifyCacheSubnetGroup", keys={"name", "description", "subnetIds"}, rename=_SUBNETS_RENAME
    ),
    updatable={"description", "subnetIds"},
    find_call=addressed("DescribeCacheSubnetGroups", CacheSubnetGroupName="{name}"),
    delete_call=addressed("DeleteCacheSubnetGroup", CacheSubnetGroupName="{name}"),
    id=Text("{name}"),
    outputs={
        "arn": "(CacheSubnetGroup || CacheSubnetGroups[0]).ARN",
        "vpcId": "(CacheSubnetGroup || CacheSubnetGroups[0]).VpcId",
    },
)


def _parameters(resource: Resource) -> Properties:
    declared = [
        {"ParameterName": item["name"], "ParameterValue": item["value"]}
        for item in parts(resource.inputs, "parameters")
    ]
    return {"CacheParameterGroupName": resource.physical, "ParameterNameValues": declared}


def _no_parameters(resource: Resource) -> Properties:
    return {"CacheParameterGroupName": resource.physical, "ResetAllParameters": True}


PARAMETER_GROUP = Kind(
    type="aws:elasticache/parameterGroup:ParameterGroup",
    service="elasticache",
    name=NameRule(property="name", length_max=255, lowercase=True),
    taggable=True,
    create_call=Call(
        operation="CreateCacheParameterGroup",
        keys={"name", "description", "family", "tags"},
        rename={"name": "CacheParameterGroupName", "family": "CacheParameterGroupFamily"},
    ),
    settings=(
        Setting(
            keys={"parameters"},
            set=Call(operation="ModifyCacheParameterGroup", keys=frozenset(), extra=_parameters),
            unset=Call(operation="ResetCacheParameterGroup", keys=frozenset(), extra=_no_parameters),
        ),
    ),
    find_call=addressed("DescribeCacheParameterGroups", CacheParameterGroupName="{name}"),
    delete_call=addressed("DeleteCacheParameterGroup", CacheParameterGroupName="{name}"),
    id=Text("{name}"),
    outputs={"arn": "(CacheParameterGroup || CacheParameterGroups[0]).ARN"},
)


def _log_delivery(block: Document) -> Properties:
    streams = block["destinationType"] == "kinesis-firehose"
    kind, member = (
        ("KinesisFirehoseDetails", "DeliveryStream") if streams else ("CloudWatchLogsDetails", "LogGroup")
    )
    return {
        "LogType": block["logType"],
        "DestinationType": block["destinationType"],
        "DestinationDetails": {kind: {member: block["destination"]}},
        "LogFormat": block["logFormat"],
    }


def _logs(resource: Resource) -> Properties:
    blocks = [_log_delivery(block) for block in parts(resource.inputs, "logDeliveryConfigurations")]
    return {"LogDeliveryConfigurations": blocks} if blocks else {}


def _changes(resource: Resource) -> Properties:
    before: set[str] = set(resource.previous.get("userGroupIds") or [])
    now: set[str] = set(resource.inputs.get("userGroupIds") or [])
    groups = {"UserGroupIdsToAdd": sorted(now - before), "UserGroupIdsToRemove": sorted(before - now)}
    return {
        "ReplicationGroupId": resource.physical,
        "ApplyImmediately": True,
        **{key: value for key, value in groups.items() if value},
        **_logs(resource),
    }


def _replicas(resource: Resource) -> Properties:
    return {
        "ReplicationGroupId": resource.physical,
        "NewReplicaCount": int(resource.inputs["numCacheClusters"]) - 1,
        "ApplyImmediately": True,
    }


def _grows(resource: Resource) -> bool:
    before = resource.previous.get("numCacheClusters") or 1
    return bool(resource.inputs["numCacheClusters"] > before)


def _until_available(resource: Resource) -> None:
    """Wait until the group's server answers; raises RuntimeError with the reason when it cannot run."""

    def available() -> bool:
        request = {"ReplicationGroupId": resource.physical}
        answer = resource.cloud.call("elasticache", "DescribeReplicationGroups", request)
        status = answer["ReplicationGroups"][0]["Status"]
        if status == "create-failed":
            raise RuntimeError(f"cache {resource.physical}: {_reason(resource)}")
        return status == "available"

    poll(available, f"cache {resource.physical}")


def _reason(resource: Resource) -> str:
    url = f"{resource.cloud.endpoint}/_nova/status"
    with urllib.request.urlopen(url, timeout=_STATUS_TIMEOUT_S) as answer:  # noqa: S310 (our own endpoint)
        status = cast("dict[str, Any]", json.load(answer))
    return str(status["caches"].get(resource.physical, {}).get("last_error"))


_GROUP_RENAME = {
    "description": "ReplicationGroupDescription",
    "nodeType": "CacheNodeType",
    "subnetGroupName": "CacheSubnetGroupName",
    "parameterGroupName": "CacheParameterGroupName",
    "maintenanceWindow": "PreferredMaintenanceWindow",
}
_GROUP_CHANGES = frozenset({
    "autoMinorVersionUpgrade", "automaticFailoverEnabled", "description", "engine", "engineVersion",
    "maintenanceWindow", "multiAzEnabled", "nodeType", "parameterGroupName", "securityGroupIds",
    "snapshotRetentionLimit", "snapshotWindow", "transitEncryptionMode",
})  # fmt: skip
_GROUP_MADE = frozenset({
    "atRestEncryptionEnabled", "kmsKeyId", "numCacheClusters", "port", "replicationGroupId",
    "subnetGroupName", "tags", "transitEncryptionEnabled", "userGroupIds",
})  # fmt: skip
_GROUP = "(ReplicationGroup || ReplicationGroups[0])"

REPLICATION_GROUP = Kind(
    type="aws:elasticache/replicationGroup:ReplicationGroup",
    service="elasticache",
    name=NameRule(property="replicationGroupId", length_max=40, lowercase=True),
    taggable=True,
    create_call=Call(
        operation="CreateReplicationGroup",
        keys=_GROUP_CHANGES | _GROUP_MADE,
        rename=_GROUP_RENAME,
        extra=_logs,
    ),
    update_call=Call(
        operation="ModifyReplicationGroup", keys=_GROUP_CHANGES, rename=_GROUP_RENAME, extra=_changes
    ),
    updatable=_GROUP_CHANGES | {"logDeliveryConfigurations", "userGroupIds"},
    settings=(
        Setting(
            keys={"numCacheClusters"},
            at_creation=False,
            set=Call(operation="IncreaseReplicaCount", keys=frozenset(), extra=_replicas, when=_grows),
        ),
        Setting(
            keys={"numCacheClusters"},
            at_creation=False,
            set=Call(
                operation="DecreaseReplicaCount",
                keys=frozenset(),
                extra=_replicas,
                when=lambda resource: not _grows(resource),
            ),
        ),
    ),
    find_call=addressed("DescribeReplicationGroups", ReplicationGroupId="{name}"),
    delete_call=addressed("DeleteReplicationGroup", ReplicationGroupId="{name}"),
    wait=_until_available,
    id=Text("{name}"),
    outputs={
        "arn": f"{_GROUP}.ARN",
        "memberClusters": f"{_GROUP}.MemberClusters",
        "primaryEndpointAddress": f"{_GROUP}.NodeGroups[0].PrimaryEndpoint.Address",
        "readerEndpointAddress": f"{_GROUP}.NodeGroups[0].ReaderEndpoint.Address",
    },
    # What is deleted here is deleted without a snapshot; changes are made at once.
    ignored={"applyImmediately", "finalSnapshotIdentifier"},
)

KINDS = (
    USER,
    USER_GROUP,
    USER_GROUP_ASSOCIATION,
    SUBNET_GROUP,
    PARAMETER_GROUP,
    REPLICATION_GROUP,
)
