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

ROLE_POLICY_ATTACHMENT = Kind(
    type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    service="iam",
    create_call=Call(operation="AttachRolePolicy", rename={"role": "RoleName"}),
    delete_call=addressed("DetachRolePolicy", RoleName="{role}", PolicyArn="{policyArn}"),
    id=Text("{role}/{policyArn}"),
)


def _forget_versions(resource: Resource) -> None:
    """IAM deletes a policy only after its other versions, and keeps at most five of them."""
    versions = resource.cloud.call("iam", "ListPolicyVersions", {"PolicyArn": resource.id})["Versions"]
    for version in versions:
        if not version["IsDefaultVersion"]:
            request = {"PolicyArn": resource.id, "VersionId": version["VersionId"]}
            resource.cloud.call("iam", "DeletePolicyVersion", request)


def _new_version(resource: Resource) -> Properties:
    _forget_versions(resource)
    return {"PolicyArn": resource.id, "PolicyDocument": resource.inputs["policy"], "SetAsDefault": True}


POLICY = Kind(
    type="aws:iam/policy:Policy",
    service="iam",
    name=NameRule(property="name", length_max=128, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(operation="CreatePolicy", rename={"name": "PolicyName", "policy": "PolicyDocument"}),
    update_call=Call(operation="CreatePolicyVersion", keys=frozenset(), extra=_new_version),
    updatable={"policy"},
    find_call=addressed("GetPolicy", PolicyArn="arn:aws:iam::{account}:policy/{name}"),
    delete_call=addressed("DeletePolicy", PolicyArn="{id}"),
    before_delete=_forget_versions,
    id="Policy.Arn",
    outputs={"arn": "Policy.Arn", "policyId": "Policy.PolicyId"},
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

ALIAS = Kind(
    type="aws:kms/alias:Alias",
    service="kms",
    name=NameRule(property="name", length_max=256, prefix="alias/", prefix_property="namePrefix"),
    create_call=Call(operation="CreateAlias", rename={"name": "AliasName"}),
    update_call=Call(operation="UpdateAlias", rename={"name": "AliasName"}),
    updatable={"targetKeyId"},
    find_call=Call(operation="ListAliases", keys=frozenset()),
    found=lambda resource, answer: any(
        alias["AliasName"] == resource.physical for alias in answer["Aliases"]
    ),
    delete_call=addressed("DeleteAlias", AliasName="{name}"),
    id=Text("{name}"),
    outputs={
        "arn": Text("arn:aws:kms:{region}:{account}:{name}"),
        "targetKeyArn": Text("arn:aws:kms:{region}:{account}:key/{targetKeyId}"),
    },
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

KINDS = (ROLE, ROLE_POLICY, ROLE_POLICY_ATTACHMENT, POLICY, KEY, ALIAS, LOG_GROUP)
