"""Paying: who may call the MCP server, who reads the wallet's key, and that nothing is made without it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from evaluation.answers import computed_outputs
from evaluation.recorder import Recorded
from settings.errors import SettingsError
from tests.infra.deployment import Deployment, deployed
from tests.infra.test_seller import PLAN as SALES
from tests.infra.test_settings import settings_with

PLAN: dict[str, Any] = {
    "network": "eip155:84532",
    "asset": "0x" + "cd" * 20,
    "assetName": "USDC",
    "assetVersion": "2",
    "payees": ["0x" + "ab" * 20],
    "limitPerDayUsd": "1.00",
    "limitPerPaymentUsd": "0.50",
    "approvalAboveUsd": "0.10",
    "resourceServer": "https://sellers.example.com",
}
FUNCTION = "aws:lambda/function:Function"
POLICY = "aws:iam/rolePolicy:RolePolicy"
INTEGRATION = "aws:apigateway/integration:Integration"
SECRET = "aws:secretsmanager/secret:Secret"


def with_payments() -> Deployment:
    """The development stack, which buys and sells nothing, with a wallet and a seller."""
    return deployed("dev", overrides={"wallet": json.dumps(PLAN), "seller": json.dumps(SALES)})


@pytest.fixture
def paying() -> Deployment:
    return with_payments()


def output(resource: Recorded, name: str) -> Any:  # noqa: ANN401 (an output has any type)
    return computed_outputs(resource.type, resource.name, resource.inputs)[1][name]


def wallet_arn(paying: Deployment) -> str:
    return str(paying.outputs["wallet_secret"])


def reads_of(paying: Deployment, arn: str) -> Iterator[str]:
    """The policies that have a statement by which their role could read a secret."""
    for policy in paying.of_type(POLICY):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions, resources = statement.get("Action", []), statement.get("Resource", [])
            reads = any(
                action in ("*", "secretsmanager:*")
                or action.startswith(("secretsmanager:Get", "secretsmanager:Batch"))
                for action in actions
            )
            named = any(
                resource == "*" or arn.startswith(resource.rstrip("*").rstrip("?-")) for resource in resources
            )
            if statement["Effect"] == "Allow" and reads and named:
                yield policy.name


def test_one_role_alone_may_read_the_wallets_key(paying: Deployment) -> None:
    assert list(reads_of(paying, wallet_arn(paying))) == ["mcp-server-function-policy"]
    policy = paying.one("aws:secretsmanager/secretPolicy:SecretPolicy", "mcp-server-wallet-policy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Action"] == ["secretsmanager:GetSecretValue"]
    assert statement["Resource"] == [wallet_arn(paying)]
    role = paying.one("aws:iam/role:Role", "mcp-server-function-role")
    assert statement["Condition"] == {"StringNotEquals": {"aws:PrincipalArn": output(role, "arn")}}


def test_the_key_that_encrypts_it_lets_nobody_decrypt_by_itself() -> None:
    paying = deployed("prod")  # where each class of data has a key of its own
    secret = paying.one(SECRET, "mcp-server-wallet-secret")
    keys = {str(output(key, "arn")): key for key in paying.of_type("aws:kms/key:Key")}
    for statement in json.loads(keys[secret.inputs["kmsKeyId"]].inputs["policy"])["Statement"]:
        if statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}:
            continue  # the account's IAM policies decide, which the other test walks
        assert "secretsmanager" not in json.dumps(statement)
    for policy in paying.of_type(POLICY):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            uses = [action for action in statement.get("Action", []) if action.startswith("kms:")]
            if uses and secret.inputs["kmsKeyId"] in statement["Resource"]:
                assert "kms:ViaService" in json.dumps(statement.get("Condition")), policy.name


def test_no_state_has_a_value_of_it(paying: Deployment) -> None:
    versions = paying.of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert wallet_arn(paying) not in {version.inputs["secretId"] for version in versions}
    for task in (*paying.of_type(FUNCTION), *paying.of_type("aws:ecs/taskDefinition:TaskDefinition")):
        text = json.dumps(task.inputs)
        if task.name != "mcp-server-function":
            assert wallet_arn(paying) not in text
    variables = paying.one(FUNCTION, "mcp-server-function").inputs["environment"]["variables"]
    assert variables["WALLET_SECRET"] == wallet_arn(paying)


def callers(paying: Deployment) -> set[str]:
    arn = output(paying.one(FUNCTION, "mcp-server-function"), "arn")
    return {
        policy.name
        for policy in paying.of_type(POLICY)
        for statement in json.loads(policy.inputs["policy"])["Statement"]
        if any(action.startswith("lambda:") for action in statement.get("Action", []))
        and arn in statement["Resource"]
    }


def test_the_agent_and_the_site_alone_may_call_its_url(paying: Deployment) -> None:
    agents = {"agent-core-task-policy", "agent-core-runtime-role-policy"}
    assert callers(paying) == {*agents, "frontend-task-policy"}
    permissions = paying.of_type("aws:lambda/permission:Permission")
    (api,) = (found.inputs for found in permissions)
    assert api["principal"] == "apigateway.amazonaws.com"
    assert api["sourceArn"].endswith("/api/*")
    (url,) = paying.of_type("aws:lambda/functionUrl:FunctionUrl")
    assert url.inputs["authorizationType"] == "AWS_IAM"


def test_spending_and_approvals_ask_for_a_token_and_reach_the_function(paying: Deployment) -> None:
    integrations = [found for found in paying.of_type(INTEGRATION) if found.inputs["type"] == "AWS_PROXY"]
    assert sorted(found.name for found in integrations) == [
        "nova-api-approvals-get-integration",
        "nova-api-approvals-id-approve-post-integration",
        "nova-api-approvals-id-reject-post-integration",
        "nova-api-spend-get-integration",
    ]
    for found in integrations:
        assert found.inputs["integrationHttpMethod"] == "POST"
        method = paying.one("aws:apigateway/method:Method", found.name.replace("integration", "method"))
        assert method.inputs["authorization"] == "COGNITO_USER_POOLS"


def test_what_the_agent_and_the_function_are_told(paying: Deployment) -> None:
    variables = paying.one(FUNCTION, "mcp-server-function").inputs["environment"]["variables"]
    assert variables["RESOURCE_SERVER_URL"] == PLAN["resourceServer"]
    assert variables["PAYMENT_PAYEES"] == PLAN["payees"][0]
    task = paying.one("aws:ecs/taskDefinition:TaskDefinition", "agent-core-task")
    (container,) = json.loads(task.inputs["containerDefinitions"])
    told = {entry["name"]: entry["value"] for entry in container["environment"]}
    assert told["MCP_SERVER_URL"] == paying.outputs["mcp_server_url"]
    assert told["MCP_SERVER_URL"].endswith("/mcp")


def test_the_tools_are_those_that_the_server_offers() -> None:
    from nova_mcp_server import tools  # noqa: PLC0415 - the application, for this comparison alone

    from services.mcp_server.infra import TOOLS  # noqa: PLC0415

    assert tools.TOOLS == TOOLS


def test_the_ledger_can_be_recovered_and_is_protected() -> None:
    table = deployed("prod").one("aws:dynamodb/table:Table", "mcp-server-payments-table")
    assert table.inputs["pointInTimeRecovery"]["enabled"] is True
    assert table.inputs["deletionProtectionEnabled"] is True
    assert table.inputs["serverSideEncryption"]["enabled"] is True


def test_without_a_wallet_there_is_nothing_of_it() -> None:
    plain = deployed("dev")
    assert plain.outputs.get("mcp_server_url") is None
    assert not [found.name for found in plain.resources.values() if "mcp-server" in found.name]
    assert not plain.of_type(FUNCTION)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"payees": []}, "payees"),
        ({"payees": ["nobody"]}, "payees"),
        ({"payees": "0x"}, "payees"),
        ({"network": "base"}, "network"),
        ({"asset": "USDC"}, "asset"),
        ({"assetName": ""}, "assetName"),
        ({"assetDecimals": 40}, "assetDecimals"),
        ({"assetDecimals": "6"}, "assetDecimals"),
        ({"limitPerDayUsd": "0.10"}, "limitPerPaymentUsd"),
        ({"limitPerDayUsd": 1.5}, "limitPerDayUsd"),
        ({"limitPerDayUsd": "much"}, "limitPerDayUsd"),
        ({"limitPerPaymentUsd": "0.0000001"}, "limitPerPaymentUsd"),
        ({"approvalAboveUsd": "0.60"}, "approvalAboveUsd"),
        ({"approvalAboveUsd": "-1"}, "approvalAboveUsd"),
        ({"resourceServer": "http://sellers.example.com"}, "resourceServer"),
        ({"privateKey": "0x"}, "privateKey"),
    ],
)
def test_a_wrong_plan_is_refused_by_name(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        settings_with(wallet=json.dumps({**PLAN, **changed}))


def test_where_it_buys_has_to_be_known() -> None:
    nowhere = json.dumps({**PLAN, "resourceServer": ""})
    with pytest.raises(SettingsError, match="give resourceServer, or set domain"):
        settings_with(
            production="false", protectStatefulResources="false", webAcl="false", domain="", hostedZoneId="",
            wallet=nowhere,
        )  # fmt: skip
    assert settings_with(wallet=nowhere).wallet is not None
