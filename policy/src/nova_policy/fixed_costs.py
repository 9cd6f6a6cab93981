"""How many of what resources are paid for while nobody uses them, by the kinds of `prices.toml` (pure).

What a preview does not know counts as little as it may turn out to be: a sum is a lower bound.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nova_policy.containers import SERVICE, TASK
from nova_policy.graph import Graph, Resource
from nova_policy.values import at, each, may_be, numbers

type Count = tuple[str, float]
"""A kind of the price table, and how many."""

CPU_UNITS_PER_VCPU = 1024
MB_PER_GB = 1024
ALARMS_PER_TARGET_TRACKING = 2
"""Application Auto Scaling makes one for scaling out and one for scaling in (its user guide)."""
# Counted in the CloudWatch user guide, Amazon ECS Container Insights metrics, for tasks on Fargate.
INSIGHTS_PER_CLUSTER = 12
INSIGHTS_PER_SERVICE = 25
"""15 by service and 10 by task family."""
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
ADDRESS = "aws:ec2/eip:Eip"
_TARGET = "aws:appautoscaling/target:Target"
_SPOT = "FARGATE_SPOT"


def counts(graph: Graph, resource: Resource) -> Iterator[Count]:
    """Yield what ``resource`` is paid for while idle; nothing for a type that is not counted."""
    if resource.type in _COUNTED:
        yield from _COUNTED[resource.type](graph, resource)


def _one(kind: str) -> Callable[[Graph, Resource], Iterator[Count]]:
    def count(_graph: Graph, _resource: Resource) -> Iterator[Count]:
        yield kind, 1

    return count


def _endpoint(_graph: Graph, endpoint: Resource) -> Iterator[Count]:
    if endpoint.at("vpcEndpointType") == "Interface":
        yield "interface-endpoint", _length(endpoint.at("subnetIds"))


def _length(value: Any) -> int:
    """Count the members of a list, also those that are not known yet."""
    return len(value) if isinstance(value, list) else 0  # pyright: ignore[reportUnknownArgumentType]


def _service(graph: Graph, service: Resource) -> Iterator[Count]:
    for task in graph.targets(service, "taskDefinition", TASK):
        vcpu = _number(task.at("cpu")) / CPU_UNITS_PER_VCPU
        memory_gb = _number(task.at("memory")) / MB_PER_GB
        on_demand, spot = tasks(graph, service)
        for kind, count in (("fargate", on_demand), ("fargate-spot", spot)):
            yield f"{kind}-vcpu", count * vcpu
            yield f"{kind}-gb", count * memory_gb


def tasks(graph: Graph, service: Resource, limit: str = "minCapacity") -> tuple[float, float]:
    """Return how many tasks of a service run on demand and how many on Spot.

    ``limit`` is ``minCapacity``, for when there is nothing to do, or ``maxCapacity``. ECS fills bases first,
    and divides the rest by weight.
    """
    targets = graph.referring_to(service, _TARGET, by="resourceId")
    limits = [target.at(limit) for target in targets] or [service.at("desiredCount")]
    count = sum(map(_number, limits))
    strategies = list(each(service.at("capacityProviderStrategies")))
    bases = sum(_number(at(one, "base")) for one in strategies)
    weights = sum(_number(at(one, "weight")) for one in strategies)
    spots = [one for one in strategies if at(one, "capacityProvider") == _SPOT]
    share = sum(_number(at(one, "weight")) for one in spots) / (weights or 1)
    by_weight = round(max(0, count - bases) * share)
    spot = min(count, sum(_number(at(one, "base")) for one in spots) + by_weight)
    return count - spot, spot


def _cluster(graph: Graph, cluster: Resource) -> Iterator[Count]:
    for setting in each(cluster.at("settings")):
        if at(setting, "name") == "containerInsights" and not may_be(at(setting, "value"), "disabled"):
            services = graph.referring_to(cluster, SERVICE, by="cluster")
            yield "metric", INSIGHTS_PER_CLUSTER + len(services) * INSIGHTS_PER_SERVICE


def _scaling(_graph: Graph, policy: Resource) -> Iterator[Count]:
    tracking = policy.at("targetTrackingScalingPolicyConfiguration")
    if isinstance(tracking, dict):
        metrics = each(at(tracking, "customizedMetricSpecification", "metrics"))
        watched = sum(1 for metric in metrics if at(metric, "metricStat") is not None) or 1
        yield "alarm", ALARMS_PER_TARGET_TRACKING * watched


def _alarm(_graph: Graph, alarm: Resource) -> Iterator[Count]:
    queries = [query for query in each(alarm.at("metricQueries")) if at(query, "metric") is not None]
    yield "alarm", len(queries) or 1


def _metric_filter(graph: Graph, found: Resource) -> Iterator[Count]:
    """Charge the first of the filters that feed a metric: there may be one for each log group."""
    fed = _metric(found)
    alike = [one.urn for one in graph.of_type(found.type) if _metric(one) == fed]
    yield "metric", int(found.urn == min(alike))


def _metric(found: Resource) -> tuple[Any, Any]:
    return found.at("metricTransformation", "namespace"), found.at("metricTransformation", "name")


def _cache(_graph: Graph, group: Resource) -> Iterator[Count]:
    engine, node = group.at("engine"), group.at("nodeType")
    if isinstance(engine, str) and isinstance(node, str):
        yield f"{engine} {node}", int(_number(group.at("numCacheClusters")))


def _secret(_graph: Graph, secret: Resource) -> Iterator[Count]:
    yield "secret", 1 + _length(secret.at("replicas"))


def _web_acl(_graph: Graph, acl: Resource) -> Iterator[Count]:
    yield "web-acl", 1
    yield "web-acl-rule", _length(acl.at("rules"))


def _number(value: Any) -> float:
    """Return a number, or the one that a text holds; 0 for what is unknown."""
    return next(numbers(value), 0.0)


_COUNTED: Mapping[str, Callable[[Graph, Resource], Iterator[Count]]] = {
    "aws:appautoscaling/policy:Policy": _scaling,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _one("composite-alarm"),
    "aws:cloudwatch/dashboard:Dashboard": _one("dashboard"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _metric_filter,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    ADDRESS: _one("public-ipv4"),
    "aws:ec2/natGateway:NatGateway": _one("nat-gateway"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ecs/cluster:Cluster": _cluster,
    SERVICE: _service,
    CACHE: _cache,
    "aws:kms/key:Key": _one("kms-key"),
    "aws:kms/replicaKey:ReplicaKey": _one("kms-key"),
    "aws:lb/loadBalancer:LoadBalancer": _one("application-load-balancer"),
    "aws:route53/zone:Zone": _one("hosted-zone"),
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _one("hosted-zone"),
    "aws:wafv2/webAcl:WebAcl": _web_acl,
}
COUNTED = tuple(_COUNTED)
"""The types that are counted."""
