"""A stack that sleeps: what it leaves out, and that nothing which it has stored is touched by that."""

import json
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from cli.policies import graph_of
from components.edge.resting import resting_code
from local_cloud.applier.node import NODE
from settings.errors import SettingsError
from settings.project import stack_config
from settings.settings import Settings
from settings.values import Values
from tests.infra.deployment import ROOT, Deployment, deployed
from tests.policy.conftest import judgement

ASLEEP = {"asleep": "true"}
VERSIONS: Mapping[str, Mapping[str, str]] = {
    "dev": {},
    "with endpoints": {"interfaceEndpoints": "all", "alarms": "all"},
    "with web ACLs, a domain and TLS": {
        "webAcl": "true",
        "domain": "dev.example.com",
        "hostedZoneId": "Z0123456789ABCDEFGHIJ",
    },
    "with shifted deployments": {"webAcl": "true", "deployment": '{"strategy": "canary", "testMinutes": 5}'},
}
"""Kinds of a stack that may sleep, by what differs from dev."""

BY_THE_HOUR = {
    "aws:ecs/service:Service",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:wafv2/webAcl:WebAcl",
}
STORED = re.compile(
    r"aws:(dynamodb|kms|s3|secretsmanager|cognito|backup|sqs|sns|pipes|iam)/"
    r"|aws:cloudwatch/(event|logGroup)|random:|awsx:ecr|docker:|aws:elasticache/user"
)
"""Types that hold what a stack has stored, or say who may touch it."""
CHANGED = {
    "agent-core-erase-task",
    "agent-core-runtime-runtime",
    "agent-core-task",
    "frontend-task",
    "nova-dashboard",
    "nova-site-distribution",
    "nova-vpc-network",
}
"""What differs asleep: the cache's address, the graphs, whom the distribution asks, and NAT gateways."""


@cache
def both(version: str) -> tuple[Deployment, Deployment]:
    """A kind of stack awake and asleep."""
    settings = VERSIONS[version]
    awake = deployed("dev", overrides=settings) if settings else deployed("dev")
    return awake, deployed("dev", overrides={**settings, **ASLEEP})


@pytest.fixture(params=VERSIONS)
def awake_and_asleep(request: pytest.FixtureRequest) -> tuple[Deployment, Deployment]:
    """Each kind of stack in turn."""
    return both(request.param)


def test_nothing_is_there_that_costs_by_the_hour(awake_and_asleep: tuple[Deployment, Deployment]) -> None:
    awake, asleep = awake_and_asleep
    assert BY_THE_HOUR - {"aws:wafv2/webAcl:WebAcl"} <= {found.type for found in awake.resources.values()}
    assert BY_THE_HOUR.isdisjoint(found.type for found in asleep.resources.values())
    (network,) = asleep.of_type("awsx:ec2:Vpc")
    assert network.inputs["natGateways"] == {"strategy": "None"}
    assert not asleep.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")


def test_what_is_stored_is_the_same(awake_and_asleep: tuple[Deployment, Deployment]) -> None:
    """Neither replaced nor changed nor deleted: the same resources with the same inputs."""
    awake, asleep = awake_and_asleep
    kept = {urn for urn, found in awake.resources.items() if STORED.match(found.type)}
    gone = {urn.rpartition("::")[2] for urn in kept - asleep.resources.keys()}
    # The log of an API that there is no more, and rights on what is gone.
    allowed = ("nova-api-execution-logs", "nova-web-")
    assert all(name.startswith(allowed) or "-shifting" in name for name in gone), gone
    assert len(kept) > 150
    for urn in kept & asleep.resources.keys():
        assert asleep.resources[urn].inputs == awake.resources[urn].inputs, urn


def test_little_else_changes() -> None:
    awake, asleep = both("dev")
    changed = {
        found.name
        for urn, found in asleep.resources.items()
        if urn in awake.resources and awake.resources[urn].inputs != found.inputs
    }
    assert changed == CHANGED
    assert {urn.rpartition("::")[2] for urn in asleep.resources.keys() - awake.resources.keys()} == {
        "nova-site-resting"
    }


def test_nothing_refers_to_what_is_not_there(awake_and_asleep: tuple[Deployment, Deployment]) -> None:
    awake, asleep = awake_and_asleep
    for found in asleep.resources.values():
        referred = set(found.depends_on).union(*found.references.values())
        assert referred <= asleep.resources.keys(), found.name
    missing = {
        name
        for urn in awake.resources.keys() - asleep.resources.keys()
        if awake.resources[urn].type in BY_THE_HOUR | {"aws:apigateway/restApi:RestApi"} and "ecs" not in urn
        for name in [f"{urn.rpartition('::')[2]}-0000000"]
    } | {"a1b2c3d4e5"}
    written = json.dumps([asleep.outputs, *(found.inputs for found in asleep.resources.values())])
    assert [name for name in missing if name in written] == []


def test_what_is_watched_is_there_and_stays_quiet(awake_and_asleep: tuple[Deployment, Deployment]) -> None:
    """Nobody is called at night: what is left guards what is stored, and counts silence as good."""
    _, asleep = awake_and_asleep
    alarms = asleep.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert {alarm.name for alarm in alarms} == {
        "nova-log-watch-critical-alarm",
        "nova-log-watch-refused-alarm",
        "nova-tampering-alarm",
    }
    assert {alarm.inputs["treatMissingData"] for alarm in alarms} == {"notBreaching"}


def test_policies_find_nothing_in_a_stack_that_sleeps() -> None:
    _, asleep = both("dev")
    said = judgement(graph_of(asleep), "dev")
    # Alarms that would tell at night of what was put to sleep are put to sleep with it.
    assert {verdict.rule for verdict in said.verdicts} <= {"sqs-queue-alarms"}
    assert said.mandatory == ()


def test_a_preview_shows_the_same() -> None:
    _, asleep = both("dev")
    preview = deployed("dev", preview=True, overrides=ASLEEP)
    assert preview.resources.keys() == asleep.resources.keys()


def test_the_distribution_keeps_its_name_and_asks_nobody() -> None:
    awake, asleep = both("dev")
    assert asleep.outputs["site_url"] == awake.outputs["site_url"]
    assert (awake.outputs["asleep"], asleep.outputs["asleep"]) == (False, True)
    (site,) = asleep.of_type("aws:cloudfront/distribution:Distribution")
    assert [origin["domainName"] for origin in site.inputs["origins"]] == ["asleep.invalid"]
    (association,) = site.inputs["defaultCacheBehavior"]["functionAssociations"]
    (function,) = asleep.of_type("aws:cloudfront/function:Function")
    assert association["eventType"] == "viewer-request"
    assert function.urn in site.depends_on


def answered(path: str) -> dict[str, Any]:
    """What the distribution's function answers, run as JavaScript."""
    event = json.dumps({"request": {"uri": path}})
    program = f"{resting_code('dev')}\nconsole.log(JSON.stringify(handler({event})))"
    finished = subprocess.run([NODE, "-e", program], check=True, capture_output=True, text=True)
    return json.loads(finished.stdout)


def test_callers_hear_that_the_stack_sleeps() -> None:
    page, call = answered("/"), answered("/api/audio")
    assert page["statusCode"] == call["statusCode"] == 503
    assert "nova wake --stack dev" in page["body"]["data"]
    problem = json.loads(call["body"]["data"])
    assert call["headers"]["content-type"]["value"] == "application/problem+json"
    assert (problem["status"], problem["title"]) == (503, "Service Unavailable")
    assert answered("/apis")["headers"]["content-type"]["value"].startswith("text/plain")


@pytest.mark.parametrize(
    ("stack", "overrides", "because"),
    [
        ("prod", {}, "nova:production: people depend on the stack"),
        ("dev", {"protectStatefulResources": "true"}, "nova:protectStatefulResources"),
        ("dev", {"replicaRegion": "us-west-2"}, "nova:replicaRegion"),
        ("dev", {"agentEndpointVersion": "3"}, "nova:agentEndpointVersion"),
    ],
)
def test_who_may_not_sleep(stack: str, overrides: dict[str, str], because: str) -> None:
    changed = {f"nova:{key}": text for key, text in {**overrides, **ASLEEP}.items()}
    with pytest.raises(SettingsError, match=f"nova:asleep.*{because}"):
        Settings.read(Values(project="nova", texts=stack_config(ROOT, stack) | changed))
