"""Load balancers, REST APIs and user pools."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from ..mapper import Value
from ..model import After, Call, Kind, NameRule, Properties, Resource, Setting, Text, addressed, placed

# --- Elastic Load Balancing ---------------------------------------------------------------------------------

_CONDITION_FIELDS = {
    "hostHeader": "host-header",
    "httpHeader": "http-header",
    "httpRequestMethod": "http-request-method",
    "pathPattern": "path-pattern",
    "queryStrings": "query-string",
    "sourceIp": "source-ip",
}


def _action(action: dict[str, Any]) -> Properties:
    """Return an action in ELB's spelling: its configurations end in Config, the rest is alike."""
    renamed = {"fixedResponse": "fixedResponseConfig", "redirect": "redirectConfig"}
    converted = {renamed.get(key, key): value for key, value in action.items() if key != "forward"}
    if forward := action.get("forward"):
        groups = [
            {
                "targetGroupArn": group.get("arn") or group.get("targetGroupArn"),
                "weight": group.get("weight", 1),
            }
            for group in forward["targetGroups"]
        ]
        converted["forwardConfig"] = {"targetGroups": groups}
    return converted


def _condition(condition: dict[str, Any]) -> Properties:
    ((key, value),) = ((key, value) for key, value in condition.items() if value)
    field = _CONDITION_FIELDS[key]
    member = "queryStringConfig" if key == "queryStrings" else f"{key}Config"
    body: Any = {"values": value} if isinstance(value, list) else value
    return {"field": field, member: body}


def _actions(operation: str, member: str, key: str) -> Callable[[Resource], Properties]:
    def extra(resource: Resource) -> Properties:
        actions = [_action(item) for item in resource.inputs.get(key) or []]
        return {member: placed(resource, "elbv2", operation, member, actions)}

    return extra


def _rule(operation: str) -> Callable[[Resource], Properties]:
    actions = _actions(operation, "Actions", "actions")

    def extra(resource: Resource) -> Properties:
        conditions = [_condition(item) for item in resource.inputs.get("conditions") or []]
        return {
            **actions(resource),
            "Conditions": placed(resource, "elbv2", operation, "Conditions", conditions),
        }

    return extra


def _rule_creation(resource: Resource) -> Properties:
    given = resource.inputs.get("priority")
    priority = {"Priority": int(given)} if given is not None else {"Priority": _next_priority(resource)}
    return {**_rule("CreateRule")(resource), **priority}


def _next_priority(resource: Resource) -> int:
    answer = resource.cloud.call("elbv2", "DescribeRules", {"ListenerArn": resource.inputs["listenerArn"]})
    return 1 + max(
        (int(rule["Priority"]) for rule in answer["Rules"] if rule["Priority"] != "default"), default=0
    )


def _rule_update(resource: Resource) -> Properties:
    return {"RuleArn": resource.id, **_rule("ModifyRule")(resource)}


def _scheme(resource: Resource) -> Properties:
    return {"Scheme": "internal" if resource.inputs.get("internal") else "internet-facing"}


_BALANCER_ATTRIBUTES = {
    "idleTimeout": "idle_timeout.timeout_seconds",
    "enableDeletionProtection": "deletion_protection.enabled",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableHttp2": "routing.http2.enabled",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
}


def _attributes(arn_member: str, names: Mapping[str, str]) -> Callable[[Resource], Properties]:
    def extra(resource: Resource) -> Properties:
        attributes = [
            {"Key": attribute, "Value": _text(resource.inputs[key])}
            for key, attribute in names.items()
            if resource.inputs.get(key) is not None
        ]
        return {arn_member: resource.id, "Attributes": attributes}

    return extra


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)


def _unprotect(resource: Resource) -> None:
    if resource.inputs.get("enableDeletionProtection"):
        attribute = {"Key": "deletion_protection.enabled", "Value": "false"}
        request = {"LoadBalancerArn": resource.id, "Attributes": [attribute]}
        resource.cloud.call("elbv2", "ModifyLoadBalancerAttributes", request)


LOAD_BALANCER = Kind(
    type="aws:lb/loadBalancer:LoadBalancer",
    service="elbv2",
    name=NameRule(property="name", length_max=32, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(
        operation="CreateLoadBalancer",
        keys={"name", "subnets", "securityGroups", "loadBalancerType", "ipAddressType", "tags"},
        rename={"loadBalancerType": "Type"},
        extra=_scheme,
    ),
    settings=(
        Setting(
            keys=_BALANCER_ATTRIBUTES.keys(),
            set=Call(
                operation="ModifyLoadBalancerAttributes",
                keys=frozenset(),
                extra=_attributes("LoadBalancerArn", _BALANCER_ATTRIBUTES),
            ),
        ),
        Setting(
            keys={"securityGroups"},
            at_creation=False,
            set=Call(
                operation="SetSecurityGroups",
                keys={"securityGroups"},
                extra=lambda resource: {"LoadBalancerArn": resource.id},
            ),
        ),
        Setting(
            keys={"subnets"},
            at_creation=False,
            set=Call(
                operation="SetSubnets",
                keys={"subnets"},
                extra=lambda resource: {"LoadBalancerArn": resource.id},
            ),
        ),
    ),
    find_call=Call(
        operation="DescribeLoadBalancers",
        keys=frozenset(),
        extra=lambda resource: {"Names": [resource.physical]},
    ),
    delete_call=addressed("DeleteLoadBalancer", LoadBalancerArn="{id}"),
    before_delete=_unprotect,
    id="LoadBalancers[0].LoadBalancerArn",
    outputs={
        "arn": "LoadBalancers[0].LoadBalancerArn",
        "arnSuffix": After("loadbalancer/"),
        "dnsName": "LoadBalancers[0].DNSName",
        "zoneId": "LoadBalancers[0].CanonicalHostedZoneId",
        "vpcId": "LoadBalancers[0].VpcId",
    },
    ignored={"accessLogs", "connectionLogs", "namePrefix"},
)

_HEALTH = {
    "enabled": "HealthCheckEnabled",
    "healthyThreshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}
_GROUP_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
}


def _health_check(operation: str) -> Callable[[Resource], Properties]:
    def extra(resource: Resource) -> Properties:
        check = resource.inputs.get("healthCheck") or {}
        request: Properties = {
            member: placed(resource, "elbv2", operation, member, check[key])
            for key, member in _HEALTH.items()
            if check.get(key) is not None
        }
        if check.get("matcher"):
            request["Matcher"] = {"HttpCode": str(check["matcher"])}
        return request

    return extra


def _group_update(resource: Resource) -> Properties:
    return {"TargetGroupArn": resource.id, **_health_check("ModifyTargetGroup")(resource)}


TARGET_GROUP = Kind(
    type="aws:lb/targetGroup:TargetGroup",
    service="elbv2",
    name=NameRule(property="name", length_max=32, prefix_property="namePrefix"),
    taggable=True,
    create_call=Call(
        operation="CreateTargetGroup",
        keys={"name", "port", "protocol", "protocolVersion", "vpcId", "targetType", "ipAddressType", "tags"},
        extra=_health_check("CreateTargetGroup"),
    ),
    update_call=Call(operation="ModifyTargetGroup", keys=frozenset(), extra=_group_update),
    updatable={"healthCheck"},
    settings=(
        Setting(
            keys=_GROUP_ATTRIBUTES.keys(),
            set=Call(
                operation="ModifyTargetGroupAttributes",
                keys=frozenset(),
                extra=_attributes("TargetGroupArn", _GROUP_ATTRIBUTES),
            ),
        ),
    ),
    find_call=Call(
        operation="DescribeTargetGroups",
        keys=frozenset(),
        extra=lambda resource: {"Names": [resource.physical]},
    ),
    delete_call=addressed("DeleteTargetGroup", TargetGroupArn="{id}"),
    id="TargetGroups[0].TargetGroupArn",
    outputs={
        "arn": "TargetGroups[0].TargetGroupArn",
        "arnSuffix": After(":"),
        "name": "TargetGroups[0].TargetGroupName",
    },
    ignored={"namePrefix", "stickiness", "connectionTermination", "targetHealthStates", "targetGroupHealth"},
)


def _certificates(resource: Resource) -> Properties:
    certificate = resource.inputs.get("certificateArn")
    return {"Certificates": [{"CertificateArn": certificate}]} if certificate else {}


def _listener_creation(resource: Resource) -> Properties:
    return {
        **_actions("CreateListener", "DefaultActions", "defaultActions")(resource),
        **_certificates(resource),
    }


def _listener_update(resource: Resource) -> Properties:
    actions = _actions("ModifyListener", "DefaultActions", "defaultActions")(resource)
    return {"ListenerArn": resource.id, **actions, **_certificates(resource)}


def _only(
    member: str, arn: str, same: Callable[[Resource, Properties], bool]
) -> Callable[[Resource, Properties], bool]:
    """Leave only the resource in the answer: the one of its ARN, or without an ARN the `same` one."""

    def found(resource: Resource, answer: Properties) -> bool:
        items = cast("list[Properties]", answer[member])
        matches = [
            item for item in items if (item[arn] == resource.id if resource.id else same(resource, item))
        ]
        answer[member] = matches
        return bool(matches)

    return found


def _priority(resource: Resource) -> str:
    given = resource.inputs.get("priority")
    return "" if given is None else str(int(given))


LISTENER = Kind(
    type="aws:lb/listener:Listener",
    service="elbv2",
    # Two listeners cannot share a port, and the new one mostly keeps it.
    delete_first=True,
    taggable=True,
    create_call=Call(
        operation="CreateListener",
        keys={"loadBalancerArn", "port", "protocol", "sslPolicy", "tags"},
        extra=_listener_creation,
    ),
    update_call=Call(
        operation="ModifyListener", keys={"port", "protocol", "sslPolicy"}, extra=_listener_update
    ),
    updatable={"port", "protocol", "sslPolicy", "defaultActions", "certificateArn"},
    find_call=addressed("DescribeListeners", LoadBalancerArn="{loadBalancerArn}"),
    found=_only(
        "Listeners", "ListenerArn", lambda resource, item: item["Port"] == int(resource.inputs["port"])
    ),
    delete_call=addressed("DeleteListener", ListenerArn="{id}"),
    id="Listeners[0].ListenerArn",
    outputs={"arn": "Listeners[0].ListenerArn"},
    ignored={
        "routingHttpResponseServerEnabled",
        "routingHttpResponseStrictTransportSecurityHeaderValue",
        "tcpIdleTimeoutSeconds",
        "mutualAuthentication",
    },
)

LISTENER_RULE = Kind(
    type="aws:lb/listenerRule:ListenerRule",
    service="elbv2",
    delete_first=True,
    taggable=True,
    create_call=Call(operation="CreateRule", keys={"listenerArn", "tags"}, extra=_rule_creation),
    update_call=Call(operation="ModifyRule", keys=frozenset(), extra=_rule_update),
    updatable={"actions", "conditions"},
    settings=(
        Setting(
            keys={"priority"},
            at_creation=False,
            set=Call(
                operation="SetRulePriorities",
                keys=frozenset(),
                extra=lambda resource: {
                    "RulePriorities": [{"RuleArn": resource.id, "Priority": int(resource.inputs["priority"])}]
                },
            ),
        ),
    ),
    find_call=addressed("DescribeRules", ListenerArn="{listenerArn}"),
    found=_only("Rules", "RuleArn", lambda resource, item: item["Priority"] == _priority(resource)),
    delete_call=addressed("DeleteRule", RuleArn="{id}"),
    id="Rules[0].RuleArn",
    outputs={"arn": "Rules[0].RuleArn"},
)

# --- API Gateway --------------------------------------------------------------------------------------------


def _patches(paths: Mapping[str, str]) -> Callable[[Resource], list[Properties]]:
    """Build API Gateway's updates, JSON patches; `paths` maps an input to its path."""

    def operations(resource: Resource) -> list[Properties]:
        return [
            {"op": "replace", "path": path, "value": _text(resource.inputs[key])}
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
    for item in cast("list[Properties]", answer.get("items") or []):
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

API_METHOD_RESPONSE = Kind(
    type="aws:apigateway/methodResponse:MethodResponse",
    service="apigateway",
    delete_first=True,
    create_call=Call(operation="PutMethodResponse", rename={"restApi": "restApiId"}),
    delete_call=addressed("DeleteMethodResponse", **_METHOD, statusCode="{statusCode}"),
    id=Text("agmr-{restApi}-{resourceId}-{httpMethod}-{statusCode}"),
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

API_INTEGRATION_RESPONSE = Kind(
    type="aws:apigateway/integrationResponse:IntegrationResponse",
    service="apigateway",
    delete_first=True,
    create_call=Call(operation="PutIntegrationResponse", rename={"restApi": "restApiId"}),
    delete_call=addressed("DeleteIntegrationResponse", **_METHOD, statusCode="{statusCode}"),
    id=Text("agir-{restApi}-{resourceId}-{httpMethod}-{statusCode}"),
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

REQUEST_VALIDATOR = Kind(
    type="aws:apigateway/requestValidator:RequestValidator",
    service="apigateway",
    name=NameRule(property="name", length_max=128, reusable=True),
    create_call=Call(operation="CreateRequestValidator", rename={"restApi": "restApiId"}),
    delete_call=addressed("DeleteRequestValidator", restApiId="{restApi}", requestValidatorId="{id}"),
    id="id",
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
    logs = resource.inputs.get("accessLogSettings") or {}
    for key, path in (("destinationArn", "destinationArn"), ("format", "format")):
        if logs.get(key):
            operations.append({"op": "replace", "path": f"/accessLogSettings/{path}", "value": logs[key]})
    for key, value in (resource.inputs.get("variables") or {}).items():
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
        {"op": "replace", "path": f"{prefix}/{path}", "value": _text(settings[key])}
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

ACCOUNT = Kind(
    type="aws:apigateway/account:Account",
    service="apigateway",
    create_call=_patch("UpdateAccount", {}, {"cloudwatchRoleArn": "/cloudwatchRoleArn"}),
    update_call=_patch("UpdateAccount", {}, {"cloudwatchRoleArn": "/cloudwatchRoleArn"}),
    updatable={"cloudwatchRoleArn"},
    id=Text("api-gateway-account"),
    ignored={"resetOnDelete"},
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

# --- Cognito ------------------------------------------------------------------------------------------------

_POOL_RENAME = {"name": "PoolName", "schemas": "Schema", "tags": "UserPoolTags"}


def _pool_policies(operation: str) -> Callable[[Resource], Properties]:
    def extra(resource: Resource) -> Properties:
        policies: Properties = {}
        if password := resource.inputs.get("passwordPolicy"):
            policies["passwordPolicy"] = password
        if sign_in := resource.inputs.get("signInPolicy"):
            policies["signInPolicy"] = sign_in
        if not policies:
            return {}
        return {"Policies": placed(resource, "cognito-idp", operation, "Policies", policies)}

    return extra


def _pool_update(resource: Resource) -> Properties:
    return {"UserPoolId": resource.id, **_pool_policies("UpdateUserPool")(resource)}


def _pool_unprotect(resource: Resource) -> None:
    if resource.inputs.get("deletionProtection") == "ACTIVE":
        request = {"UserPoolId": resource.id, "DeletionProtection": "INACTIVE"}
        resource.cloud.call("cognito-idp", "UpdateUserPool", request)


_POOL_UPDATABLE = frozenset(
    {
        "accountRecoverySetting",
        "adminCreateUserConfig",
        "autoVerifiedAttributes",
        "deletionProtection",
        "deviceConfiguration",
        "emailConfiguration",
        "lambdaConfig",
        "mfaConfiguration",
        "passwordPolicy",
        "signInPolicy",
        "smsConfiguration",
        "userAttributeUpdateSettings",
        "userPoolAddOns",
        "userPoolTier",
        "verificationMessageTemplate",
    }
)
_POOL_UNSENT = frozenset({"passwordPolicy", "signInPolicy", "softwareTokenMfaConfiguration"})

USER_POOL = Kind(
    type="aws:cognito/userPool:UserPool",
    service="cognito-idp",
    name=NameRule(property="name", length_max=128, reusable=True),
    keeps="all its users",
    taggable=True,
    create_call=Call(
        operation="CreateUserPool",
        keys=(_POOL_UPDATABLE - _POOL_UNSENT)
        | {"name", "schemas", "tags", "usernameAttributes", "aliasAttributes", "usernameConfiguration"},
        rename=_POOL_RENAME,
        extra=_pool_policies("CreateUserPool"),
    ),
    update_call=Call(operation="UpdateUserPool", keys=_POOL_UPDATABLE - _POOL_UNSENT, extra=_pool_update),
    updatable=_POOL_UPDATABLE,
    settings=(
        Setting(
            keys={"softwareTokenMfaConfiguration"},
            set=Call(
                operation="SetUserPoolMfaConfig",
                keys={"softwareTokenMfaConfiguration", "mfaConfiguration"},
                extra=lambda resource: {"UserPoolId": resource.id},
            ),
        ),
    ),
    find_call=addressed("DescribeUserPool", UserPoolId="{id}"),
    delete_call=addressed("DeleteUserPool", UserPoolId="{id}"),
    before_delete=_pool_unprotect,
    id="UserPool.Id",
    outputs={
        "arn": "UserPool.Arn",
        "endpoint": Text("cognito-idp.{region}.amazonaws.com/{id}"),
    },
)

USER_POOL_CLIENT = Kind(
    type="aws:cognito/userPoolClient:UserPoolClient",
    service="cognito-idp",
    name=NameRule(property="name", length_max=128, reusable=True),
    create_call=Call(operation="CreateUserPoolClient", rename={"name": "ClientName"}),
    update_call=Call(
        operation="UpdateUserPoolClient",
        rename={"name": "ClientName"},
        extra=lambda resource: {"ClientId": resource.id},
    ),
    updatable={
        "accessTokenValidity",
        "allowedOauthFlows",
        "allowedOauthFlowsUserPoolClient",
        "allowedOauthScopes",
        "authSessionValidity",
        "callbackUrls",
        "enableTokenRevocation",
        "explicitAuthFlows",
        "idTokenValidity",
        "logoutUrls",
        "name",
        "preventUserExistenceErrors",
        "readAttributes",
        "refreshTokenValidity",
        "supportedIdentityProviders",
        "tokenValidityUnits",
        "writeAttributes",
    },
    find_call=addressed("DescribeUserPoolClient", UserPoolId="{userPoolId}", ClientId="{id}"),
    delete_call=addressed("DeleteUserPoolClient", UserPoolId="{userPoolId}", ClientId="{id}"),
    id="UserPoolClient.ClientId",
    outputs={"clientSecret": "UserPoolClient.ClientSecret"},
    ignored={"generateSecret", "enablePropagateAdditionalUserContextData"},
)

RESOURCE_SERVER = Kind(
    type="aws:cognito/resourceServer:ResourceServer",
    service="cognito-idp",
    create_call=Call(operation="CreateResourceServer"),
    update_call=Call(operation="UpdateResourceServer"),
    updatable={"name", "scopes"},
    delete_call=addressed("DeleteResourceServer", UserPoolId="{userPoolId}", Identifier="{identifier}"),
    id=Text("{userPoolId}|{identifier}"),
)

KINDS = (
    LOAD_BALANCER,
    TARGET_GROUP,
    LISTENER,
    LISTENER_RULE,
    REST_API,
    API_RESOURCE,
    API_METHOD,
    API_METHOD_RESPONSE,
    API_INTEGRATION,
    API_INTEGRATION_RESPONSE,
    AUTHORIZER,
    GATEWAY_RESPONSE,
    REQUEST_VALIDATOR,
    DEPLOYMENT,
    STAGE,
    METHOD_SETTINGS,
    ACCOUNT,
    VPC_LINK,
    USER_POOL,
    USER_POOL_CLIENT,
    RESOURCE_SERVER,
)
