"""Authorization: cases written from AWS's documentation, as signed requests through the gateway."""

from typing import Any

import pytest

from tests.local_cloud.iam_matrix import Case, World, cases

ALL = list(cases())


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in ALL])
def test_the_matrix(world: World, case: Case) -> None:
    message = world.play(case)
    expected: Any = case["expect"]
    if expected is True:
        assert message == "", f"{case['source']}: allowed there, refused here: {message}"
    else:
        assert message, f"{case['source']}: refused there, allowed here"
        assert expected is False or expected in message


def test_the_matrix_is_as_large_as_promised() -> None:
    assert len(ALL) >= 200
    assert len({name for name, _ in ALL}) == len(ALL)
    assert all(case["source"] for _, case in ALL)
