"""What each type of resource costs while nobody uses it: how many of which price, or why nothing.

A type is in exactly one of the two tables; a new one that is in neither stops `nova cost`, and a test.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nova_policy.fixed_costs import (
    ALARMS_PER_TARGET_TRACKING,
    CPU_UNITS_PER_VCPU,
    INSIGHTS_PER_CLUSTER,
    INSIGHTS_PER_SERVICE,
    MB_PER_GB,
)

from cli.errors import NovaError
from cli.prices import price_table
from evaluation.secrecy import plain

if TYPE_CHECKING:
    from evaluation.program import Deployment
    from evaluation.recorder import Recorded

SPOT = "FARGATE_SPOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """So many of a price, all month."""

    price: str
    count: float


type _Charges = Callable[["Deployment", "Recorded"], Iterator[Charge]]


def charges(deployment: "Deployment", resource: "Recorded") -> tuple[Charge, ...]:
    """Return what ``resource`` costs while idle; raises ``NovaError`` for a type that nobody has priced."""
    if resource.type in PRICED:
        return tuple(PRICED[resource.type](deployment, resource))
    if resource.type.startswith(("nova:", "pulumi:")) or resource.type in FREE:
        return ()
    raise NovaError(
        f"{resource.type} has no price: give it one in PRICED of cli/charges.py, or a reason in FREE"
    )


def monthly_usd(deployment: "Deployment", resource: "Recorded", region: str) -> float:
    """Return what ``resource`` costs in ``region`` in an idle month, in USD, before what is free."""
    table = price_table()
    total = 0.0
    for charge in charges(deployment, resource):
        price = table.of(charge.price)
        total += charge.count * price.usd[region] * (table.hours_a_month if price.unit == "hour" else 1)
    return total


def _one(price: str) -> _Charges:
    def charge(_deployment: "Deployment", _resource: "Recorded") -> Iterator[Charge]:
        yield Charge(price=price, count=1)

    return charge


def _network(_deployment: "Deployment", vpc: "Recorded") -> Iterator[Charge]:
    zones, gateways = len(vpc.inputs["availabilityZoneNames"]), nat_gateways(vpc)
    yield Charge(price="nat-gateway", count=gateways)
    yield Charge(price="public-ipv4", count=gateways)
    endpoints = [
        endpoint
        for endpoint in vpc.inputs.get("vpcEndpointSpecs", [])
        if endpoint.get("vpcEndpointType") == "Interface"
    ]
    yield Charge(price="interface-endpoint", count=len(endpoints) * zones)


def nat_gateways(vpc: "Recorded") -> int:
    """Return how many NAT gateways a network has, each with an address of its own."""
    zones = len(vpc.inputs["availabilityZoneNames"])
    return {"None": 0, "Single": 1, "OnePerAz": zones}[vpc.inputs["natGateways"]["strategy"]]


def _endpoint(_deployment: "Deployment", endpoint: "Recorded") -> Iterator[Charge]:
    if endpoint.inputs.get("vpcEndpointType") == "Interface":
        yield Charge(price="interface-endpoint", count=len(endpoint.inputs["subnetIds"]))


def _service(deployment: "Deployment", service: "Recorded") -> Iterator[Charge]:
    (task,) = [deployment.resources[urn] for urn in service.references["taskDefinition"]]
    vcpu = float(task.inputs["cpu"]) / CPU_UNITS_PER_VCPU
    memory_gb = float(task.inputs["memory"]) / MB_PER_GB
    on_demand, spot = tasks_on(deployment, service, "minCapacity")
    for kind, count in (("fargate", on_demand), ("fargate-spot", spot)):
        yield Charge(price=f"{kind}-vcpu", count=count * vcpu)
        yield Charge(price=f"{kind}-gb", count=count * memory_gb)


def tasks_on(deployment: "Deployment", service: "Recorded", limit: str) -> tuple[int, int]:
    """Return how many of a service's tasks run on demand and how many on Spot.

    ``limit`` is ``minCapacity``, for when there is nothing to do, or ``maxCapacity``. They are divided as ECS
    divides them: bases first, the rest by weight.
    """
    strategies: list[Mapping[str, Any]] = service.inputs.get("capacityProviderStrategies", [])
    bases = {item["capacityProvider"]: int(item.get("base", 0)) for item in strategies}
    weights = {item["capacityProvider"]: int(item.get("weight", 0)) for item in strategies}
    count = _tasks(deployment, service, limit)
    rest = max(0, count - sum(bases.values()))
    by_weight = round(rest * weights.get(SPOT, 0) / (sum(weights.values()) or 1))
    spot = min(count, bases.get(SPOT, 0) + by_weight)
    return count - spot, spot


def _tasks(deployment: "Deployment", service: "Recorded", limit: str) -> int:
    for target in deployment.of_type("aws:appautoscaling/target:Target"):
        if service.urn in target.references.get("resourceId", ()):
            return int(target.inputs[limit])
    return int(service.inputs["desiredCount"])


def _cluster(deployment: "Deployment", cluster: "Recorded") -> Iterator[Charge]:
    insights = {item["name"]: item["value"] for item in cluster.inputs.get("settings", [])}
    if insights.get("containerInsights", "disabled") != "disabled":
        services = len(deployment.of_type("aws:ecs/service:Service"))
        yield Charge(price="metric", count=INSIGHTS_PER_CLUSTER + services * INSIGHTS_PER_SERVICE)


def _scaling(_deployment: "Deployment", policy: "Recorded") -> Iterator[Charge]:
    target = policy.inputs.get("targetTrackingScalingPolicyConfiguration")
    if target:
        metrics = target.get("customizedMetricSpecification", {}).get("metrics", [])
        watched = sum(1 for metric in metrics if "metricStat" in metric) or 1
        yield Charge(price="alarm", count=ALARMS_PER_TARGET_TRACKING * watched)


def _alarm(_deployment: "Deployment", alarm: "Recorded") -> Iterator[Charge]:
    queries = [query for query in alarm.inputs.get("metricQueries", []) if "metric" in query]
    yield Charge(price="alarm", count=len(queries) or 1)


def _metric_filter(deployment: "Deployment", found: "Recorded") -> Iterator[Charge]:
    """Charge the first of the filters that feed a metric: there may be one for each log group."""
    fed = found.inputs["metricTransformation"]
    others = [
        other.urn
        for other in deployment.of_type(found.type)
        if (transformed := other.inputs["metricTransformation"])["name"] == fed["name"]
        and transformed["namespace"] == fed["namespace"]
    ]
    yield Charge(price="metric", count=int(found.urn == min(others)))


def _cache(_deployment: "Deployment", group: "Recorded") -> Iterator[Charge]:
    node = f"{group.inputs['engine']} {group.inputs['nodeType']}"
    yield Charge(price=node, count=int(group.inputs["numCacheClusters"]))


def _secret(_deployment: "Deployment", secret: "Recorded") -> Iterator[Charge]:
    yield Charge(price="secret", count=1 + len(secret.inputs.get("replicas", [])))


def _web_acl(_deployment: "Deployment", acl: "Recorded") -> Iterator[Charge]:
    yield Charge(price="web-acl", count=1)
    yield Charge(price="web-acl-rule", count=len(plain(acl.inputs.get("rules", []))))


PRICED: Mapping[str, _Charges] = {
    "aws:appautoscaling/policy:Policy": _scaling,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _one("composite-alarm"),
    "aws:cloudwatch/dashboard:Dashboard": _one("dashboard"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _metric_filter,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/service:Service": _service,
    "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
    "aws:kms/key:Key": _one("kms-key"),
    "aws:kms/replicaKey:ReplicaKey": _one("kms-key"),
    "aws:lb/loadBalancer:LoadBalancer": _one("application-load-balancer"),
    "aws:route53/zone:Zone": _one("hosted-zone"),
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _one("hosted-zone"),
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "awsx:ec2:Vpc": _network,
}
"""The types that cost something while idle."""

_BY_REASON: Mapping[str, tuple[str, ...]] = {
    "charged by request, and by what is stored": (
        "aws:apigateway/restApi:RestApi",
        "aws:apigateway/stage:Stage",
        "aws:cloudfront/distribution:Distribution",
        "aws:cloudfront/function:Function",
        "aws:cloudwatch/eventArchive:EventArchive",
        "aws:cloudwatch/eventBus:EventBus",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:cloudwatch/eventTarget:EventTarget",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cognito/userPool:UserPool",
        "aws:cognito/userPoolClient:UserPoolClient",
        "aws:dynamodb/table:Table",
        "aws:ec2/flowLog:FlowLog",
        "aws:lambda/function:Function",
        "aws:pipes/pipe:Pipe",
        "aws:s3/bucket:Bucket",
        "aws:s3/vectorsIndex:VectorsIndex",
        "aws:s3/vectorsVectorBucket:VectorsVectorBucket",
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
        "awsx:ecr:Repository",
    ),
    "a part or a rule of something that is priced itself": (
        "aws:apigateway/authorizer:Authorizer",
        "aws:apigateway/deployment:Deployment",
        "aws:apigateway/integration:Integration",
        "aws:apigateway/method:Method",
        "aws:apigateway/methodSettings:MethodSettings",
        "aws:apigateway/resource:Resource",
        "aws:apigateway/response:Response",
        "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        "aws:appautoscaling/target:Target",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "aws:ecs/taskDefinition:TaskDefinition",
        "aws:elasticache/parameterGroup:ParameterGroup",
        "aws:elasticache/subnetGroup:SubnetGroup",
        "aws:elasticache/user:User",
        "aws:elasticache/userGroup:UserGroup",
        "aws:elasticache/userGroupAssociation:UserGroupAssociation",
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "aws:lambda/functionUrl:FunctionUrl",
        "aws:lambda/permission:Permission",
        "aws:lb/listener:Listener",
        "aws:lb/listenerRule:ListenerRule",
        "aws:lb/targetGroup:TargetGroup",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketLogging:BucketLogging",
        "aws:s3/bucketNotification:BucketNotification",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:secretsmanager/secretPolicy:SecretPolicy",
        "aws:secretsmanager/secretVersion:SecretVersion",
        "aws:servicediscovery/service:Service",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ),
    "AWS charges nothing for it": (
        "aws:apigatewayv2/vpcLink:VpcLink",
        "aws:budgets/budget:Budget",
        "aws:cloudfront/vpcOrigin:VpcOrigin",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
    ),
    "paid by use: sessions, deliveries, traces, queries and stored copies": (
        "aws:backup/plan:Plan",
        "aws:backup/selection:Selection",
        "aws:backup/vault:Vault",
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime",
        "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint",
        "aws:bedrock/guardrail:Guardrail",
        "aws:bedrock/guardrailVersion:GuardrailVersion",
        "aws:bedrock/inferenceProfile:InferenceProfile",
        "aws:cloudwatch/logDelivery:LogDelivery",
        "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
        "aws:cloudwatch/logDeliverySource:LogDeliverySource",
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        "aws:xray/samplingRule:SamplingRule",
    ),
    "not priced by AWS: certificates, records in a zone that exists, and rules of what is": (
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:apigateway/requestValidator:RequestValidator",
        "aws:route53/record:Record",
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
    ),
    "nothing in AWS": (
        "docker:index/image:Image",
        "random:index/randomPassword:RandomPassword",
    ),
}

FREE: Mapping[str, str] = {kind: reason for reason, kinds in _BY_REASON.items() for kind in kinds}
"""The types that cost nothing while idle, each with the reason."""
