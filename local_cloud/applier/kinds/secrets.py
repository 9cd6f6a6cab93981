"""Secrets Manager: secrets and their versions."""

from ..model import Call, Kind, NameRule, Properties, Resource, Text, addressed


def _deletion(resource: Resource) -> Properties:
    days = int(resource.inputs.get("recoveryWindowInDays") or 0)
    window = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    return {"SecretId": resource.id, **window}


SECRET = Kind(
    type="aws:secretsmanager/secret:Secret",
    service="secretsmanager",
    name=NameRule(property="name", length_max=512, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(operation="CreateSecret", keys={"name", "description", "kmsKeyId", "tags"}),
    update_call=Call(
        operation="UpdateSecret",
        keys={"description", "kmsKeyId"},
        extra=lambda resource: {"SecretId": resource.id},
    ),
    updatable={"description", "kmsKeyId"},
    find_call=addressed("DescribeSecret", SecretId="{name}"),
    # One that waits for its deletion is described too.
    found=lambda _resource, answer: "DeletedDate" not in answer,
    delete_call=Call(operation="DeleteSecret", keys=frozenset(), extra=_deletion),
    id="ARN",
    outputs={"arn": "ARN"},
    ignored={"recoveryWindowInDays", "namePrefix"},
)


def _version(resource: Resource) -> Properties:
    return {"SecretId": resource.inputs["secretId"], "VersionId": resource.outputs["versionId"]}


SECRET_VERSION = Kind(
    type="aws:secretsmanager/secretVersion:SecretVersion",
    service="secretsmanager",
    create_call=Call(operation="PutSecretValue"),
    # The one operation that knows a version without staging labels too.
    find_call=Call(operation="GetSecretValue", keys=frozenset(), extra=_version, by_id=True),
    # AWS has no operation that deletes a version: it goes with its secret.
    delete_call=None,
    id="join('|', [ARN, VersionId])",
    outputs={
        "arn": "ARN",
        "secretArn": "ARN",
        "versionId": "VersionId",
    },
)

_POLICY = Call(
    operation="PutResourcePolicy",
    rename={"secretArn": "secretId", "policy": "resourcePolicy"},
)

SECRET_POLICY = Kind(
    type="aws:secretsmanager/secretPolicy:SecretPolicy",
    service="secretsmanager",
    create_call=_POLICY,
    update_call=_POLICY,
    updatable={"blockPublicPolicy", "policy"},
    find_call=addressed("GetResourcePolicy", SecretId="{secretArn}"),
    found=lambda _resource, answer: bool(answer.get("ResourcePolicy")),
    delete_call=addressed("DeleteResourcePolicy", SecretId="{secretArn}"),
    id=Text("{secretArn}"),
)

KINDS = (SECRET, SECRET_VERSION, SECRET_POLICY)
