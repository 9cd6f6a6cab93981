"""The seller: open to everybody on its own paths, bounded there, and allowed next to nothing."""

import json

import pytest

from settings.errors import SettingsError
from tests.infra.deployment import Deployment, deployed
from tests.infra.test_settings import settings_with

METHOD = "aws:apigateway/method:Method"
SETTINGS = "aws:apigateway/methodSettings:MethodSettings"
PLAN = {
    "payTo": "0x" + "ab" * 20,
    "network": "eip155:84532",
    "asset": "0x" + "cd" * 20,
    "assetName": "USDC",
    "assetVersion": "2",
    "facilitatorUrl": "https://facilitator.example.com/x402",
}
PATHS = {"/weather/GET", "/weather/{city}/GET", "/weather/{city}/year/GET"}


def with_seller() -> Deployment:
    """The development stack, which has none of its own, with a seller."""
    return deployed("dev", overrides={"seller": json.dumps(PLAN)})


@pytest.fixture
def selling() -> Deployment:
    return with_seller()


def test_its_routes_alone_are_open_and_each_is_throttled(selling: Deployment) -> None:
    open_methods = [found for found in selling.of_type(METHOD) if found.inputs["authorization"] == "NONE"]
    assert sorted(found.name for found in open_methods) == [
        "nova-api-weather-city-get-method",
        "nova-api-weather-city-year-get-method",
        "nova-api-weather-get-method",
    ]
    assert all("authorizerId" not in found.inputs for found in open_methods)
    throttles = {
        found.inputs["methodPath"].replace("~1", "/"): found.inputs["settings"]
        for found in selling.of_type(SETTINGS)
    }
    assert throttles.keys() == PATHS | {"*/*"}
    assert all(throttles[path]["throttlingRateLimit"] == 20 for path in PATHS)
    assert all(throttles[path]["dataTraceEnabled"] is False for path in PATHS)


def test_it_may_note_sales_and_nothing_else(selling: Deployment) -> None:
    actions = {
        action
        for found in selling.of_type("aws:iam/rolePolicy:RolePolicy")
        if found.name.startswith("x402-seller-task")
        for statement in json.loads(found.inputs["policy"])["Statement"]
        for action in statement["Action"]
    }
    assert {action for action in actions if action.startswith("dynamodb:")} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    }
    assert not {action for action in actions if action.startswith(("s3:", "secretsmanager:", "bedrock:"))}


def test_it_knows_where_it_is_and_who_settles(selling: Deployment) -> None:
    task = selling.one("aws:ecs/taskDefinition:TaskDefinition", "x402-seller-task")
    (container,) = json.loads(task.inputs["containerDefinitions"])
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    assert environment["PUBLIC_URL"] == selling.outputs["site_url"]
    assert selling.outputs["seller_url"] == f"{selling.outputs['site_url']}/api/weather"
    assert environment["PAY_TO"] == PLAN["payTo"]
    assert "secrets" not in container
    (way_out,) = (
        found
        for found in selling.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if found.name == "x402-seller-egress-tls"
    )
    assert "facilitator.example.com" in way_out.inputs["description"]


def test_without_an_address_nothing_is_sold() -> None:
    deployment = deployed("dev")
    assert not [found for found in deployment.of_type(METHOD) if found.inputs["authorization"] == "NONE"]
    assert "seller_url" not in deployment.outputs
    assert "x402-seller" not in json.dumps(deployment.outputs["services"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"payTo": "0x12"}, "payTo: '0x12' is not an address"),
        ({"asset": "USDC"}, "asset: 'USDC' is not an address"),
        ({"network": "base"}, "network: 'base' is not a chain"),
        ({"network": "solana:101"}, "network: .* is not a chain"),
        ({"assetName": ""}, "assetName: '' is not allowed"),
        ({"facilitatorUrl": "http://facilitator.example.com"}, "facilitatorUrl: it is https"),
        ({"facilitatorUrl": "https://key@facilitator.example.com"}, "facilitatorUrl: .*without credentials"),
        ({"assetVersion": 2}, r"seller\.assetVersion: .*string"),
        ({"price": "1"}, r"seller\.price: .*no such field"),
    ],
)
def test_what_cannot_be_paid_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        settings_with(seller=json.dumps(PLAN | changes))


def test_every_field_is_asked_for() -> None:
    for field in PLAN:
        without = {name: value for name, value in PLAN.items() if name != field}
        with pytest.raises(SettingsError, match=rf"seller\.{field}: .*give payTo"):
            settings_with(seller=json.dumps(without))
