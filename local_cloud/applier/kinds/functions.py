"""Lambda: functions from images, their URLs, their permissions and their limits for events."""

import json

from ..model import Call, Kind, NameRule, Properties, Resource, Setting, Text, addressed, placed, poll

_CONFIGURATION = frozenset(
    {
        "deadLetterConfig", "description", "environment", "ephemeralStorage", "imageConfig", "kmsKeyArn",
        "loggingConfig", "memorySize", "role", "timeout", "tracingConfig",
    }
)  # fmt: skip
_NAMED = {"name": "FunctionName"}


def _code(resource: Resource) -> Properties:
    request: Properties = {
        "FunctionName": resource.physical,
        "Code": {"ImageUri": resource.inputs["imageUri"]},
    }
    if resource.inputs.get("tags"):
        request["Tags"] = placed(resource, "lambda", "CreateFunction", "Tags", resource.inputs["tags"])
    return request


def _until_active(resource: Resource) -> None:
    def active() -> bool:
        request = {"FunctionName": resource.physical}
        found = resource.cloud.call("lambda", "GetFunctionConfiguration", request)
        return found.get("State", "Active") == "Active"

    poll(active, f"function {resource.physical}")


FUNCTION = Kind(
    type="aws:lambda/function:Function",
    service="lambda",
    name=NameRule(property="name", length_max=64),
    taggable=True,
    create_call=Call(
        operation="CreateFunction", keys=_CONFIGURATION | {"packageType", "architectures"}, extra=_code
    ),
    update_call=Call(
        operation="UpdateFunctionConfiguration",
        keys=_CONFIGURATION,
        extra=lambda resource: {"FunctionName": resource.physical},
    ),
    updatable=_CONFIGURATION,
    find_call=addressed("GetFunction", FunctionName="{name}"),
    delete_call=addressed("DeleteFunction", FunctionName="{name}"),
    wait=_until_active,
    id="(Configuration.FunctionName || FunctionName)",
    outputs={
        "arn": "(Configuration.FunctionArn || FunctionArn)",
        "invokeArn": Text(
            "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
            "arn:aws:lambda:{region}:{account}:function:{name}/invocations"
        ),
    },
    settings=(
        Setting(
            keys={"imageUri"},
            at_creation=False,
            set=Call(
                operation="UpdateFunctionCode",
                keys=frozenset(),
                extra=lambda resource: {
                    "FunctionName": resource.physical,
                    "ImageUri": resource.inputs["imageUri"],
                },
            ),
        ),
        Setting(
            keys={"reservedConcurrentExecutions"},
            set=Call(
                operation="PutFunctionConcurrency",
                keys={"reservedConcurrentExecutions"},
                extra=lambda resource: {"FunctionName": resource.physical},
            ),
            unset=addressed("DeleteFunctionConcurrency", FunctionName="{name}"),
        ),
    ),
)

_URL = {"functionName": "FunctionName", "authorizationType": "AuthType"}

FUNCTION_URL = Kind(
    type="aws:lambda/functionUrl:FunctionUrl",
    service="lambda",
    create_call=Call(operation="CreateFunctionUrlConfig", rename=_URL),
    update_call=Call(operation="UpdateFunctionUrlConfig", rename=_URL),
    updatable={"authorizationType", "cors", "invokeMode"},
    find_call=addressed("GetFunctionUrlConfig", FunctionName="{functionName}"),
    delete_call=addressed("DeleteFunctionUrlConfig", FunctionName="{functionName}"),
    id=Text("{functionName}"),
    outputs={"functionUrl": "FunctionUrl", "functionArn": "FunctionArn"},
)


def _in_policy(resource: Resource, answer: Properties) -> bool:
    statements = json.loads(answer["Policy"])["Statement"]
    return any(statement["Sid"] == resource.physical for statement in statements)


PERMISSION = Kind(
    type="aws:lambda/permission:Permission",
    service="lambda",
    name=NameRule(property="statementId", length_max=100),
    create_call=Call(
        operation="AddPermission",
        rename={"function": "FunctionName"},
        extra=lambda resource: {"StatementId": resource.physical},
    ),
    find_call=addressed("GetPolicy", FunctionName="{function}"),
    found=_in_policy,
    delete_call=addressed("RemovePermission", FunctionName="{function}", StatementId="{name}"),
    id=Text("{name}"),
    ignored={"statementIdPrefix"},
)

_EVENTS = Call(operation="PutFunctionEventInvokeConfig", rename=_NAMED)

EVENT_INVOKE_CONFIG = Kind(
    type="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    service="lambda",
    create_call=_EVENTS,
    update_call=_EVENTS,
    updatable={"destinationConfig", "maximumEventAgeInSeconds", "maximumRetryAttempts"},
    find_call=addressed("GetFunctionEventInvokeConfig", FunctionName="{functionName}"),
    delete_call=addressed("DeleteFunctionEventInvokeConfig", FunctionName="{functionName}"),
    id=Text("{functionName}"),
)

KINDS = (FUNCTION, FUNCTION_URL, PERMISSION, EVENT_INVOKE_CONFIG)
