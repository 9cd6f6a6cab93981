"""API Gateway: REST APIs and VPC links."""

from collections.abc import Callable, Mapping

from local_cloud.documents import part, parts

from ..model import Call, Kind, NameRule, Properties, Resource, Setting, Text, addressed
from ..requests import attribute_text


def _patches(paths: Mapping[str, str]) -> Callable[[Resource], list[Properties]]:
    """Build API Gateway's updates, JSON patches; `paths` maps an input to its path."""

    def operations(resource: Resource) -> list[Properties]:
        return [
            {"op": "replace", "path": path, "value": attribute_text(resource.inputs[key])}
            for key, path in paths.items()
            if resource.inputs.get(key) is not None
        ]

    return operations


def _patch(operation: str, address: Mapping[str, str], paths: Mapping[str, str]) -> Call:
    build = _patches(paths)

    def extra(resource: Resource) -> Properties:
        members = {member: Text(template).render(resource) for member, template in address.items()}
        return {**members, "patchOperations": build(resource)}

    return Call(operation=operation, keys=frozenset(), extra=extra)


_API_PATHS = {
    "description": "/description",
    "disableExecuteApiEndpoint": "/disableExecuteApiEndpoint",
    "minimumCompressionSize": "/minimumCompressionSize",
    "name": "/name",
    "policy": "/policy",
}

REST_API = Kind(
    type="aws:apigateway/restApi:RestApi",
    service="apigateway",
    name=NameRule(property="name", length_max=255, reusable=True),
    taggable=True,
    create_call=Call(operation="CreateRestApi"),
    update_call=_patch("UpdateRestApi", {"restApiId": "{id}"}, _API_PATHS),
    updatable=_API_PATHS.keys(),
    find_call=addressed("GetRestApi", restApiId="{id}"),
    found=lambda resource, answer: bool(resource.id) and "id" in answer,
    delete_call=addressed("DeleteRestApi", restApiId="{id}"),
    id="id",
    outputs={
        "arn": Text("arn:aws:apigateway:{region}::/restapis/{id}"),
        "executionArn": Text("arn:aws:execute-api:{region}:{account}:{id}"),
        "rootResourceId": "rootResourceId",
    },
    ignored={"putRestApiMode", "failOnWarnings", "parameters"},
)


def _path_resource(resource: Resource, answer: Properties) -> bool:
    """Find the path among all of the API's, and leave it as the answer that the outputs are read from."""
    wanted = (resource.inputs["parentId"], resource.inputs["pathPart"])
    for item in parts(answer, "items"):
        if (item.get("parentId"), item.get("pathPart")) == wanted:
            answer.update(item)
            return True
    return False


API_RESOURCE = Kind(
    type="aws:apigateway/resource:Resource",
    service="apigateway",
    # A path exists once in an API.
    delete_first=True,
    create_call=Call(operation="CreateResource", rename={"restApi": "restApiId"}),
    find_call=Call(
        operation="GetResources",
        keys=frozenset(),
        extra=lambda resource: {"restApiId": resource.inputs["restApi"], "limit": 500},
    ),
    found=_path_resource,
    delete_call=addressed("DeleteResource", restApiId="{restApi}", resourceId="{id}"),
    id="id",
    outputs={"path": "path"},
)

_METHOD = {"restApiId": "{restApi}", "resourceId": "{resourceId}", "httpMethod": "{httpMethod}"}

API_METHOD = Kind(
    type="aws:apigateway/method:Method",
    service="apigateway",
    delete_first=True,
    create_call=Call(
        operation="PutMethod", rename={"restApi": "restApiId", "authorization": "authorizationType"}
    ),
    find_call=addressed("GetMethod", **_METHOD),
    delete_call=addressed("DeleteMethod", **_METHOD),
    id=Text("agm-{restApi}-{resourceId}-{httpMethod}"),
)

_INTEGRATION_CALL = Call(
    operation="PutIntegration",
    rename={"restApi": "restApiId", "timeoutMilliseconds": "timeoutInMillis"},
)

API_INTEGRATION = Kind(
    type="aws:apigateway/integration:Integration",
    service="apigateway",
    delete_first=True,
    create_call=_INTEGRATION_CALL,
    # PutIntegration replaces what is there.
    update_call=_INTEGRATION_CALL,
    updatable={
        "cacheKeyParameters",
        "connectionId",
        "connectionType",
        "contentHandling",
        "credentials",
        "integrationHttpMethod",
        "integrationTarget",
        "passthroughBehavior",
        "requestParameters",
        "requestTemplates",
        "responseTransferMode",
        "timeoutMilliseconds",
        "tlsConfig",
        "type",
        "uri",
    },
    find_call=addressed("GetIntegration", **_METHOD),
    delete_call=addressed("DeleteIntegration", **_METHOD),
    id=Text("agi-{restApi}-{resourceId}-{httpMethod}"),
)

AUTHORIZER = Kind(
    type="aws:apigateway/authorizer:Authorizer",
    service="apigateway",
    name=NameRule(property="name", length_max=128, reusable=True),
    create_call=Call(operation="CreateAuthorizer", rename={"restApi": "restApiId"}),
    find_call=addressed("GetAuthorizer", restApiId="{restApi}", authorizerId="{id}"),
    found=lambda resource, answer: bool(resource.id) and "id" in answer,
    delete_call=addressed("DeleteAuthorizer", restApiId="{restApi}", authorizerId="{id}"),
    id="id",
    outputs={"arn": Text("arn:aws:apigateway:{region}::/restapis/{restApi}/authorizers/{id}")},
)

REQUEST_VALIDATOR = Kind(
    type="aws:apigateway/requestValidator:RequestValidator",
    service="apigateway",
    name=NameRule(property="name", length_max=128, reusable=True),
    create_call=Call(operation="CreateRequestValidator", rename={"restApi": "restApiId"}),
    find_call=addressed("GetRequestValidator", restApiId="{restApi}", requestValidatorId="{id}"),
    found=lambda resource, answer: bool(resource.id) and "id" in answer,
    delete_call=addressed("DeleteRequestValidator", restApiId="{restApi}", requestValidatorId="{id}"),
    id="id",
)

_RESPONSE_CALL = Call(operation="PutGatewayResponse")

GATEWAY_RESPONSE = Kind(
    type="aws:apigateway/response:Response",
    service="apigateway",
    delete_first=True,
    create_call=_RESPONSE_CALL,
    update_call=_RESPONSE_CALL,
    updatable={"responseParameters", "responseTemplates", "statusCode"},
    delete_call=addressed("DeleteGatewayResponse", restApiId="{restApiId}", responseType="{responseType}"),
    id=Text("aggr-{restApiId}-{responseType}"),
)

DEPLOYMENT = Kind(
    type="aws:apigateway/deployment:Deployment",
    service="apigateway",
    create_call=Call(
        operation="CreateDeployment", keys={"restApi", "description"}, rename={"restApi": "restApiId"}
    ),
    find_call=addressed("GetDeployment", restApiId="{restApi}", deploymentId="{id}"),
    found=lambda resource, answer: bool(resource.id) and "id" in answer,
    delete_call=addressed("DeleteDeployment", restApiId="{restApi}", deploymentId="{id}"),
    id="id",
)

_STAGE_PATHS = {
    "deployment": "/deploymentId",
    "description": "/description",
    "xrayTracingEnabled": "/tracingEnabled",
}


def _stage_patches(resource: Resource) -> Properties:
    operations = _patches(_STAGE_PATHS)(resource)
    logs = part(resource.inputs, "accessLogSettings")
    for key, path in (("destinationArn", "destinationArn"), ("format", "format")):
        if logs.get(key):
            operations.append({"op": "replace", "path": f"/accessLogSettings/{path}", "value": logs[key]})
    for key, value in part(resource.inputs, "variables").items():
        operations.append({"op": "replace", "path": f"/variables/{key}", "value": value})
    return {
        "restApiId": resource.inputs["restApi"],
        "stageName": resource.inputs["stageName"],
        "patchOperations": operations,
    }


_STAGE_UPDATE = Call(operation="UpdateStage", keys=frozenset(), extra=_stage_patches)

STAGE = Kind(
    type="aws:apigateway/stage:Stage",
    service="apigateway",
    delete_first=True,
    taggable=True,
    create_call=Call(
        operation="CreateStage",
        keys={"restApi", "stageName", "deployment", "description", "variables", "xrayTracingEnabled", "tags"},
        rename={"restApi": "restApiId", "deployment": "deploymentId", "xrayTracingEnabled": "tracingEnabled"},
    ),
    update_call=_STAGE_UPDATE,
    updatable={*_STAGE_PATHS, "accessLogSettings", "variables"},
    settings=(Setting(keys={"accessLogSettings"}, set=_STAGE_UPDATE),),
    find_call=addressed("GetStage", restApiId="{restApi}", stageName="{stageName}"),
    delete_call=addressed("DeleteStage", restApiId="{restApi}", stageName="{stageName}"),
    id=Text("ags-{restApi}-{stageName}"),
    outputs={
        "arn": Text("arn:aws:apigateway:{region}::/restapis/{restApi}/stages/{stageName}"),
        "executionArn": Text("arn:aws:execute-api:{region}:{account}:{restApi}/{stageName}"),
    },
    ignored={"cacheClusterEnabled", "cacheClusterSize", "documentationVersion", "clientCertificateId"},
)

_METHOD_SETTING_PATHS = {
    "throttlingBurstLimit": "throttling/burstLimit",
    "throttlingRateLimit": "throttling/rateLimit",
    "metricsEnabled": "metrics/enabled",
    "loggingLevel": "logging/loglevel",
    "dataTraceEnabled": "logging/dataTrace",
    "cachingEnabled": "caching/enabled",
}


def _method_settings(resource: Resource) -> Properties:
    head, _, method = str(resource.inputs["methodPath"]).rpartition("/")
    prefix = f"/{head.replace('/', '~1')}/{method}"  # JSON pointer: a slash inside a token is ~1
    settings = resource.inputs["settings"]
    operations = [
        {"op": "replace", "path": f"{prefix}/{path}", "value": attribute_text(settings[key])}
        for key, path in _METHOD_SETTING_PATHS.items()
        if settings.get(key) is not None
    ]
    return {
        "restApiId": resource.inputs["restApi"],
        "stageName": resource.inputs["stageName"],
        "patchOperations": operations,
    }


def _method_settings_removal(resource: Resource) -> Properties:
    head, _, method = str(resource.inputs["methodPath"]).rpartition("/")
    path = f"/{head.replace('/', '~1')}/{method}"
    return {
        "restApiId": resource.inputs["restApi"],
        "stageName": resource.inputs["stageName"],
        "patchOperations": [{"op": "remove", "path": path}],
    }


_METHOD_SETTINGS_CALL = Call(operation="UpdateStage", keys=frozenset(), extra=_method_settings)

METHOD_SETTINGS = Kind(
    type="aws:apigateway/methodSettings:MethodSettings",
    service="apigateway",
    create_call=_METHOD_SETTINGS_CALL,
    update_call=_METHOD_SETTINGS_CALL,
    updatable={"settings"},
    delete_call=Call(operation="UpdateStage", keys=frozenset(), extra=_method_settings_removal),
    id=Text("{restApi}-{stageName}-{methodPath}"),
)

VPC_LINK = Kind(
    type="aws:apigatewayv2/vpcLink:VpcLink",
    service="apigatewayv2",
    name=NameRule(property="name", length_max=128, reusable=True),
    taggable=True,
    create_call=Call(operation="CreateVpcLink"),
    find_call=addressed("GetVpcLink", VpcLinkId="{id}"),
    found=lambda resource, answer: bool(resource.id) and "VpcLinkId" in answer,
    delete_call=addressed("DeleteVpcLink", VpcLinkId="{id}"),
    id="VpcLinkId",
    outputs={"arn": Text("arn:aws:apigateway:{region}::/vpclinks/{id}")},
)

KINDS = (
    REST_API,
    API_RESOURCE,
    API_METHOD,
    API_INTEGRATION,
    AUTHORIZER,
    REQUEST_VALIDATOR,
    GATEWAY_RESPONSE,
    DEPLOYMENT,
    STAGE,
    METHOD_SETTINGS,
    VPC_LINK,
)
