"""Turns what a program registers into the network that the reachability proof is about.

Needs are read from where they arise, apart from what the components say about them: the policies of roles,
the URLs in environments, target groups, integrations, listeners.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from components.network.needs import EndpointMode, InternetNeed, Need, ServiceNeed, services_called
from components.network.reachability import (
    ANYWHERE,
    Direction,
    Endpoint,
    Graph,
    Member,
    PeerNeed,
    Route,
    Rule,
)
from evaluation.answers import ACCOUNT_ID, REGION, answer_invoke, computed_outputs
from evaluation.program import Deployment
from evaluation.recorder import Recorded

INTERNET_GATEWAY = "internet-gateway"
BALANCER = "load-balancer"
VPC = "awsx:ec2:Vpc"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
RUNTIME = "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime"
SITE_LISTENER = "nova-balancer-site-listener"
# Keys of conditions by which a statement is about calls that another service makes for the role.
_ON_BEHALF = {"kms:ViaService", "bedrock:InferenceProfileArn", "lambda:InvokedViaFunctionUrl"}


def graph_of(deployment: Deployment) -> Graph:
    """The network of ``deployment``; raises ``AssertionError`` for a part of it that nobody has described."""
    members = tuple(_members(deployment))
    endpoints = tuple(_interface_endpoints(deployment))
    network = _only(deployment, VPC)
    inside = (*(member for member in members if not member.outside), *endpoints)
    placed = set(chain.from_iterable(found.groups for found in inside))
    groups = {_identity(group) for group in deployment.of_type(GROUP)}
    assert placed == groups, f"who stands in {sorted(placed ^ groups)}?"
    return Graph(
        region=REGION,
        mode=EndpointMode.GRANTED if endpoints else EndpointMode.NONE,
        members=members,
        rules=tuple(_rules(deployment)),
        routes=tuple(_routes(network)),
        endpoints=(*_gateway_endpoints(network), *endpoints),
        nat_gateways=_nat_gateways(network),
        internet_gateways=frozenset({INTERNET_GATEWAY}),
    )


def _only(deployment: Deployment, kind: str) -> Recorded:
    (found,) = deployment.of_type(kind)
    return found


def _identity(resource: Recorded) -> str:
    return computed_outputs(resource.type, resource.name, resource.inputs)[0]


def _output(resource: Recorded, name: str) -> Any:  # noqa: ANN401 (an output has any type)
    return computed_outputs(resource.type, resource.name, resource.inputs)[1][name]


def _zones(network: Recorded) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Each zone's number, and the kind and id of its subnets."""
    ids = {kind: iter(_output(network, f"{kind}SubnetIds")) for kind in ("public", "private", "isolated")}
    kinds = [str(spec["type"]).lower() for spec in network.inputs["subnetSpecs"]]
    for number, _ in enumerate(network.inputs["availabilityZoneNames"]):
        yield number, [(kind, next(ids[kind])) for kind in kinds]


def _nat_gateways(network: Recorded) -> dict[str, str]:
    strategy = network.inputs["natGateways"]["strategy"]
    wanted = {"None": 0, "Single": 1, "OnePerAz": len(network.inputs["availabilityZoneNames"])}[strategy]
    return {
        f"nat-{number}": subnet
        for number, subnets in _zones(network)
        for kind, subnet in subnets
        if kind == "public" and number < wanted
    }


def _routes(network: Recorded) -> Iterator[Route]:
    # As awsx 3.11 makes them (vpc.ts): a table for each subnet, gateway endpoints in all of them.
    nats = sorted(_nat_gateways(network))
    for number, subnets in _zones(network):
        for kind, subnet in subnets:
            for endpoint in _gateway_endpoints(network):
                yield Route(subnet=subnet, destination=endpoint.prefix_list, target=endpoint.name)
            if kind == "public":
                yield Route(subnet=subnet, destination=ANYWHERE, target=INTERNET_GATEWAY)
            elif kind == "private" and nats:
                yield Route(subnet=subnet, destination=ANYWHERE, target=nats[min(number, len(nats) - 1)])


def _gateway_endpoints(network: Recorded) -> Iterator[Endpoint]:
    for spec in network.inputs["vpcEndpointSpecs"]:
        assert spec["vpcEndpointType"] == "Gateway"
        service = _service(spec["serviceName"])
        yield Endpoint(
            name=f"{service}-gateway-endpoint",
            service=service,
            allowed=_allowed(spec["policy"]),
            prefix_list=_prefix_list(spec["serviceName"]),
        )


def _interface_endpoints(deployment: Deployment) -> Iterator[Endpoint]:
    for found in deployment.of_type(ENDPOINT):
        inputs = found.inputs
        assert inputs["vpcEndpointType"] == "Interface"
        yield Endpoint(
            name=found.name,
            service=_service(inputs["serviceName"]),
            allowed=_allowed(inputs["policy"]),
            groups=frozenset(inputs["securityGroupIds"]),
            subnets=frozenset(inputs["subnetIds"]),
            private_dns=inputs["privateDnsEnabled"],
        )


def _service(name: str) -> str:
    prefix = f"com.amazonaws.{REGION}."
    assert name.startswith(prefix)
    return name.removeprefix(prefix)


def _prefix_list(name: str) -> str:
    return answer_invoke("aws:ec2/getManagedPrefixList:getManagedPrefixList", {"name": name})["id"]


def _allowed(policy: str) -> frozenset[str]:
    own = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT_ID}}
    return frozenset(
        action.removesuffix(":*")
        for statement in json.loads(policy)["Statement"]
        if statement["Effect"] == "Allow" and statement.get("Condition") == own
        for action in statement["Action"]
    )


def _rules(deployment: Deployment) -> Iterator[Rule]:
    for group in deployment.of_type(GROUP):
        assert not {"ingress", "egress"} & set(group.inputs), "rules are resources of their own"
    for direction in Direction:
        kind = f"ecurityGroup{direction.capitalize()}Rule"
        for found in deployment.of_type(f"aws:vpc/s{kind}:S{kind}"):
            inputs = found.inputs
            (peer,) = (
                inputs[key]
                for key in ("referencedSecurityGroupId", "prefixListId", "cidrIpv4", "cidrIpv6")
                if inputs.get(key)
            )
            yield Rule(
                name=found.name,
                group=inputs["securityGroupId"],
                direction=direction,
                protocol=inputs["ipProtocol"],
                first_port=int(inputs.get("fromPort", 0)),
                last_port=int(inputs.get("toPort", 65_535)),
                peer=peer,
            )


def _members(deployment: Deployment) -> Iterator[Member]:
    yield from _services(deployment)
    yield from _jobs(deployment)
    yield from _runtimes(deployment)
    yield from _edge(deployment)
    cache = _only(deployment, CACHE)
    subnets = _only(deployment, "aws:elasticache/subnetGroup:SubnetGroup")
    yield Member(
        name="cache",
        groups=frozenset(cache.inputs["securityGroupIds"]),
        subnets=frozenset(subnets.inputs["subnetIds"]),
        needs=frozenset(),
    )


def _edge(deployment: Deployment) -> Iterator[Member]:
    balancer = _only(deployment, "aws:lb/loadBalancer:LoadBalancer")
    yield Member(
        name=BALANCER,
        groups=frozenset(balancer.inputs["securityGroups"]),
        subnets=frozenset(balancer.inputs["subnets"]),
        needs=frozenset(
            PeerNeed(member=service.inputs["name"], port=int(target["containerPort"]))
            for service in deployment.of_type(SERVICE)
            for target in service.inputs.get("loadBalancers", [])
        ),
    )
    link = _only(deployment, "aws:apigatewayv2/vpcLink:VpcLink")
    yield Member(
        name="vpc-link",
        groups=frozenset(link.inputs["securityGroupIds"]),
        subnets=frozenset(link.inputs["subnetIds"]),
        needs=frozenset(
            PeerNeed(member=BALANCER, port=_port(found.inputs["uri"]))
            for found in deployment.of_type("aws:apigateway/integration:Integration")
            if found.inputs.get("connectionType") == "VPC_LINK"
        ),
    )
    listener = deployment.one("aws:lb/listener:Listener", SITE_LISTENER)
    yield Member(
        name="cloudfront",
        groups=frozenset({_prefix_list("com.amazonaws.global.cloudfront.origin-facing")}),
        subnets=frozenset(),
        needs=frozenset({PeerNeed(member=BALANCER, port=int(listener.inputs["port"]))}),
        outside=True,
    )


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}[parts.scheme]


def _services(deployment: Deployment) -> Iterator[Member]:
    tasks = _tasks(deployment)
    for service in deployment.of_type(SERVICE):
        network, task = service.inputs["networkConfiguration"], tasks[service.inputs["taskDefinition"]]
        yield Member(
            name=service.inputs["name"],
            groups=frozenset(network["securityGroups"]),
            subnets=frozenset(network["subnets"]),
            needs=_task_needs(deployment, task),
        )


def _jobs(deployment: Deployment) -> Iterator[Member]:
    """What a person starts stands where the output says that it is to be started."""
    tasks = _tasks(deployment)
    for name, job in deployment.outputs["jobs"].items():
        yield Member(
            name=name,
            groups=frozenset(job["securityGroups"]),
            subnets=frozenset(job["subnets"]),
            needs=_task_needs(deployment, tasks[job["taskDefinition"]]),
        )


def _tasks(deployment: Deployment) -> dict[str, dict[str, Any]]:
    return {_output(task, "arn"): task.inputs for task in deployment.of_type(TASK)}


def _task_needs(deployment: Deployment, task: dict[str, Any]) -> frozenset[Need | PeerNeed]:
    variables = {
        entry["name"]: entry["value"]
        for container in json.loads(task["containerDefinitions"])
        for entry in container["environment"]
    }
    return _needs(deployment, (task["taskRoleArn"], task["executionRoleArn"]), variables)


def _runtimes(deployment: Deployment) -> Iterator[Member]:
    for runtime in deployment.of_type(RUNTIME):
        network = runtime.inputs["networkConfiguration"]
        if network["networkMode"] == "VPC":
            placed = network["networkModeConfig"]
            yield Member(
                name=runtime.name,
                groups=frozenset(placed["securityGroups"]),
                subnets=frozenset(placed["subnets"]),
                needs=_needs(
                    deployment, (runtime.inputs["roleArn"],), runtime.inputs["environmentVariables"]
                ),
            )


def _needs(
    deployment: Deployment, roles: Iterable[str], variables: Mapping[str, str]
) -> frozenset[Need | PeerNeed]:
    return frozenset(
        chain(
            *(_granted(deployment, role) for role in roles),
            *(_called(deployment, value) for value in variables.values()),
        )
    )


def _granted(deployment: Deployment, role_arn: str) -> Iterator[Need]:
    """What a role may call, according to its policy."""
    for policy in deployment.of_type("aws:iam/rolePolicy:RolePolicy"):
        if not role_arn.endswith(f"/{policy.inputs['role']}"):
            continue
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            keys = {key for compared in statement.get("Condition", {}).values() for key in compared}
            if not keys & _ON_BEHALF:
                yield from _callable(statement)


def _callable(statement: dict[str, Any]) -> Iterator[Need]:
    # An ARN without a region, or no ARN at all, is of the stack's own region.
    arns = [resource.split(":") for resource in statement["Resource"]]
    for region in {arn[3] if len(arn) > 3 and arn[3] else REGION for arn in arns}:
        for action in statement["Action"]:
            yield from (ServiceNeed(service=name, region=region) for name in services_called(action))


def _called(deployment: Deployment, value: str) -> Iterator[Need | PeerNeed]:
    """What somebody with the variable ``value`` in his environment calls, if it is a URL."""
    if not re.match(r"[a-z]+://", value):
        return
    host = urlsplit(value).hostname or ""
    if host.endswith(".nova.local"):
        yield PeerNeed(member=host.removesuffix(".nova.local"), port=_port(value))
    elif host == _output(_only(deployment, CACHE), "primaryEndpointAddress"):
        yield PeerNeed(member="cache", port=_port(value))
    elif found := re.fullmatch(r"([a-z0-9.-]+)\.([a-z]+(-[a-z]+)+-\d)\.amazonaws\.com", host):
        yield ServiceNeed(service=found[1], region=found[2])
    else:
        yield InternetNeed(host=host, reason="a URL in its environment")
