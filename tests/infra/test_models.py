"""Ids of models and profiles, and the rights to invoke them."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.access.role import ServiceRole, ServiceRoleArgs
from components.account import Account
from components.agent.model_ids import GEOGRAPHIES, PROVIDERS, parse_model_id
from components.agent.models import Model
from evaluation.answers import ACCOUNT_ID
from tests.infra.deployment import run

NOVA = "amazon.nova-2-lite-v1:0"
STREAMED = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]


def rights(model_id: str, region: str, *, streaming: bool, partition: str = "aws") -> list[dict[str, Any]]:
    """The statements of a role that may invoke one model."""

    def program() -> None:
        account = Account(
            account_id=pulumi.Output.from_input(ACCOUNT_ID),
            partition=pulumi.Output.from_input(partition),
            region=region,
        )
        role = ServiceRole("work", ServiceRoleArgs(service="ecs-tasks.amazonaws.com", account=account))
        Model(id=model_id, region=region, account=account).grant_invoke(role, streaming=streaming)
        role.seal()

    (policy,) = run(program).of_type("aws:iam/rolePolicy:RolePolicy")
    return json.loads(policy.inputs["policy"])["Statement"]


def test_a_model_is_invoked_in_its_own_region() -> None:
    assert rights("amazon.nova-2-multimodal-embeddings-v1:0", "us-east-1", streaming=False) == [
        {
            "Sid": "InvokeAmazonNova2MultimodalEmbeddingsV10",
            "Effect": "Allow",
            "Action": ["bedrock:InvokeModel"],
            "Resource": [
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-multimodal-embeddings-v1:0"
            ],
        }
    ]


@pytest.mark.parametrize("geography", sorted(set(GEOGRAPHIES) - {"us-gov"}))
def test_a_geographys_profile_reaches_its_regions_only_through_itself(geography: str) -> None:
    source = GEOGRAPHIES[geography][0]
    invoke, route = rights(f"{geography}.{NOVA}", source, streaming=True)
    profile = f"arn:aws:bedrock:{source}:{ACCOUNT_ID}:inference-profile/{geography}.{NOVA}"
    assert (invoke["Resource"], invoke["Action"]) == ([profile], STREAMED)
    assert "Condition" not in invoke
    assert route["Action"] == STREAMED
    assert route["Resource"] == [
        f"arn:aws:bedrock:{region}::foundation-model/{NOVA}" for region in sorted(GEOGRAPHIES[geography])
    ]
    assert route["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": profile}}


def test_the_source_region_is_reached_too() -> None:
    # Some profiles of the United States are called from Canada, and run there too.
    _, route = rights(f"us.{NOVA}", "ca-central-1", streaming=False)
    assert f"arn:aws:bedrock:ca-central-1::foundation-model/{NOVA}" in route["Resource"]
    assert len(route["Resource"]) == 1 + len(GEOGRAPHIES["us"])


def test_a_global_profile_has_no_region() -> None:
    invoke, route, anywhere = rights(f"global.{NOVA}", "eu-west-1", streaming=False)
    profile = f"arn:aws:bedrock:eu-west-1:{ACCOUNT_ID}:inference-profile/global.{NOVA}"
    assert invoke["Resource"] == [profile]
    assert route["Resource"] == [f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}"]
    assert route["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": profile}}
    assert anywhere["Resource"] == [f"arn:aws:bedrock:::foundation-model/{NOVA}"]
    assert anywhere["Condition"] == {
        "StringEquals": {"bedrock:InferenceProfileArn": profile, "aws:RequestedRegion": "unspecified"}
    }


def test_other_partitions_have_their_own_arns() -> None:
    for statement in rights(f"us-gov.{NOVA}", "us-gov-west-1", streaming=False, partition="aws-us-gov"):
        assert all(resource.startswith("arn:aws-us-gov:bedrock:") for resource in statement["Resource"])


@given(
    provider=st.sampled_from(PROVIDERS),
    name=st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}(:[0-9])?", fullmatch=True),
    prefix=st.sampled_from(["", "global", *GEOGRAPHIES]),
)
def test_an_id_is_taken_apart_and_nothing_is_lost(provider: str, name: str, prefix: str) -> None:
    model = f"{provider}.{name}"
    parsed = parse_model_id(f"{prefix}.{model}" if prefix else model)
    assert parsed.foundation_model == model
    assert parsed.scope == {"": "region", "global": "global"}.get(prefix, "geography")
    assert parsed.destinations == GEOGRAPHIES.get(prefix, ())


@pytest.mark.parametrize(
    "model_id",
    [
        "global.anthropic.claude-sonnet-4-6",
        "mistral.voxtral-small-24b-2507",
        "amazon.nova-2-5-sonic",
        "anthropic.claude-3-haiku-20240307-v1:0:48k",
        "zai.glm-4.6",
    ],
)
def test_ids_in_use_pass(model_id: str) -> None:
    assert parse_model_id(model_id).foundation_model in model_id


@pytest.mark.parametrize(
    ("model_id", "message"),
    [
        ("", "nothing is no provider"),
        ("claude-sonnet-4-6", "claude-sonnet-4-6 is no provider"),
        ("antropic.claude-sonnet-4-6", "antropic is no provider"),
        (
            "mars.anthropic.claude-sonnet-4-6",
            "mars is no provider .* prefixes apac, au, eu, jp, us, us-gov, g",
        ),
        ("us.global.anthropic.claude-sonnet-4-6", "global is no provider"),
        ("anthropic.", "nothing is no name"),
        ("anthropic.claude sonnet", "claude sonnet is no name"),
        ("anthropic.*", r"\* is no name"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude", "not an ARN"),
    ],
)
def test_other_texts_are_refused_with_what_is_allowed(model_id: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_model_id(model_id)
