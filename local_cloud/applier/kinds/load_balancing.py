"""Elastic Load Balancing."""

from collections.abc import Callable, Mapping
from typing import cast

from local_cloud.documents import Document, part, parts

from ..mapper import Value
from ..model import After, Call, Kind, NameRule, Properties, Resource, Setting, addressed, placed
from ..requests import attribute_text

_CONDITION_FIELDS = {
    "hostHeader": "host-header",
    "httpHeader": "http-header",
    "httpRequestMethod": "http-request-method",
    "pathPattern": "path-pattern",
    "queryStrings": "query-string",
    "sourceIp": "source-ip",
}


def _action(action: Document) -> Properties:
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


def _condition(condition: Document) -> Properties:
    ((key, value),) = ((key, value) for key, value in condition.items() if value)
    field = _CONDITION_FIELDS[key]
    member = "queryStringConfig" if key == "queryStrings" else f"{key}Config"
    body: Value = {"values": cast("list[Value]", value)} if isinstance(value, list) else value
    return {"field": field, member: body}


def _actions(operation: str, member: str, key: str) -> Callable[[Resource], Properties]:
    def extra(resource: Resource) -> Properties:
        actions = [_action(item) for item in parts(resource.inputs, key)]
        return {member: placed(resource, "elbv2", operation, member, actions)}

    return extra


def _rule(operation: str) -> Callable[[Resource], Properties]:
    actions = _actions(operation, "Actions", "actions")

    def extra(resource: Resource) -> Properties:
        conditions = [_condition(item) for item in parts(resource.inputs, "conditions")]
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
            {"Key": attribute, "Value": attribute_text(resource.inputs[key])}
            for key, attribute in names.items()
            if resource.inputs.get(key) is not None
        ]
        return {arn_member: resource.id, "Attributes": attributes}

    return extra


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
        check = part(resource.inputs, "healthCheck")
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
        items: list[Properties] = answer[member]
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

KINDS = (
    LOAD_BALANCER,
    TARGET_GROUP,
    LISTENER,
    LISTENER_RULE,
)
