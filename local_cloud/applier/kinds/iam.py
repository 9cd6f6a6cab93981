"""IAM roles and policies, KMS keys, CloudWatch log groups."""

from local_cloud.documents import part

from ..model import Call, Kind, NameRule, Properties, Resource, Setting, Text, addressed

ROLE = Kind(
    type="aws:iam/role:Role",
    service="iam",
    name=NameRule(property="name", length_max=64, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(
        operation="CreateRole", rename={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    ),
    update_call=Call(
        operation="UpdateRole",
        keys={"name", "description", "maxSessionDuration"},
        rename={"name": "RoleName"},
    ),
    updatable={"description", "maxSessionDuration"},
    settings=(
        Setting(
            keys={"assumeRolePolicy"},
            at_creation=False,
            set=Call(
                operation="UpdateAssumeRolePolicy",
                keys={"name", "assumeRolePolicy"},
                rename={"name": "RoleName", "assumeRolePolicy": "PolicyDocument"},
            ),
        ),
        Setting(
            keys={"permissionsBoundary"},
            at_creation=False,
            set=Call(
                operation="PutRolePermissionsBoundary",
                keys={"name", "permissionsBoundary"},
                rename={"name": "RoleName"},
            ),
            unset=addressed("DeleteRolePermissionsBoundary", RoleName="{name}"),
        ),
    ),
    find_call=addressed("GetRole", RoleName="{name}"),
    delete_call=addressed("DeleteRole", RoleName="{name}"),
    id="Role.RoleName",
    outputs={"arn": "Role.Arn", "uniqueId": "Role.RoleId"},
    ignored={"forceDetachPolicies", "namePrefix"},
)

_ROLE_POLICY_CALL = Call(
    operation="PutRolePolicy",
    keys={"role", "name", "policy"},
    rename={"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"},
)

ROLE_POLICY = Kind(
    type="aws:iam/rolePolicy:RolePolicy",
    service="iam",
    name=NameRule(property="name", length_max=128, prefix_property="namePrefix"),
    create_call=_ROLE_POLICY_CALL,
    update_call=_ROLE_POLICY_CALL,
    updatable={"policy"},
    find_call=addressed("GetRolePolicy", RoleName="{role}", PolicyName="{name}"),
    delete_call=addressed("DeleteRolePolicy", RoleName="{role}", PolicyName="{name}"),
    id=Text("{role}:{name}"),
    ignored={"namePrefix"},
)


def _deletion_window(resource: Resource) -> Properties:
    days = int(resource.inputs.get("deletionWindowInDays") or 30)
    return {"KeyId": resource.id, "PendingWindowInDays": days}


KEY = Kind(
    type="aws:kms/key:Key",
    service="kms",
    keeps="everything encrypted under it",
    taggable=True,
    create_call=Call(
        operation="CreateKey",
        keys={"description", "keyUsage", "customerMasterKeySpec", "policy", "multiRegion"},
        rename={"customerMasterKeySpec": "KeySpec"},
        # CreateKey's tag members are TagKey and TagValue, which no other service uses.
        extra=lambda resource: {
            "Tags": [
                {"TagKey": key, "TagValue": value} for key, value in part(resource.inputs, "tags").items()
            ]
        },
    ),
    settings=(
        Setting(
            keys={"enableKeyRotation"},
            set=addressed("EnableKeyRotation", KeyId="{id}"),
            unset=addressed("DisableKeyRotation", KeyId="{id}"),
        ),
        Setting(
            keys={"policy"},
            at_creation=False,
            set=addressed("PutKeyPolicy", KeyId="{id}", PolicyName="default", Policy="{policy}"),
        ),
        Setting(
            keys={"description"},
            at_creation=False,
            set=addressed("UpdateKeyDescription", KeyId="{id}", Description="{description}"),
        ),
    ),
    find_call=addressed("DescribeKey", KeyId="{id}"),
    delete_call=Call(operation="ScheduleKeyDeletion", keys=frozenset(), extra=_deletion_window),
    id="KeyMetadata.KeyId",
    outputs={"arn": "KeyMetadata.Arn", "keyId": "KeyMetadata.KeyId"},
    ignored={"deletionWindowInDays", "rotationPeriodInDays", "bypassPolicyLockoutSafetyCheck", "isEnabled"},
)

LOG_GROUP = Kind(
    type="aws:cloudwatch/logGroup:LogGroup",
    service="logs",
    name=NameRule(property="name", length_max=512, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(
        operation="CreateLogGroup",
        keys={"name", "kmsKeyId", "logGroupClass", "tags"},
        rename={"name": "logGroupName"},
    ),
    settings=(
        Setting(
            keys={"retentionInDays"},
            set=Call(
                operation="PutRetentionPolicy",
                keys={"name", "retentionInDays"},
                rename={"name": "logGroupName"},
            ),
            unset=addressed("DeleteRetentionPolicy", logGroupName="{name}"),
        ),
    ),
    find_call=Call(
        operation="DescribeLogGroups",
        keys=frozenset(),
        extra=lambda resource: {"logGroupNamePrefix": resource.physical},
    ),
    found=lambda resource, answer: any(
        group["logGroupName"] == resource.physical for group in answer["logGroups"]
    ),
    delete_call=addressed("DeleteLogGroup", logGroupName="{name}"),
    id=Text("{name}"),
    outputs={"arn": Text("arn:aws:logs:{region}:{account}:log-group:{name}")},
    # Set at creation; the gateway knows no later change of it, and logs are plain files on this machine.
    ignored={"skipDestroy", "deletionProtectionEnabled", "kmsKeyId"},
)

KINDS = (ROLE, ROLE_POLICY, KEY, LOG_GROUP)
