"""Which AWS requests a resource's inputs end up in, as the provider would send them.

Names are matched as the local cloud's applier matches them: apart from case and number. The tables below say
the rest: the operations of each type, what Terraform's schema calls otherwise, which inputs no request takes.
"""

import json
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, cast

from evaluation.answers import Properties
from evaluation.recorder import Recorded
from evaluation.secrecy import plain
from local_cloud.applier.kinds.cloudfront import distribution_config, request_policy_config
from local_cloud.applier.mapper import build_request
from tests.infra.shapes import problems, shape_of


def _as_it_is(inputs: Properties) -> Properties:
    return inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request, or a structure that travels inside of one."""

    service: str
    shape: str
    """An operation, or the name of a structure in the service's model."""
    takes: Set[str] | None = None
    """The inputs that take part; None means all."""
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """Inputs by the names of the members they go to."""
    reshape: Callable[[Properties], Properties] = _as_it_is
    """Brings inputs into the structure of the request, where Terraform's differs."""
    documents: Mapping[str, str] = field(default_factory=dict[str, str])
    """Inputs that are JSON text in the API's own words, by the members they go to."""
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members that the provider fills in by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A type of resource with counterparts in the services' models."""

    sent: tuple[Sent, ...]
    named: str | None = None
    """The input that holds the physical name, which Pulumi makes up when it is not given."""
    unsent: Mapping[str, str] = field(default_factory=dict[str, str])
    """Inputs that no request takes, each with the reason."""


def findings(resource: Recorded, mapped: Mapped | None = None) -> list[str]:
    """Say what AWS would refuse of a resource's inputs, and which inputs have no place in any request."""
    mapped = MAPPED[resource.type] if mapped is None else mapped
    # Where the request goes, not what it says.
    inputs = {key: value for key, value in plain(resource.inputs).items() if key != "region"}
    if mapped.named is not None:
        inputs.setdefault(mapped.named, f"{resource.name}-0000000")
    found: list[str] = []
    placed: set[str] = set()
    lost: set[str] = set()
    for sent in mapped.sent:
        taken = inputs if sent.takes is None else {k: v for k, v in inputs.items() if k in sent.takes}
        if not taken:
            continue
        shape = shape_of(sent.service, sent.shape)
        documents = {member: json.loads(taken[key]) for key, member in sent.documents.items()}
        mapped_inputs = {key: value for key, value in taken.items() if key not in sent.documents}
        request = build_request(shape, sent.reshape(mapped_inputs), sent.rename)
        placed |= taken.keys()
        lost |= set(request.unplaced)
        found += problems(shape, {**sent.fixed, **request.parameters, **documents})
    homeless = (inputs.keys() - placed) | lost
    found += [f"no request takes {path}" for path in sorted(homeless - mapped.unsent.keys())]
    return found


def _moved(inputs: Properties, moves: Mapping[str, str]) -> Properties:
    """Put inputs into nested members: ``{"a": "b.c"}`` moves input a to member c of b."""
    result = {key: value for key, value in inputs.items() if key not in moves}
    for key, path in moves.items():
        if key in inputs:
            target = result
            *parents, last = path.split(".")
            for parent in parents:
                target = cast("Properties", target.setdefault(parent, {}))
            target[last] = inputs[key]
    return result


def _into(member: str, *outside: str) -> Callable[[Properties], Properties]:
    """Wrap all inputs but those of ``outside`` in one member."""

    def reshape(inputs: Properties) -> Properties:
        kept = {key: inputs.pop(key) for key in outside if key in inputs}
        return {**kept, member: inputs}

    return reshape


def _pairs(values: Mapping[str, Any]) -> list[Properties]:
    return [{"name": key, "value": value} for key, value in values.items()]


def _attributes(names: Mapping[str, str], *outside: str) -> Callable[[Properties], Properties]:
    """Make a map of attributes, whose values are text, of all inputs but those of ``outside``."""

    def reshape(inputs: Properties) -> Properties:
        kept = {key: inputs.pop(key) for key in outside if key in inputs}
        attributes = {names[key]: _text(value) for key, value in inputs.items()}
        return {**kept, "attributes": attributes}

    return reshape


def _text(value: Any) -> str:  # noqa: ANN401 (an attribute has any type)
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


# --- structures that differ ---


def _table(inputs: Properties) -> Properties:
    stream = {key: inputs.pop(key) for key in ("streamEnabled", "streamViewType") if key in inputs}
    encryption = inputs.pop("serverSideEncryption", None)
    indexes = [_index(index) for index in inputs.pop("globalSecondaryIndexes", [])]
    return {
        "tableName": inputs.pop("name"),
        "keySchema": _key_schema(inputs.pop("hashKey", None), inputs.pop("rangeKey", None)),
        "attributeDefinitions": [
            {"attributeName": item["name"], "attributeType": item["type"]}
            for item in inputs.pop("attributes")
        ],
        **({"globalSecondaryIndexes": indexes} if indexes else {}),
        **({"streamSpecification": stream} if stream else {}),
        **({"sseSpecification": _sse(encryption)} if encryption else {}),
        **inputs,
    }


def _table_replicas(inputs: Properties) -> Properties:
    # The rest of a replica is sent to its own region, member by member, once it is there.
    created = [
        {"create": {"regionName": replica["regionName"], "kmsMasterKeyId": replica["kmsKeyArn"]}}
        for replica in inputs.get("replicas", [])
    ]
    return {"tableName": inputs["name"], **({"replicaUpdates": created} if created else {})}


def _key_schema(hash_key: str | None, range_key: str | None) -> list[Properties]:
    pairs = ((hash_key, "HASH"), (range_key, "RANGE"))
    return [{"attributeName": name, "keyType": kind} for name, kind in pairs if name]


def _index(index: Properties) -> Properties:
    keys = index.pop("keySchemas", None) or _key_schema(
        index.pop("hashKey", None), index.pop("rangeKey", None)
    )
    projection = _moved(index, {"projectionType": "projection.type", "nonKeyAttributes": "projection.keys"})
    wanted = {"type": "projectionType", "keys": "nonKeyAttributes"}
    projection["projection"] = {wanted[key]: value for key, value in projection["projection"].items()}
    return {"indexName": projection.pop("name"), "keySchema": keys, **projection}


def _sse(encryption: Properties) -> Properties:
    renamed = {"enabled": "enabled", "kmsKeyArn": "kmsMasterKeyId"}
    return {"sseType": "KMS", **{renamed[key]: value for key, value in encryption.items()}}


def _recovery(inputs: Properties) -> Properties:
    recovery = inputs.pop("pointInTimeRecovery")
    renamed = {"enabled": "pointInTimeRecoveryEnabled", "recoveryPeriodInDays": "recoveryPeriodInDays"}
    specification = {renamed[key]: value for key, value in recovery.items()}
    return {"tableName": inputs["name"], "pointInTimeRecoverySpecification": specification}


def _event_target(inputs: Properties) -> Properties:
    outside = {key: inputs.pop(key) for key in ("rule", "eventBusName") if key in inputs}
    inputs["id"] = inputs.pop("targetId")
    transformer = inputs.get("inputTransformer", {})
    if "inputPaths" in transformer:
        transformer["inputPathsMap"] = transformer.pop("inputPaths")
    if "sqsTarget" in inputs:
        inputs["sqsParameters"] = inputs.pop("sqsTarget")
    return {**outside, "targets": [inputs]}


def _alarm(inputs: Properties) -> Properties:
    inputs = _moved(inputs, {"name": "alarmName"})
    if "dimensions" in inputs:
        inputs["dimensions"] = _pairs(inputs["dimensions"])
    if "metricQueries" in inputs:
        inputs["metrics"] = [_metric_query(query) for query in inputs.pop("metricQueries")]
    return inputs


def _metric_filter(inputs: Properties) -> Properties:
    inputs = _moved(inputs, {"name": "filterName", "pattern": "filterPattern"})
    moves = {"name": "metricName", "namespace": "metricNamespace", "value": "metricValue"}
    inputs["metricTransformations"] = [_moved(inputs.pop("metricTransformation"), moves)]
    return inputs


def _budget(inputs: Properties) -> Properties:
    limit = {"amount": inputs.pop("limitAmount"), "unit": inputs.pop("limitUnit")}
    expression = inputs["filterExpression"]
    budget = {
        "budgetName": inputs.pop("name"),
        "budgetLimit": limit,
        "metrics": [inputs.pop("metrics")],
        **{key: inputs.pop(key) for key in ("budgetType", "timeUnit")},
        "filterExpression": {"and": expression.pop("ands"), **expression},
    }
    inputs.pop("filterExpression")
    notifications = [
        {
            "subscribers": [
                {"subscriptionType": "SNS", "address": arn}
                for arn in notification.pop("subscriberSnsTopicArns")
            ],
            "notification": notification,
        }
        for notification in inputs.pop("notifications")
    ]
    return {
        "accountId": "123456789012",
        "budget": budget,
        "notificationsWithSubscribers": notifications,
        **inputs,
    }


def _metric_query(query: Properties) -> Properties:
    metric = query.pop("metric", None)
    if metric is None:
        return query
    statistic = {key: metric.pop(key) for key in ("period", "stat", "unit") if key in metric}
    if "dimensions" in metric:
        metric["dimensions"] = _pairs(metric["dimensions"])
    return {**query, "metricStat": {"metric": metric, **statistic}}


def _flow_log(inputs: Properties) -> Properties:
    return {"resourceIds": [inputs.pop("vpcId")], "resourceType": "VPC", **inputs}


def _ecs_service(inputs: Properties) -> Properties:
    return _moved(
        inputs,
        {
            "name": "serviceName",
            "deploymentMinimumHealthyPercent": "deploymentConfiguration.minimumHealthyPercent",
            "deploymentMaximumPercent": "deploymentConfiguration.maximumPercent",
            "deploymentCircuitBreaker": "deploymentConfiguration.deploymentCircuitBreaker",
            "alarms": "deploymentConfiguration.alarms",
        },
    )


def _cache_group(inputs: Properties) -> Properties:
    for log in inputs.get("logDeliveryConfigurations", []):
        member = {"cloudwatch-logs": ("cloudWatchLogsDetails", "logGroup")}[log["destinationType"]]
        log["destinationDetails"] = {member[0]: {member[1]: log.pop("destination")}}
    return inputs


def _cache_parameters(inputs: Properties) -> Properties:
    values = [
        {"parameterName": item["name"], "parameterValue": item["value"]} for item in inputs["parameters"]
    ]
    return {"cacheParameterGroupName": inputs["name"], "parameterNameValues": values}


_ACTIONS = {"fixedResponse": "fixedResponseConfig", "redirect": "redirectConfig", "forward": "forwardConfig"}
_CONDITIONS = {
    "hostHeader": "host-header",
    "httpHeader": "http-header",
    "httpRequestMethod": "http-request-method",
    "pathPattern": "path-pattern",
    "queryStrings": "query-string",
    "sourceIp": "source-ip",
}


def _listener_action(action: Properties) -> Properties:
    for group in action.get("forward", {}).get("targetGroups", []):
        group["targetGroupArn"] = group.pop("arn")
    return {_ACTIONS.get(key, key): value for key, value in action.items()}


def _listener_condition(condition: Properties) -> Properties:
    ((key, value),) = condition.items()
    member = "queryStringConfig" if key == "queryStrings" else f"{key}Config"
    # The name and the value of a header have longer names of their own.
    body: Any = {"values": cast("list[Any]", value)} if isinstance(value, list) else value
    return {"field": _CONDITIONS[key], member: body}


def _listener(inputs: Properties) -> Properties:
    inputs["defaultActions"] = [_listener_action(action) for action in inputs["defaultActions"]]
    if "certificateArn" in inputs:
        inputs["certificates"] = [{"certificateArn": inputs.pop("certificateArn")}]
    return inputs


def _listener_rule(inputs: Properties) -> Properties:
    inputs["actions"] = [_listener_action(action) for action in inputs["actions"]]
    inputs["conditions"] = [_listener_condition(condition) for condition in inputs["conditions"]]
    return inputs


def _load_balancer(inputs: Properties) -> Properties:
    inputs["scheme"] = "internal" if inputs.pop("internal", False) else "internet-facing"
    inputs["type"] = inputs.pop("loadBalancerType")
    return inputs


_HEALTH_CHECK = {
    "enabled": "healthCheckEnabled",
    "healthyThreshold": "healthyThresholdCount",
    "interval": "healthCheckIntervalSeconds",
    "path": "healthCheckPath",
    "port": "healthCheckPort",
    "protocol": "healthCheckProtocol",
    "timeout": "healthCheckTimeoutSeconds",
    "unhealthyThreshold": "unhealthyThresholdCount",
}


def _target_group(inputs: Properties) -> Properties:
    check = inputs.pop("healthCheck", {})
    matcher = {"matcher": {"httpCode": check.pop("matcher")}} if "matcher" in check else {}
    return {**inputs, **matcher, **{_HEALTH_CHECK[key]: value for key, value in check.items()}}


def _lifecycle(inputs: Properties) -> Properties:
    for rule in inputs["rules"]:
        filtered = rule.get("filter", {})
        if "and" in filtered:
            filtered["and"] = _with_tag_list(filtered["and"])
    return {"bucket": inputs["bucket"], "lifecycleConfiguration": {"rules": inputs["rules"]}}


def _with_tag_list(filtered: Properties) -> Properties:
    tags = [{"key": key, "value": value} for key, value in filtered.get("tags", {}).items()]
    return {**filtered, **({"tags": tags} if tags else {})}


def _bucket_logging(inputs: Properties) -> Properties:
    return {"bucket": inputs.pop("bucket"), "bucketLoggingStatus": {"loggingEnabled": inputs}}


def _notification(inputs: Properties) -> Properties:
    configuration: Properties = {"eventBridgeConfiguration": {}} if inputs.pop("eventbridge", False) else {}
    return {"bucket": inputs.pop("bucket"), "notificationConfiguration": {**configuration, **inputs}}


def _security_rule(inputs: Properties) -> Properties:
    description = {"description": inputs.pop("description")} if "description" in inputs else {}
    group = inputs.pop("securityGroupId")
    permission: Properties = {}
    if "cidrIpv4" in inputs:
        permission["ipRanges"] = [{"cidrIp": inputs.pop("cidrIpv4"), **description}]
    if "cidrIpv6" in inputs:
        permission["ipv6Ranges"] = [{"cidrIpv6": inputs.pop("cidrIpv6"), **description}]
    if "prefixListId" in inputs:
        permission["prefixListIds"] = [{"prefixListId": inputs.pop("prefixListId"), **description}]
    if "referencedSecurityGroupId" in inputs:
        pair = {"groupId": inputs.pop("referencedSecurityGroupId"), **description}
        permission["userIdGroupPairs"] = [pair]
    return {"groupId": group, "ipPermissions": [{**inputs, **permission}]}


def _user_pool(inputs: Properties) -> Properties:
    return _moved(inputs, {"name": "poolName", "passwordPolicy": "policies.passwordPolicy"})


def _pool_factors(inputs: Properties) -> Properties:
    return {**inputs, "userPoolId": "us-east-1_Example"}


_DESTROYING = "tells the provider what to do when it deletes the resource"
_WAITING = "tells the provider how long to wait"
_FREE_TEXT = "an attribute of a name and a value, which the model describes as any text"
_SWITCH = "a call of its own, which takes nothing but the resource"
_QUEUE_ATTRIBUTES = {
    "delaySeconds": "DelaySeconds",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _queue_part(attribute: str) -> Mapped:
    return Mapped(
        sent=(
            Sent(
                service="sqs",
                shape="SetQueueAttributes",
                reshape=_attributes(
                    _QUEUE_ATTRIBUTES | {attribute: _QUEUE_ATTRIBUTES[attribute]}, "queueUrl"
                ),
            ),
        )
    )


def _record(inputs: Properties) -> Properties:
    zone = inputs.pop("zoneId")
    inputs.pop("allowOverwrite", None)
    records = [{"value": value} for value in inputs.pop("records", [])]
    for alias in inputs.pop("aliases", []):
        renamed = {"name": "DNSName", "zoneId": "hostedZoneId"}
        inputs["aliasTarget"] = {renamed.get(key, key): value for key, value in alias.items()}
    if records:
        inputs["resourceRecords"] = records
    change = {"action": "UPSERT", "resourceRecordSet": inputs}
    return {"hostedZoneId": zone, "changeBatch": {"changes": [change]}}


def _distribution(inputs: Properties) -> Properties:
    return {
        "distributionConfig": {"callerReference": "made up by the provider", **distribution_config(inputs)}
    }


def _request_policy(inputs: Properties) -> Properties:
    return {"originRequestPolicyConfig": request_policy_config(inputs)}


def _headers_policy(inputs: Properties) -> Properties:
    return {"responseHeadersPolicyConfig": inputs}


def _agent_runtime(inputs: Properties) -> Properties:
    (inputs["lifecycleConfiguration"],) = inputs.pop("lifecycleConfigurations")
    place = inputs["networkConfiguration"].get("networkModeConfig", {})
    # Recorded ids say whose they are, which AWS's never do.
    for member, prefix in (("securityGroups", "sg"), ("subnets", "subnet")):
        if member in place:
            place[member] = [f"{prefix}-{number:017x}" for number, _ in enumerate(place[member])]
    return inputs


def _guardrail(inputs: Properties) -> Properties:
    content = inputs["contentPolicyConfig"]
    (content["tierConfig"],) = content.pop("tierConfigs")
    # Recorded keys say whose they are, which AWS's never do.
    account = inputs.pop("kmsKeyArn").rpartition(":")[0]
    inputs["kmsKeyId"] = f"{account}:key/00000000-0000-4000-8000-000000000000"
    return inputs


def _inference_profile(inputs: Properties) -> Properties:
    tags = [{"key": key, "value": value} for key, value in inputs.pop("tags", {}).items()]
    return {"inferenceProfileName": inputs.pop("name", "profile-0000000"), "tags": tags, **inputs}


def _one(service: str, shape: str, **rename: str) -> Mapped:
    """Map all inputs to one request; ``name`` is renamed where AWS calls it otherwise."""
    named = "name" if "name" in rename else None
    return Mapped(sent=(Sent(service=service, shape=shape, rename=rename),), named=named)


def _backup_plan(inputs: Properties) -> Properties:
    rules = [
        {
            "ruleName": rule["ruleName"],
            "targetBackupVaultName": rule["targetVaultName"],
            "scheduleExpression": rule["schedule"],
            "startWindowMinutes": rule["startWindow"],
            "completionWindowMinutes": rule["completionWindow"],
            "lifecycle": {"deleteAfterDays": rule["lifecycle"]["deleteAfter"]},
            **_unknown(rule, "ruleName targetVaultName schedule startWindow completionWindow lifecycle"),
        }
        for rule in inputs["rules"]
    ]
    return {"backupPlan": {"backupPlanName": inputs.get("name", "plan-0000000"), "rules": rules}}


def _backup_selection(inputs: Properties) -> Properties:
    return {
        "backupPlanId": inputs["planId"],
        "backupSelection": {
            "selectionName": inputs.get("name", "selection-0000000"),
            "iamRoleArn": inputs["iamRoleArn"],
            "resources": inputs["resources"],
        },
        **_unknown(inputs, "planId name iamRoleArn resources"),
    }


def _unknown(inputs: Properties, known: str) -> Properties:
    """What a reshaping does not know: it stays, so that it is seen to have no place."""
    return {key: value for key, value in inputs.items() if key not in known.split()}


MAPPED: Mapping[str, Mapped] = {
    "aws:backup/plan:Plan": Mapped(
        sent=(Sent(service="backup", shape="CreateBackupPlan", reshape=_backup_plan),)
    ),
    "aws:backup/selection:Selection": Mapped(
        sent=(Sent(service="backup", shape="CreateBackupSelection", reshape=_backup_selection),)
    ),
    "aws:backup/vault:Vault": Mapped(
        sent=(
            Sent(
                service="backup",
                shape="CreateBackupVault",
                rename={"name": "BackupVaultName", "kmsKeyArn": "EncryptionKeyArn"},
            ),
        ),
        named="name",
        unsent={"forceDestroy": _DESTROYING},
    ),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": _one(
        "backup", "PutBackupVaultLockConfiguration"
    ),
    "aws:acm/certificate:Certificate": _one("acm", "RequestCertificate"),
    "aws:apigateway/authorizer:Authorizer": _one(
        "apigateway", "CreateAuthorizer", restApi="restApiId", name="name"
    ),
    "aws:apigateway/deployment:Deployment": Mapped(
        sent=(Sent(service="apigateway", shape="CreateDeployment", rename={"restApi": "restApiId"}),),
        unsent={"triggers": "a change of these is what makes a new deployment"},
    ),
    "aws:apigateway/integration:Integration": _one(
        "apigateway", "PutIntegration", restApi="restApiId", timeoutMilliseconds="timeoutInMillis"
    ),
    "aws:apigateway/method:Method": _one(
        "apigateway", "PutMethod", restApi="restApiId", authorization="authorizationType"
    ),
    "aws:apigateway/methodSettings:MethodSettings": Mapped(
        sent=(
            Sent(
                service="apigateway",
                shape="UpdateStage",
                takes={"restApi", "stageName"},
                rename={"restApi": "restApiId"},
            ),
            Sent(
                service="apigateway",
                shape="MethodSetting",
                takes={"settings"},
                reshape=lambda inputs: inputs["settings"],
            ),
        ),
        unsent={"methodPath": "a part of the paths of UpdateStage's patches"},
    ),
    "aws:apigateway/requestValidator:RequestValidator": _one(
        "apigateway", "CreateRequestValidator", restApi="restApiId", name="name"
    ),
    "aws:apigateway/resource:Resource": _one("apigateway", "CreateResource", restApi="restApiId"),
    "aws:apigateway/response:Response": _one("apigateway", "PutGatewayResponse"),
    "aws:apigateway/restApi:RestApi": _one("apigateway", "CreateRestApi", name="name"),
    "aws:apigateway/stage:Stage": Mapped(
        sent=(
            Sent(
                service="apigateway",
                shape="CreateStage",
                takes={
                    "restApi",
                    "deployment",
                    "stageName",
                    "xrayTracingEnabled",
                    "description",
                    "variables",
                },
                rename={
                    "restApi": "restApiId",
                    "deployment": "deploymentId",
                    "xrayTracingEnabled": "tracingEnabled",
                },
            ),
            Sent(
                service="apigateway",
                shape="AccessLogSettings",
                takes={"accessLogSettings"},
                reshape=lambda inputs: inputs["accessLogSettings"],
            ),
        ),
    ),
    "aws:apigatewayv2/vpcLink:VpcLink": _one("apigatewayv2", "CreateVpcLink", name="name"),
    "aws:appautoscaling/policy:Policy": _one(
        "application-autoscaling", "PutScalingPolicy", name="policyName"
    ),
    "aws:appautoscaling/target:Target": _one("application-autoscaling", "RegisterScalableTarget"),
    "aws:bedrock/guardrail:Guardrail": Mapped(
        sent=(Sent(service="bedrock", shape="CreateGuardrail", reshape=_guardrail),), named="name"
    ),
    "aws:bedrock/guardrailVersion:GuardrailVersion": Mapped(
        sent=(
            Sent(
                service="bedrock",
                shape="CreateGuardrailVersion",
                rename={"guardrailArn": "guardrailIdentifier"},
            ),
        ),
        unsent={"skipDestroy": _DESTROYING},
    ),
    "aws:bedrock/inferenceProfile:InferenceProfile": Mapped(
        sent=(Sent(service="bedrock", shape="CreateInferenceProfile", reshape=_inference_profile),),
        unsent={"region": "the endpoint that is called"},
    ),
    "aws:budgets/budget:Budget": Mapped(
        sent=(Sent(service="budgets", shape="CreateBudget", reshape=_budget),), named="name"
    ),
    "aws:cloudwatch/dashboard:Dashboard": _one("cloudwatch", "PutDashboard"),
    "aws:cloudwatch/eventArchive:EventArchive": _one("events", "CreateArchive", name="archiveName"),
    "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime": Mapped(
        sent=(Sent(service="bedrock-agentcore-control", shape="CreateAgentRuntime", reshape=_agent_runtime),),
        unsent={"timeouts": _WAITING},
    ),
    "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint": Mapped(
        sent=(Sent(service="bedrock-agentcore-control", shape="CreateAgentRuntimeEndpoint"),),
        unsent={"timeouts": _WAITING},
    ),
    "aws:cloudfront/distribution:Distribution": Mapped(
        sent=(Sent(service="cloudfront", shape="CreateDistribution", reshape=_distribution),),
        unsent={
            "retainOnDelete": _DESTROYING,
            "waitForDeployment": _WAITING,
        },
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": Mapped(
        sent=(Sent(service="cloudfront", shape="CreateOriginRequestPolicy", reshape=_request_policy),),
        named="name",
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": Mapped(
        sent=(Sent(service="cloudfront", shape="CreateResponseHeadersPolicy", reshape=_headers_policy),),
        named="name",
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": Mapped(
        sent=(Sent(service="cloudfront", shape="CreateVpcOrigin"),),
        unsent={"timeouts": _WAITING},
    ),
    "aws:cloudwatch/eventBus:EventBus": _one("events", "CreateEventBus", name="name"),
    "aws:cloudwatch/eventRule:EventRule": _one("events", "PutRule", name="name"),
    "aws:cloudwatch/eventTarget:EventTarget": Mapped(
        sent=(Sent(service="events", shape="PutTargets", reshape=_event_target),), named="targetId"
    ),
    "aws:cloudwatch/logDelivery:LogDelivery": _one("logs", "CreateDelivery"),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": _one(
        "logs", "PutDeliveryDestination", name="name"
    ),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": _one("logs", "PutDeliverySource", name="name"),
    "aws:cloudwatch/logGroup:LogGroup": Mapped(
        sent=(
            Sent(
                service="logs",
                shape="CreateLogGroup",
                takes={"name", "kmsKeyId", "logGroupClass", "tags"},
                rename={"name": "logGroupName"},
            ),
            Sent(
                service="logs",
                shape="PutRetentionPolicy",
                takes={"name", "retentionInDays"},
                rename={"name": "logGroupName"},
            ),
        ),
        named="name",
        unsent={"skipDestroy": _DESTROYING},
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Mapped(
        sent=(Sent(service="logs", shape="PutMetricFilter", reshape=_metric_filter),), named="name"
    ),
    "aws:cloudwatch/queryDefinition:QueryDefinition": _one("logs", "PutQueryDefinition"),
    "aws:xray/samplingRule:SamplingRule": Mapped(
        sent=(
            Sent(service="xray", shape="CreateSamplingRule", reshape=lambda inputs: {"samplingRule": inputs}),
        )
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Mapped(
        sent=(Sent(service="cloudwatch", shape="PutMetricAlarm", reshape=_alarm),), named="name"
    ),
    "aws:cognito/userPool:UserPool": Mapped(
        sent=(
            Sent(
                service="cognito-idp",
                shape="SetUserPoolMfaConfig",
                takes={"softwareTokenMfaConfiguration", "mfaConfiguration"},
                reshape=_pool_factors,
            ),
            Sent(
                service="cognito-idp",
                shape="CreateUserPool",
                takes={
                    "accountRecoverySetting",
                    "adminCreateUserConfig",
                    "aliasAttributes",
                    "autoVerifiedAttributes",
                    "deletionProtection",
                    "deviceConfiguration",
                    "emailConfiguration",
                    "lambdaConfig",
                    "mfaConfiguration",
                    "name",
                    "passwordPolicy",
                    "schemas",
                    "signInPolicy",
                    "tags",
                    "userAttributeUpdateSettings",
                    "userPoolAddOns",
                    "userPoolTier",
                    "usernameAttributes",
                    "usernameConfiguration",
                    "verificationMessageTemplate",
                },
                rename={"schemas": "schema"},
                reshape=_user_pool,
            ),
        ),
        named="name",
    ),
    "aws:cognito/userPoolClient:UserPoolClient": _one(
        "cognito-idp", "CreateUserPoolClient", name="clientName"
    ),
    "aws:dynamodb/table:Table": Mapped(
        sent=(
            Sent(
                service="dynamodb",
                shape="CreateTable",
                takes={
                    "attributes",
                    "billingMode",
                    "deletionProtectionEnabled",
                    "globalSecondaryIndexes",
                    "hashKey",
                    "name",
                    "onDemandThroughput",
                    "rangeKey",
                    "serverSideEncryption",
                    "streamEnabled",
                    "streamViewType",
                    "tableClass",
                    "tags",
                    "warmThroughput",
                },
                reshape=_table,
            ),
            Sent(
                service="dynamodb",
                shape="UpdateContinuousBackups",
                takes={"name", "pointInTimeRecovery"},
                reshape=_recovery,
            ),
            Sent(
                service="dynamodb",
                shape="TimeToLiveSpecification",
                takes={"ttl"},
                reshape=lambda inputs: inputs["ttl"],
            ),
            Sent(
                service="dynamodb", shape="UpdateTable", takes={"name", "replicas"}, reshape=_table_replicas
            ),
        ),
        named="name",
    ),
    "aws:ec2/flowLog:FlowLog": Mapped(
        sent=(
            Sent(
                service="ec2",
                shape="CreateFlowLogs",
                rename={"iamRoleArn": "DeliverLogsPermissionArn"},
                reshape=_flow_log,
            ),
        )
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Mapped(
        sent=(Sent(service="ec2", shape="CreateVpcEndpoint", rename={"policy": "PolicyDocument"}),)
    ),
    "aws:ec2/securityGroup:SecurityGroup": _one("ec2", "CreateSecurityGroup", name="groupName"),
    "aws:ecs/cluster:Cluster": _one("ecs", "CreateCluster", name="clusterName"),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Mapped(
        sent=(
            Sent(
                service="ecs",
                shape="PutClusterCapacityProviders",
                rename={
                    "clusterName": "cluster",
                    "defaultCapacityProviderStrategies": "defaultCapacityProviderStrategy",
                },
                fixed={"defaultCapacityProviderStrategy": []},
            ),
        )
    ),
    "aws:ecs/service:Service": Mapped(
        sent=(
            Sent(
                service="ecs",
                shape="CreateService",
                rename={"capacityProviderStrategies": "capacityProviderStrategy"},
                reshape=_ecs_service,
            ),
        ),
        named="name",
        unsent={
            "waitForSteadyState": _WAITING,
            "forceNewDeployment": "a member of UpdateService",
            "triggers": "a change of these is what makes a new deployment",
        },
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Mapped(
        sent=(
            Sent(
                service="ecs",
                shape="RegisterTaskDefinition",
                documents={"containerDefinitions": "containerDefinitions"},
            ),
        )
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Mapped(
        sent=(
            Sent(
                service="elasticache",
                shape="CreateCacheParameterGroup",
                takes={"name", "family", "description", "tags"},
                rename={"name": "cacheParameterGroupName", "family": "cacheParameterGroupFamily"},
            ),
            Sent(
                service="elasticache",
                shape="ModifyCacheParameterGroup",
                takes={"name", "parameters"},
                reshape=_cache_parameters,
            ),
        ),
        named="name",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Mapped(
        sent=(
            Sent(
                service="elasticache",
                shape="CreateReplicationGroup",
                rename={
                    "description": "replicationGroupDescription",
                    "nodeType": "cacheNodeType",
                    "parameterGroupName": "cacheParameterGroupName",
                    "subnetGroupName": "cacheSubnetGroupName",
                    "maintenanceWindow": "preferredMaintenanceWindow",
                },
                reshape=_cache_group,
            ),
            Sent(
                service="elasticache",
                shape="DeleteReplicationGroup",
                takes={"replicationGroupId", "finalSnapshotIdentifier"},
            ),
        ),
        named="replicationGroupId",
        unsent={
            "applyImmediately": "a member of ModifyReplicationGroup",
            "finalSnapshotIdentifier": "a member of DeleteReplicationGroup",
        },
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": _one(
        "elasticache",
        "CreateCacheSubnetGroup",
        name="cacheSubnetGroupName",
        description="cacheSubnetGroupDescription",
    ),
    "aws:elasticache/user:User": _one("elasticache", "CreateUser"),
    "aws:elasticache/userGroup:UserGroup": _one("elasticache", "CreateUserGroup"),
    "aws:elasticache/userGroupAssociation:UserGroupAssociation": Mapped(
        sent=(Sent(service="elasticache", shape="ModifyUserGroup", rename={"userId": "userIdsToAdd"}),)
    ),
    "aws:iam/role:Role": _one(
        "iam", "CreateRole", name="roleName", assumeRolePolicy="assumeRolePolicyDocument"
    ),
    "aws:iam/rolePolicy:RolePolicy": _one(
        "iam", "PutRolePolicy", name="policyName", role="roleName", policy="policyDocument"
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Mapped(
        sent=(
            Sent(
                service="ecr",
                shape="SetRepositoryPolicy",
                rename={"repository": "repositoryName", "policy": "policyText"},
            ),
        )
    ),
    "aws:kms/key:Key": Mapped(
        sent=(
            Sent(service="kms", shape="CreateKey", takes={"policy", "description", "multiRegion", "tags"}),
            Sent(
                service="kms",
                shape="ScheduleKeyDeletion",
                takes={"deletionWindowInDays"},
                rename={"deletionWindowInDays": "pendingWindowInDays"},
                fixed={"KeyId": "1234abcd"},
            ),
            Sent(
                service="kms",
                shape="EnableKeyRotation",
                takes={"rotationPeriodInDays"},
                fixed={"KeyId": "1234abcd"},
            ),
        ),
        unsent={"enableKeyRotation": _SWITCH},
    ),
    "aws:lambda/function:Function": Mapped(
        sent=(
            Sent(
                service="lambda",
                shape="CreateFunction",
                takes={
                    "architectures",
                    "deadLetterConfig",
                    "environment",
                    "ephemeralStorage",
                    "imageConfig",
                    "imageUri",
                    "kmsKeyArn",
                    "loggingConfig",
                    "memorySize",
                    "name",
                    "packageType",
                    "role",
                    "tags",
                    "timeout",
                    "tracingConfig",
                },
                rename={"name": "functionName"},
                reshape=lambda inputs: _moved(inputs, {"imageUri": "code.imageUri"}),
            ),
            Sent(
                service="lambda",
                shape="PutFunctionConcurrency",
                takes={"name", "reservedConcurrentExecutions"},
                rename={"name": "functionName"},
                fixed={"ReservedConcurrentExecutions": 1},
            ),
        ),
        named="name",
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": _one(
        "lambda", "PutFunctionEventInvokeConfig"
    ),
    "aws:lambda/functionUrl:FunctionUrl": Mapped(
        sent=(
            Sent(
                service="lambda",
                shape="CreateFunctionUrlConfig",
                rename={"authorizationType": "authType"},
            ),
        )
    ),
    "aws:lambda/permission:Permission": Mapped(
        sent=(Sent(service="lambda", shape="AddPermission", rename={"function": "functionName"}),),
        named="statementId",
    ),
    "aws:kms/replicaKey:ReplicaKey": Mapped(
        sent=(
            Sent(
                service="kms",
                shape="ReplicateKey",
                takes={"primaryKeyArn", "policy", "description", "tags"},
                rename={"primaryKeyArn": "keyId"},
                fixed={"ReplicaRegion": "us-west-2"},
            ),
            Sent(
                service="kms",
                shape="ScheduleKeyDeletion",
                takes={"deletionWindowInDays"},
                rename={"deletionWindowInDays": "pendingWindowInDays"},
                fixed={"KeyId": "1234abcd"},
            ),
        ),
    ),
    "aws:lb/listener:Listener": Mapped(
        sent=(Sent(service="elbv2", shape="CreateListener", reshape=_listener),)
    ),
    "aws:lb/listenerRule:ListenerRule": Mapped(
        sent=(Sent(service="elbv2", shape="CreateRule", reshape=_listener_rule),)
    ),
    "aws:lb/loadBalancer:LoadBalancer": Mapped(
        sent=(
            Sent(
                service="elbv2",
                shape="CreateLoadBalancer",
                takes={
                    "name",
                    "subnets",
                    "securityGroups",
                    "loadBalancerType",
                    "ipAddressType",
                    "internal",
                    "tags",
                },
                reshape=_load_balancer,
            ),
        ),
        named="name",
        unsent=dict.fromkeys(
            (
                "accessLogs",
                "desyncMitigationMode",
                "dropInvalidHeaderFields",
                "enableDeletionProtection",
                "idleTimeout",
            ),
            _FREE_TEXT,
        ),
    ),
    "aws:lb/targetGroup:TargetGroup": Mapped(
        sent=(Sent(service="elbv2", shape="CreateTargetGroup", reshape=_target_group),),
        named="name",
        unsent=dict.fromkeys(("deregistrationDelay", "slowStart"), _FREE_TEXT),
    ),
    "aws:pipes/pipe:Pipe": _one("pipes", "CreatePipe", name="name"),
    "aws:route53/record:Record": Mapped(
        sent=(Sent(service="route53", shape="ChangeResourceRecordSets", reshape=_record),),
    ),
    "aws:s3/bucket:Bucket": Mapped(
        sent=(Sent(service="s3", shape="CreateBucket"),),
        named="bucket",
        unsent={"forceDestroy": _DESTROYING},
    ),
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": Mapped(
        sent=(Sent(service="s3", shape="PutBucketCors", reshape=_into("corsConfiguration", "bucket")),)
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Mapped(
        sent=(Sent(service="s3", shape="PutBucketLifecycleConfiguration", reshape=_lifecycle),)
    ),
    "aws:s3/bucketLogging:BucketLogging": Mapped(
        sent=(Sent(service="s3", shape="PutBucketLogging", reshape=_bucket_logging),)
    ),
    "aws:s3/bucketNotification:BucketNotification": Mapped(
        sent=(Sent(service="s3", shape="PutBucketNotificationConfiguration", reshape=_notification),)
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Mapped(
        sent=(
            Sent(
                service="s3",
                shape="PutBucketOwnershipControls",
                reshape=lambda inputs: _moved(inputs, {"rule": "ownershipControls.rules"}),
            ),
        )
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _one("s3", "PutBucketPolicy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Mapped(
        sent=(
            Sent(
                service="s3",
                shape="PutPublicAccessBlock",
                reshape=_into("publicAccessBlockConfiguration", "bucket"),
            ),
        )
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": Mapped(
        sent=(
            Sent(
                service="s3",
                shape="PutBucketReplication",
                reshape=_into("replicationConfiguration", "bucket"),
            ),
        )
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Mapped(
        sent=(
            Sent(
                service="s3",
                shape="PutBucketEncryption",
                reshape=_into("serverSideEncryptionConfiguration", "bucket"),
            ),
        )
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _one("s3", "PutBucketVersioning"),
    "aws:s3/vectorsIndex:VectorsIndex": _one("s3vectors", "CreateIndex"),
    "aws:s3/vectorsVectorBucket:VectorsVectorBucket": Mapped(
        sent=(Sent(service="s3vectors", shape="CreateVectorBucket"),),
        unsent={"forceDestroy": _DESTROYING},
    ),
    "aws:secretsmanager/secret:Secret": Mapped(
        sent=(
            Sent(
                service="secretsmanager",
                shape="CreateSecret",
                takes={"name", "description", "kmsKeyId", "replicas", "tags"},
                rename={"replicas": "addReplicaRegions"},
            ),
            Sent(
                service="secretsmanager",
                shape="DeleteSecret",
                takes={"name", "recoveryWindowInDays"},
                rename={"name": "secretId"},
            ),
        ),
        named="name",
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": Mapped(
        sent=(
            Sent(
                service="secretsmanager",
                shape="PutResourcePolicy",
                rename={"secretArn": "secretId", "policy": "resourcePolicy"},
            ),
        )
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": _one("secretsmanager", "PutSecretValue"),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _one(
        "servicediscovery", "CreatePrivateDnsNamespace", name="name"
    ),
    "aws:servicediscovery/service:Service": _one("servicediscovery", "CreateService", name="name"),
    "aws:sns/topic:Topic": Mapped(
        sent=(
            Sent(
                service="sns",
                shape="CreateTopic",
                reshape=_attributes({"kmsMasterKeyId": "KmsMasterKeyId"}, "name", "tags"),
            ),
        ),
        named="name",
    ),
    "aws:sns/topicPolicy:TopicPolicy": Mapped(
        sent=(
            Sent(
                service="sns",
                shape="SetTopicAttributes",
                rename={"arn": "topicArn", "policy": "attributeValue"},
                fixed={"AttributeName": "Policy"},
            ),
        )
    ),
    "aws:sns/topicSubscription:TopicSubscription": _one("sns", "Subscribe", topic="topicArn"),
    "aws:sqs/queue:Queue": Mapped(
        sent=(
            Sent(
                service="sqs",
                shape="CreateQueue",
                reshape=_attributes(_QUEUE_ATTRIBUTES, "name", "tags"),
                rename={"name": "queueName"},
            ),
        ),
        named="name",
    ),
    "aws:sqs/queuePolicy:QueuePolicy": _queue_part("policy"),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _queue_part("redriveAllowPolicy"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Mapped(
        sent=(Sent(service="ec2", shape="AuthorizeSecurityGroupEgress", reshape=_security_rule),)
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Mapped(
        sent=(Sent(service="ec2", shape="AuthorizeSecurityGroupIngress", reshape=_security_rule),)
    ),
    "aws:wafv2/webAcl:WebAcl": _one("wafv2", "CreateWebACL", name="name"),
    "aws:wafv2/webAclAssociation:WebAclAssociation": _one("wafv2", "AssociateWebACL"),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Mapped(
        sent=(
            Sent(
                service="wafv2",
                shape="PutLoggingConfiguration",
                reshape=lambda inputs: {"loggingConfiguration": inputs},
            ),
        )
    ),
    "awsx:ecr:Repository": Mapped(
        sent=(Sent(service="ecr", shape="CreateRepository", rename={"name": "repositoryName"}),),
        named="name",
        unsent={
            "forceDelete": _DESTROYING,
            "lifecyclePolicy": "awsx writes the document from a form of its own",
        },
    ),
}

UNMAPPED: Mapping[str, str] = {
    "aws:acm/certificateValidation:CertificateValidation": "waits for ACM to see the records; sends nothing",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "adopts the VPC's own group and removes its rules",
    "awsx:ec2:Vpc": "the subnets, routes and gateways of a VPC are made inside of awsx",
    "docker:index/image:Image": "built and pushed by Docker; no AWS API takes it",
    "random:index/randomPassword:RandomPassword": "made by the provider itself",
}
"""Types without a counterpart in the services' models, each with the reason."""
