"""Judging a stack is cheap: nobody should have a reason to leave it out."""

from benchmarks.policy_pack import LIMIT_CPU_S, best, judged
from tests.infra.conftest import deployed


def test_judging_prod_keeps_its_limit() -> None:
    deployment = deployed("prod")
    assert best(3, lambda: judged(deployment)) < LIMIT_CPU_S
