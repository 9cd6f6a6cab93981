"""The rules know nothing of one program: they judge this repository's others, too."""

import pytest
from nova_policy.graph import Graph

from cli.policies import graph_of
from tests.bootstrap.account import STACK, usual
from tests.policy.conftest import graph, judgement


def said(found: Graph, stack: str) -> list[str]:
    return [f"{one.rule}: {one.resource}: {one.message}" for one in judgement(found, stack).verdicts]


def test_the_account_stack_is_refused_nothing() -> None:
    assert said(graph_of(usual()), STACK) == []


def test_the_local_stack_is_refused_nothing() -> None:
    assert said(graph("local"), "local") == []


def test_a_program_without_aws_is_refused_nothing() -> None:
    assert said(Graph(()), "shop") == []


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_without_its_exceptions_a_stack_would_be_refused_what_they_are_about(stack: str) -> None:
    accepted = judgement(graph(stack), stack).accepted
    assert {exemption.rule for _, exemption in accepted} >= {"ec2-subnet-public-address"}
