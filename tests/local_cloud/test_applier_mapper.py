"""Pulumi's inputs find their place in the request shapes of AWS."""

from typing import Any

import pytest

from local_cloud.applier.cloud import Cloud
from local_cloud.applier.kinds.network import permission
from local_cloud.applier.mapper import build_request

CLOUD = Cloud("http://127.0.0.1:1", "us-east-1", "key", "secret")


def request(
    service: str, operation: str, inputs: dict[str, Any], **rename: str
) -> tuple[dict[str, Any], list[str]]:
    built = build_request(CLOUD.input_shape(service, operation), inputs, rename)
    return built.parameters, built.unplaced


@pytest.mark.parametrize(
    ("service", "operation", "inputs", "expected"),
    [
        # plural and singular, case, integers that arrive as floats
        ("events", "PutRule", {"eventPattern": "{}", "name": "r"}, {"EventPattern": "{}", "Name": "r"}),
        ("ecs", "CreateService", {"desiredCount": 2.0}, {"desiredCount": 2}),
        (
            "ecs",
            "CreateService",
            {"capacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 1.0}]},
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
        ),
        # a wrapper that Terraform leaves out, and a switch that is an enumeration
        (
            "ecs",
            "CreateService",
            {"networkConfiguration": {"subnets": ["s"], "assignPublicIp": False}},
            {
                "networkConfiguration": {
                    "awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "DISABLED"}
                }
            },
        ),
        # a block that may occur once, as a list of one; JSON text for a list
        (
            "ecs",
            "RegisterTaskDefinition",
            {"containerDefinitions": '[{"name": "a"}]', "runtimePlatform": [{"cpuArchitecture": "ARM64"}]},
            {"containerDefinitions": [{"name": "a"}], "runtimePlatform": {"cpuArchitecture": "ARM64"}},
        ),
        # tags, in each service's own spelling
        ("iam", "CreateRole", {"tags": {"a": "b"}}, {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("ecs", "CreateCluster", {"tags": {"a": "b"}}, {"tags": [{"key": "a", "value": "b"}]}),
        ("pipes", "CreatePipe", {"tags": {"a": "b"}}, {"Tags": {"a": "b"}}),
        # documents given as objects
        ("sns", "CreateTopic", {"name": {"a": 1}}, {"Name": '{"a": 1}'}),
    ],
)
def test_inputs_find_their_place(
    service: str, operation: str, inputs: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert request(service, operation, inputs) == (expected, [])


def test_renamed_inputs_and_absent_values() -> None:
    parameters, unplaced = request("iam", "CreateRole", {"name": "r", "path": None}, name="RoleName")
    assert parameters == {"RoleName": "r"}
    assert unplaced == []


def test_inputs_without_a_place_are_named_by_their_path() -> None:
    inputs = {"nonsense": 1, "runtimePlatform": {"cpuArchitecture": "ARM64", "colour": "red"}}
    _parameters, unplaced = request("ecs", "RegisterTaskDefinition", inputs)
    assert unplaced == ["nonsense", "runtimePlatform.colour"]


def test_security_group_rules() -> None:
    rule = {"ipProtocol": "tcp", "fromPort": 443.0, "toPort": 443.0, "referencedSecurityGroupId": "sg-1"}
    assert permission({**rule, "description": "TLS"}) == {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "UserIdGroupPairs": [{"GroupId": "sg-1", "Description": "TLS"}],
    }
    everything = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
    assert permission(everything) == {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
