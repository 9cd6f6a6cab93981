"""`nova status` of a stack in AWS: what runs, what waits and what alarms say, as the local one has it."""

from collections.abc import Iterator
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.agents import CONTROL, ENDPOINT
from cli.errors import NovaError
from cli.state import Found, State
from cli.target import Target

SERVICES_ASKED = 10
"""Services of one question (DescribeServices)."""
DEAD_LETTERS = "nova:messaging:DeadLetterQueue"
DISTRIBUTION_REGION = "us-east-1"


def describe_stack(state: State, target: Target) -> dict[str, Any]:
    """Return how a stack is, with the keys of the local platform and some that only AWS has.

    Healthy is a stack that is awake, whose services have settled with the tasks that they want, without
    an alarm that went off or a dead letter. Raises ``NovaError`` where AWS does not say.
    """
    try:
        return _described(state, target)
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the stack cannot be looked at: {error}") from error


def _described(state: State, target: Target) -> dict[str, Any]:
    asleep = bool(target.outputs.get("asleep"))
    services = {} if asleep else dict(_services(state, target))
    alarms, queues = sorted(_alarms(state, target)), dict(_queues(state, target))
    dead = sum(queue["messages"] for queue in queues.values() if queue["dead_letters"])
    outputs = target.outputs
    return {
        "healthy": bool(services)
        and all(service["healthy"] for service in services.values())
        and not alarms
        and not dead,
        "asleep": asleep,
        "urls": {name: outputs[key] for name, key in _URLS.items() if outputs.get(key)},
        "services": services,
        "alarms": alarms,
        "queues": queues,
        "agent": _agent(target),
        "functions": dict(_functions(state, target)),
        "distribution": _distribution(state, target),
    }


_URLS = {"site": "site_url", "api": "api_url", "dashboard": "dashboard_url"}


def lines(described: dict[str, Any]) -> Iterator[str]:
    """Return what was described, for people."""
    if described["asleep"]:
        yield "asleep: ./nova wake has it back"
    else:
        yield "healthy" if described["healthy"] else "not healthy"
    for name, url in described["urls"].items():
        yield f"  {name:<18} {url}"
    for name, service in described["services"].items():
        state = "healthy" if service["healthy"] else "not healthy"
        tasks = f"{service['running']} of {service['desired']} tasks"
        yield f"  {name:<18} {state:<12} {tasks:<16} {service['deployment']}"
    agent = described["agent"]
    if agent:
        yield f"  {'agent':<18} {agent['status']:<12} answers with version {agent['version']}"
    for name, function in described["functions"].items():
        yield f"  {name:<18} {function}"
    if described["distribution"]:
        yield f"  {'distribution':<18} {described['distribution']}"
    for name in described["alarms"]:
        yield f"  alarm: {name}"
    for name, queue in described["queues"].items():
        if queue["messages"]:
            yield f"  {name}: {queue['messages']} {'dead letters' if queue['dead_letters'] else 'messages'}"


def _services(state: State, target: Target) -> Iterator[tuple[str, dict[str, Any]]]:
    names: list[str] = target.output("services")
    found: dict[str, dict[str, Any]] = {}
    clusters = state.of_type("aws:ecs/cluster:Cluster")
    for batch in batched(names, SERVICES_ASKED, strict=False):
        answer = target.client("ecs").describe_services(cluster=clusters[0].id, services=list(batch))
        found |= {str(service["serviceName"]): service for service in answer["services"]}
    for name in names:
        service = found.get(name, {})
        desired, running = int(service.get("desiredCount", 0)), int(service.get("runningCount", 0))
        primary = next(
            (one for one in service.get("deployments", []) if one.get("status") == "PRIMARY"),
            dict[str, Any](),
        )
        rollout = str(primary.get("rolloutState", "MISSING"))
        yield (
            name,
            {
                "healthy": service.get("status") == "ACTIVE"
                and rollout == "COMPLETED"
                and running >= desired,
                "url": None,
                "desired": desired,
                "running": running,
                "deployment": rollout,
            },
        )


def _alarms(state: State, target: Target) -> Iterator[str]:
    known = {found.id for found in state.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    for region in {target.region, DISTRIBUTION_REGION}:
        pages = target.client("cloudwatch", region=region).get_paginator("describe_alarms")
        for page in pages.paginate(StateValue="ALARM", AlarmTypes=["MetricAlarm"]):
            yield from (str(one["AlarmName"]) for one in page["MetricAlarms"] if one["AlarmName"] in known)


def _queues(state: State, target: Target) -> Iterator[tuple[str, dict[str, Any]]]:
    name = "ApproximateNumberOfMessages"
    for queue in state.of_type("aws:sqs/queue:Queue"):
        answer = target.client("sqs").get_queue_attributes(QueueUrl=queue.id, AttributeNames=[name])
        yield (
            queue.name,
            {"messages": int(answer["Attributes"][name]), "dead_letters": DEAD_LETTERS in queue.urn},
        )


def _agent(target: Target) -> dict[str, Any] | None:
    identity = target.outputs.get("agent_runtime_id")
    if not identity:
        return None
    control = target.client(CONTROL)
    endpoint = control.get_agent_runtime_endpoint(agentRuntimeId=identity, endpointName=ENDPOINT)
    runtime = control.get_agent_runtime(agentRuntimeId=identity)
    return {
        "status": str(runtime["status"]),
        "endpoint": str(endpoint["status"]),
        "version": str(endpoint["liveVersion"]),
    }


def _functions(state: State, target: Target) -> Iterator[tuple[str, str]]:
    for found in state.of_type("aws:lambda/function:Function"):
        answer = target.client("lambda").get_function(FunctionName=found.id)
        yield found.name, str(answer["Configuration"]["State"])


def _distribution(state: State, target: Target) -> str | None:
    found: list[Found] = state.of_type("aws:cloudfront/distribution:Distribution")
    if not found:
        return None
    return str(target.client("cloudfront").get_distribution(Id=found[0].id)["Distribution"]["Status"])
