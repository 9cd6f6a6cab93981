"""JSON with outputs in it reads as the SDK writes it, and keeps what the SDK knows of it."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pulumi
from hypothesis import given, settings
from hypothesis import strategies as st

from components.json_text import json_text
from tests.infra.deployment import Deployment, run

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=5))
JSON = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def exported(make: Callable[[], dict[str, Any]], preview: bool = False) -> dict[str, Any]:
    def program() -> None:
        for name, value in make().items():
            pulumi.export(name, value)

    found: Deployment = run(program, preview=preview)
    return found.outputs


def lifted(value: Any, mask: int) -> Any:  # noqa: ANN401 (any JSON)
    """``value`` with some of its members behind outputs, chosen by the bits of ``mask``."""
    if isinstance(value, dict):
        value = {key: lifted(member, mask >> 1) for key, member in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(value, list):
        value = [lifted(item, mask >> place) for place, item in enumerate(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return pulumi.Output.from_input(value) if mask & 1 else value


@settings(max_examples=40, deadline=None)
@given(value=JSON, mask=st.integers(0, 255))
def test_it_is_what_the_sdk_writes(value: Any, mask: int) -> None:  # noqa: ANN401 (any JSON)
    found = exported(
        lambda: {
            "ours": json_text(lifted(value, mask)),
            "theirs": pulumi.Output.json_dumps(lifted(value, mask)),
        }
    )
    assert found["ours"] == found["theirs"]


def test_mappings_and_tuples_of_any_kind_are_taken() -> None:
    def make() -> dict[str, Any]:
        return {"text": json_text(MappingProxyType({"a": ("b", pulumi.Output.from_input("c"))}))}

    assert exported(make) == {"text": '{"a": ["b", "c"]}'}
    assert exported(lambda: {"text": json_text(MappingProxyType({"a": ("b",)}))}) == {"text": '{"a": ["b"]}'}


def test_a_secret_stays_one() -> None:
    found = exported(lambda: {"text": json_text({"key": pulumi.Output.secret("word")})})
    assert found["text"] != '{"key": "word"}', "a secret is wrapped"
    assert "word" in repr(found["text"])
