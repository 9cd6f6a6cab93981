"""How large a resource is, in a few words, for those of which there is more or less to have."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nova_policy.fixed_costs import CPU_UNITS_PER_VCPU, MB_PER_GB

from evaluation.secrecy import plain

if TYPE_CHECKING:
    from evaluation.program import Deployment
    from evaluation.recorder import Recorded

SECONDS_PER_DAY = 86400
NAT: Mapping[str, str] = {"None": "no NAT", "Single": "one NAT gateway", "OnePerAz": "a NAT gateway each"}


def size(deployment: "Deployment", resource: "Recorded") -> str:
    """Return the size of a resource; empty where none is chosen."""
    return _SIZES[resource.type](deployment, resource) if resource.type in _SIZES else ""


def _service(deployment: "Deployment", service: "Recorded") -> str:
    for target in deployment.of_type("aws:appautoscaling/target:Target"):
        if service.urn in target.references.get("resourceId", ()):
            return _tasks(_between(target))
    return _tasks(f"{service.inputs['desiredCount']:g}")


def _tasks(number: str) -> str:
    return "1 task" if number == "1" else f"{number} tasks"


def _between(target: "Recorded") -> str:
    least, most = target.inputs["minCapacity"], target.inputs["maxCapacity"]
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def _task(_deployment: "Deployment", task: "Recorded") -> str:
    vcpu = float(task.inputs["cpu"]) / CPU_UNITS_PER_VCPU
    return f"{vcpu:g} vCPU, {float(task.inputs['memory']) / MB_PER_GB:g} GB"


def _network(_deployment: "Deployment", vpc: "Recorded") -> str:
    zones = len(vpc.inputs["availabilityZoneNames"])
    return f"{zones} zones, {NAT[vpc.inputs['natGateways']['strategy']]}, {vpc.inputs['cidrBlock']}"


def _cache(_deployment: "Deployment", group: "Recorded") -> str:
    return f"{group.inputs['numCacheClusters']:g} of {group.inputs['nodeType']}"


def _cluster(_deployment: "Deployment", cluster: "Recorded") -> str:
    settings = {item["name"]: item["value"] for item in cluster.inputs.get("settings", [])}
    return f"Container Insights {settings.get('containerInsights', 'disabled')}"


def _runtime(_deployment: "Deployment", runtime: "Recorded") -> str:
    life = runtime.inputs.get("lifecycleConfiguration", {})
    if not life:
        return ""
    return f"sessions of {life['maxLifetime']:g} s, {life['idleRuntimeSessionTimeout']:g} s idle"


def _backup_plan(_deployment: "Deployment", plan: "Recorded") -> str:
    rules: list[Mapping[str, Any]] = plan.inputs["rules"]
    return ", ".join(f"{rule['ruleName']} for {rule['lifecycle']['deleteAfter']:g} days" for rule in rules)


def _days(key: str, per_day: int = 1) -> Callable[["Deployment", "Recorded"], str]:
    def text(_deployment: "Deployment", resource: "Recorded") -> str:
        days = resource.inputs.get(key)
        return "" if days is None else f"{float(days) / per_day:g} days"

    return text


def _stated(template: str) -> Callable[["Deployment", "Recorded"], str]:
    """Fill inputs into a text."""

    def text(_deployment: "Deployment", resource: "Recorded") -> str:
        plain = {key: _plain(value) for key, value in resource.inputs.items()}
        return template.format_map(plain)

    return text


def _plain(value: Any) -> Any:  # noqa: ANN401 (an input has any type)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _web_acl(_deployment: "Deployment", acl: "Recorded") -> str:
    count = len(plain(acl.inputs.get("rules", [])))
    return f"{count} rule" if count == 1 else f"{count} rules"


def _endpoint(_deployment: "Deployment", endpoint: "Recorded") -> str:
    return f"{len(endpoint.inputs.get('subnetIds', []))} zones"


_SIZES: Mapping[str, Callable[["Deployment", "Recorded"], str]] = {
    "aws:appautoscaling/target:Target": lambda _, target: _between(target),
    "aws:backup/plan:Plan": _backup_plan,
    "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime": _runtime,
    "aws:cloudwatch/eventArchive:EventArchive": _days("retentionDays"),
    "aws:cloudwatch/logGroup:LogGroup": _days("retentionInDays"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/service:Service": _service,
    "aws:ecs/taskDefinition:TaskDefinition": _task,
    "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
    "aws:lambda/function:Function": _stated("{memorySize} MB, {timeout} s"),
    "aws:s3/vectorsIndex:VectorsIndex": _stated("{dimension} dimensions"),
    "aws:secretsmanager/secret:Secret": _days("recoveryWindowInDays"),
    "aws:sqs/queue:Queue": _days("messageRetentionSeconds", SECONDS_PER_DAY),
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "awsx:ec2:Vpc": _network,
}
