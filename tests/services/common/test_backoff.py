"""Pauses between attempts: they grow, they end, and no two callers keep step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_common.backoff import Backoff


@given(st.integers(1, 10_000), st.floats(0.001, 100), st.floats(1, 1000))
def test_a_pause_is_the_upper_half_of_a_doubled_one(attempt: int, first: float, more: float) -> None:
    backoff = Backoff(first=first, last=first * more)
    ceiling = min(first * more, first * 2.0 ** min(attempt - 1, 30))
    assert ceiling / 2 <= backoff.pause_seconds(attempt) <= ceiling


def test_pauses_differ() -> None:
    backoff = Backoff(first=1, last=30)
    assert len({backoff.pause_seconds(3) for _ in range(20)}) > 1


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 1), (-1, 1)])
def test_pauses_that_do_not_grow_are_refused(first: float, last: float) -> None:
    with pytest.raises(ValueError, match="positive and in order"):
        Backoff(first=first, last=last)
