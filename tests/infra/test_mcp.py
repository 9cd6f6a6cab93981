"""MCP servers by configuration: what is refused, and what those that are named bring with them."""

import json
from typing import Any

import pytest
from nova_agent_tools.mcp_servers import read_servers

from settings.errors import SettingsError
from tests.infra.deployment import Deployment, deployed
from tests.infra.policies import granted
from tests.infra.test_agent import settings_with
from tests.infra.test_hardening import environment

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:weather"
SIGNED: dict[str, Any] = {
    "name": "weather",
    "url": "https://abc123.lambda-url.us-east-1.on.aws/mcp",
    "auth": "sigv4",
    "functionArn": FUNCTION,
    "tools": ["forecast"],
    "timeoutSeconds": 10,
}
OPEN: dict[str, Any] = {
    "name": "rates",
    "url": "https://rates.example.com/mcp",
    "auth": "none",
    "tools": ["convert", "list_currencies"],
    "timeoutSeconds": 5,
}


def served() -> Deployment:
    """Stack prod with two servers."""
    return deployed("prod", overrides={"mcpServers": json.dumps([SIGNED, OPEN])})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Weather"}, "name: 'Weather' is not allowed"),
        ({"url": "http://abc123.lambda-url.us-east-1.on.aws/"}, "url: it is https"),
        (
            {"url": "https://a:b@c.lambda-url.us-east-1.on.aws/"},
            "url: it is https, without credentials",
        ),
        ({"url": "https://abc123.lambda-url.us-east-1.on.aws/?a=b"}, "url: it is https"),
        ({"url": "https://weather.example.com/mcp"}, "url: with auth: sigv4 it is a Lambda function URL"),
        ({"url": "https://abc123.lambda-url.eu-west-1.on.aws/mcp"}, "in the region of functionArn"),
        ({"auth": "basic"}, r"mcpServers\[0\].auth: 'basic'.*one of sigv4, none"),
        ({"auth": "none"}, "functionArn: without signatures|functionArn: requests that are not signed"),
        ({"functionArn": "weather"}, "functionArn: with auth: sigv4"),
        ({"tools": []}, "tools: .*name 1 to 16 tools"),
        ({"tools": ["a", "a"]}, "each once"),
        ({"tools": ["a b"]}, "tools: 'a b'"),
        ({"tools": "forecast"}, r"mcpServers\[0\].tools: 'forecast'.*list of strings"),
        ({"timeoutSeconds": 0}, "timeoutSeconds: 0 is not allowed; it is 1 to 60"),
        ({"timeoutSeconds": "5"}, r"mcpServers\[0\].timeoutSeconds: '5'.*whole number"),
        ({"token": "x"}, r"mcpServers\[0\].token: .*no such field"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        settings_with(mcpServers=json.dumps([SIGNED | changes]))
    assert "nova:mcpServers[0]" in str(refused.value)


@pytest.mark.parametrize("field", ["name", "url", "auth", "tools", "timeoutSeconds"])
def test_what_is_missing_is_named(field: str) -> None:
    without = {key: value for key, value in SIGNED.items() if key != field}
    with pytest.raises(SettingsError, match=rf"mcpServers\[0\]\.{field}: .*missing"):
        settings_with(mcpServers=json.dumps([without]))


def test_servers_are_a_list_with_names_of_their_own() -> None:
    with pytest.raises(SettingsError, match="a list of objects"):
        settings_with(mcpServers=json.dumps({"name": "weather"}))
    with pytest.raises(SettingsError, match="each with a name of its own"):
        settings_with(mcpServers=json.dumps([OPEN, OPEN]))
    five = [OPEN | {"name": f"rates{number}"} for number in range(5)]
    with pytest.raises(SettingsError, match="at most 4 servers"):
        settings_with(mcpServers=json.dumps(five))


def test_both_hosts_are_told_in_words_that_the_application_reads() -> None:
    told = environment(served(), "agent-core")["MCP_SERVERS"]
    (runtime,) = served().of_type("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime")
    assert runtime.inputs["environmentVariables"]["MCP_SERVERS"] == told
    weather, rates = read_servers(told)
    assert (weather.name, weather.auth, weather.tools) == ("weather", "sigv4", ("forecast",))
    assert (rates.url, rates.timeout_seconds) == (OPEN["url"], 5)
    assert FUNCTION not in told


@pytest.mark.parametrize("policy", ["agent-core-task-policy", "agent-core-runtime-role-policy"])
def test_the_function_alone_may_be_called_and_by_its_url_alone(policy: str) -> None:
    found = {
        statement.actions[0]: statement
        for statement in granted(served(), policy)
        if statement.actions[0].startswith("lambda:") and FUNCTION in statement.resources
    }
    assert {action: statement.resources for action, statement in found.items()} == {
        "lambda:InvokeFunctionUrl": (FUNCTION,),
        "lambda:InvokeFunction": (FUNCTION,),
    }
    url, run = found["lambda:InvokeFunctionUrl"], found["lambda:InvokeFunction"]
    assert url.conditions == {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}
    assert run.conditions == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def test_without_servers_there_is_nothing_of_them(development: Deployment) -> None:
    assert "MCP_SERVERS" not in environment(development, "agent-core")
    assert not [found for found in granted(development) if found.actions[0].startswith("lambda:")]
