"""What a stack says of itself: all of it is documented, and none of it is a secret."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from pulumi.runtime.rpc import is_rpc_secret

from tests.infra.conftest import STACKS
from tests.infra.deployment import ROOT, Deployment, deployed

PAGE = ROOT / "docs/outputs.md"
SECRETS = {"random:index/randomPassword:RandomPassword", "aws:secretsmanager/secretVersion:SecretVersion"}
RUNTIME = {"agent_runtime_arn", "agent_runtime_id", "agent_endpoint_arn"}


def documented() -> set[str]:
    """The outputs in the first column of the page's first table."""
    table = PAGE.read_text(encoding="utf-8").split("\n\n")[2]
    return {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 (an output has any type)
    """All text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(cast("dict[str, Any]", value).values()))
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from texts(item)


def test_the_page_has_exactly_the_outputs_that_stacks_have() -> None:
    assert documented() == set().union(*(deployed(stack).outputs for stack in STACKS))


def test_every_output_is_known_and_says_something(deployment: Deployment) -> None:
    for name, value in deployment.outputs.items():
        assert value or name in {"replica", "asleep"}, name
        assert all(texts(value)), name


def test_outputs_name_what_was_made(deployment: Deployment) -> None:
    outputs = deployment.outputs
    (dashboard,) = deployment.of_type("aws:cloudwatch/dashboard:Dashboard")
    assert outputs["dashboard_url"].endswith(f"#dashboards/dashboard/{dashboard.inputs['dashboardName']}")
    assert outputs["alerts_topic_arn"].endswith(":nova-alerts-topic-0000000")
    assert outputs["vpc_id"] == "vpc-nova-vpc-network"
    assert ":runtime/" in outputs["agent_runtime_arn"]
    assert outputs["agent_runtime_arn"].endswith(outputs["agent_runtime_id"])
    assert outputs["agent_endpoint_arn"].startswith(f"{outputs['agent_runtime_arn']}/runtime-endpoint/")


def test_the_vpc_is_the_one_that_was_given() -> None:
    given = {
        "vpcId": "vpc-0123456789abcdef0",
        "privateSubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "isolatedSubnetIds": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
        "agentSubnetIds": ["subnet-0123456789abcde20", "subnet-0123456789abcde21"],
        "routeTableIds": [],
        "internetAccess": True,
    }
    overrides = {
        "existingNetwork": json.dumps(given),
        "availabilityZones": "[]",
        "vpcCidr": "",
        "natGateways": "none",
    }
    assert deployed("dev", overrides=overrides).outputs["vpc_id"] == given["vpcId"]


def test_without_a_runtime_there_is_nothing_to_say_of_it() -> None:
    outputs = deployed("dev", overrides={"agentRuntimeNetwork": "none"}).outputs
    assert not {name for name in RUNTIME if outputs.get(name)}


def test_no_output_holds_a_secret(deployment: Deployment) -> None:
    hidden = {
        text
        for resource in deployment.resources.values()
        if resource.type in SECRETS
        for value in resource.inputs.values()
        if is_rpc_secret(value)
        for text in texts(value["value"])
        if len(text) > 8
    }
    assert hidden
    for name, value in deployment.outputs.items():
        for text in texts(value):
            assert not [secret for secret in hidden if secret in text or text in secret], name
