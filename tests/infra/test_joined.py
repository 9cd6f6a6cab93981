"""Text with outputs in it is what the SDK makes of it, and keeps what the SDK knows of it."""

from typing import Any, cast

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.joined import joined
from tests.infra.test_json_text import exported


def lifted(parts: list[str], mask: int) -> list[Any]:
    """``parts`` with those behind outputs that the bits of ``mask`` choose."""
    return [pulumi.Output.from_input(part) if mask >> place & 1 else part for place, part in enumerate(parts)]


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.text(max_size=3), max_size=6), mask=st.integers(0, 63))
def test_it_is_what_the_sdk_joins(parts: list[str], mask: int) -> None:
    found = exported(
        lambda: {
            "ours": joined(*lifted(parts, mask)),
            "theirs": pulumi.Output.concat(*lifted(parts, mask)),
        }
    )
    assert found["ours"] == found["theirs"] == "".join(parts)


@pytest.mark.parametrize("others", [[], [pulumi.Output.from_input]])
def test_a_secret_stays_one(others: list[Any]) -> None:
    def make() -> dict[str, Any]:
        return {"text": joined("a:", pulumi.Output.secret("b"), *(make("c") for make in others))}

    assert exported(make)["text"]["value"] == f"a:b{'c' if others else ''}"


@pytest.mark.parametrize("known", [(), ("known",)])
def test_nothing_is_known_before_all_parts_are(known: tuple[str, ...]) -> None:
    def make() -> dict[str, Any]:
        bucket: pulumi.Output[str] = pulumi.Output.from_input(cast("str", pulumi.UNKNOWN))
        return {"text": joined(bucket, "/*", *map(pulumi.Output.from_input, known))}

    assert exported(make, preview=True)["text"] == "(unknown before the update)"


def test_a_part_that_is_awaited_is_taken() -> None:
    async def later() -> str:
        return "b"

    assert exported(lambda: {"text": joined("a", later())})["text"] == "ab"
