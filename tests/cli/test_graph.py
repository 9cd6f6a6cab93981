"""`nova graph`: the stack as data, without the engine."""

import json

import pytest
from typer.testing import CliRunner

from cli import graph as graphs
from cli.app import app
from cli.errors import NovaError
from tests.infra.deployment import deployed


@pytest.fixture(scope="module")
def listing() -> dict[str, object]:
    return graphs.listing("dev", deployed("dev"))


def test_every_resource_is_listed_with_its_inputs_and_dependencies(listing: dict[str, object]) -> None:
    resources = {found["urn"]: found for found in json.loads(json.dumps(listing))["resources"]}
    assert set(resources) == set(deployed("dev").resources)
    (policy,) = [found for found in resources.values() if found["name"] == "audio-task-policy"]
    assert policy["parent"] in resources
    assert "nova-content-bucket" in policy["inputs"]["policy"]
    assert any("::audio-task-role" in urn for urn in policy["references"]["role"])
    assert set(policy["references"]["role"]) <= set(policy["dependencies"]) <= set(resources)


def test_secrets_are_masked(listing: dict[str, object]) -> None:
    text = json.dumps(listing)
    assert graphs.SECRET in text
    assert "4dabf18193072939515e22adb298388d" not in text  # what the SDK wraps secrets with
    passwords = [
        found.inputs["secretString"]
        for found in deployed("dev").of_type("aws:secretsmanager/secretVersion:SecretVersion")
    ]
    assert passwords
    for password in passwords:
        assert password["value"] not in text


def test_an_unknown_stack_is_named() -> None:
    result = CliRunner().invoke(app, ["graph", "--stack", "nowhere"])
    assert isinstance(result.exception, NovaError)
    assert "stack files here: Pulumi.dev.yaml" in str(result.exception)
