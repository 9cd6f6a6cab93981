"""A deployment as a plan of Terraform: names, values and references."""

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from evaluation.answers import computed_outputs
from evaluation.children import with_children
from evaluation.recorder import Recorded
from evaluation.terraform.naming import singular, terraform_type
from evaluation.terraform.plan import PlanError, plan
from evaluation.terraform.values import SENSITIVE, terraform_values
from tests.infra.deployment import Deployment, deployed


@cache
def planned(stack: str) -> dict[str, Any]:
    return plan(deployed(stack))


def resources(stack: str) -> list[dict[str, Any]]:
    return planned(stack)["planned_values"]["root_module"]["resources"]


def values(stack: str, address: str) -> dict[str, Any]:
    (found,) = [one for one in resources(stack) if one["address"] == address]
    return found["values"]


def references(stack: str) -> dict[str, dict[str, list[str]]]:
    configured = planned(stack)["configuration"]["root_module"]["resources"]
    return {
        one["address"]: {key: found["references"] for key, found in one["expressions"].items()}
        for one in configured
    }


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("aws:sqs/queue:Queue", "aws_sqs_queue"),
        ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "aws_sqs_queue_redrive_allow_policy"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "aws_vpc_endpoint"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws_vpc_security_group_ingress_rule"),
        ("aws:lb/loadBalancer:LoadBalancer", "aws_lb"),
        ("aws:lb/targetGroup:TargetGroup", "aws_lb_target_group"),
        ("aws:apigateway/methodSettings:MethodSettings", "aws_api_gateway_method_settings"),
        ("aws:apigateway/response:Response", "aws_api_gateway_gateway_response"),
        ("aws:apigatewayv2/vpcLink:VpcLink", "aws_apigatewayv2_vpc_link"),
        ("aws:cloudwatch/eventRule:EventRule", "aws_cloudwatch_event_rule"),
        ("aws:servicediscovery/service:Service", "aws_service_discovery_service"),
        ("aws:s3/vectorsIndex:VectorsIndex", "aws_s3vectors_index"),
        ("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime", "aws_bedrockagentcore_agent_runtime"),
    ],
)
def test_types_have_the_providers_names(token: str, name: str) -> None:
    assert terraform_type(token) == name


@pytest.mark.parametrize(
    ("plural", "name"),
    [
        ("rules", "rule"),
        ("capacityProviderStrategies", "capacityProviderStrategy"),
        ("globalSecondaryIndexes", "globalSecondaryIndex"),
        ("aliases", "alias"),
        ("ingress", "ingress"),
        ("egress", "egress"),
    ],
)
def test_repeated_blocks_have_singular_names(plural: str, name: str) -> None:
    assert singular(plural) == name


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_everything_of_the_provider_is_in_the_plan_once(stack: str) -> None:
    found = Counter(one["address"] for one in resources(stack))
    assert set(found.values()) == {1}
    declared = [
        one for one in with_children(deployed(stack)).resources.values() if one.type.startswith("aws:")
    ]
    assert {f"{terraform_type(one.type)}.{one.name}" for one in declared} == found.keys()
    assert len(found) == len(declared) > 600


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_three_parts_of_a_plan_speak_of_the_same_resources(stack: str) -> None:
    addresses = [one["address"] for one in resources(stack)]
    assert [one["address"] for one in planned(stack)["resource_changes"]] == addresses
    assert list(references(stack)) == addresses
    for inputs in references(stack).values():
        for texts in inputs.values():
            assert {text.removesuffix(".id") for text in texts} <= set(addresses)


def test_blocks_are_lists_and_numbers_are_whole() -> None:
    table = values("prod", "aws_dynamodb_table.nova-events-table")
    assert table["point_in_time_recovery"] == [{"enabled": True, "recovery_period_in_days": 30}]
    assert {"name", "type"} == set(table["attribute"][0])
    service = values("prod", "aws_ecs_service.audio-service")
    assert service["desired_count"] == 2
    assert isinstance(service["desired_count"], int)
    (network,) = service["network_configuration"]
    assert all(subnet.startswith("subnet-") for subnet in network["subnets"])


def test_names_inside_of_mappings_are_the_callers() -> None:
    (environment,) = values("prod", "aws_lambda_function.mcp-server-function")["environment"]
    (given,) = deployed("prod").of_type("aws:lambda/function:Function")
    assert environment["variables"].keys() == given.inputs["environment"]["variables"].keys()


def test_secret_texts_are_left_out() -> None:
    versions = [
        one["values"] for one in resources("prod") if one["type"] == "aws_secretsmanager_secret_version"
    ]
    assert versions
    assert {one["secret_string"] for one in versions} == {SENSITIVE}


def test_parts_of_a_bucket_refer_to_it() -> None:
    bucket = "aws_s3_bucket.nova-content-bucket"
    expected = [f"{bucket}.id", bucket]
    assert references("prod")["aws_s3_bucket_public_access_block.nova-content-public-access-block"] == {
        "bucket": expected
    }
    assert references("prod")["aws_s3_bucket_policy.nova-content-policy"]["bucket"] == expected


def test_a_subnet_of_the_remote_network_is_referred_to_by_who_stands_in_it() -> None:
    subnets = references("prod")["aws_elasticache_subnet_group.nova-cache-subnets"]["subnet_ids"]
    isolated = {f"aws_subnet.nova-vpc-network-isolated-{zone}" for zone in (1, 2, 3)}
    assert {text for text in subnets if not text.endswith(".id")} == isolated
    flow_log = next(
        found for address, found in references("prod").items() if address.startswith("aws_flow_log.")
    )
    assert "aws_vpc.nova-vpc-network" in flow_log["vpc_id"]


def test_every_subnet_of_the_network_is_found_by_its_id() -> None:
    """What a task stands in is told apart from what else the network has."""
    (network,) = deployed("prod").of_type("awsx:ec2:Vpc")
    outputs = computed_outputs(network.type, network.name, network.inputs)[1]
    subnets = [subnet for kind in ("public", "private", "isolated") for subnet in outputs[f"{kind}SubnetIds"]]
    queue = replace(
        some("prod"),
        urn="another",
        name="another",
        inputs={"tags": subnets},
        references={"tags": frozenset({network.urn})},
    )
    configured = plan(with_one(deployed("prod"), queue))["configuration"]["root_module"]["resources"]
    (expressions,) = [one["expressions"] for one in configured if one["address"] == "aws_sqs_queue.another"]
    found = [text for text in expressions["tags"]["references"] if not text.endswith(".id")]
    assert len(found) == len(set(found)) == len(subnets)
    assert all(text.startswith("aws_subnet.nova-vpc-network-") for text in found)


def test_what_nobody_knows_is_an_error_and_no_gap() -> None:
    (network,) = deployed("dev").of_type("awsx:ec2:Vpc")
    with pytest.raises(PlanError, match="nobody says what this component makes"):
        plan(with_one(deployed("dev"), replace(network, urn="a::b::c::another", type="awsx:lb:Another")))
    with pytest.raises(PlanError, match="Terraform's name of this type is unknown"):
        plan(with_one(deployed("dev"), replace(some("dev"), type="gcp:storage/bucket:Bucket", urn="another")))


def test_two_resources_of_one_address_are_an_error() -> None:
    with pytest.raises(PlanError, match="two resources would have the address aws_"):
        plan(with_one(deployed("dev"), replace(some("dev"), urn="another")))


def test_secrets_inside_of_lists_leave_the_list_readable() -> None:
    secret = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "value": [{"enabled": True}],
    }
    found = terraform_values("aws:sns/topic:Topic", {"name": "one", "tags": secret})
    assert found == {"name": "one", "tags": [{"enabled": True}]}


def some(stack: str) -> Recorded:
    return deployed(stack).of_type("aws:sqs/queue:Queue")[0]


def with_one(deployment: Deployment, one: Recorded) -> Deployment:
    return replace(deployment, resources={**deployment.resources, one.urn: one})
