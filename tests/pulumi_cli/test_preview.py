"""What is read from the engine's document, and what of it loses data."""

from functools import cache

import pytest

from pulumi_cli.preview import PreviewError, read
from pulumi_cli.stateful import STATEFUL
from tests.infra.deployment import deployed
from tests.pulumi_cli.documents import QUEUE, REPLACED_TABLE, TABLE, document, step


@cache
def protected_types() -> frozenset[str]:
    """What prod protects, with all that a stack can have."""
    stack = deployed("prod", overrides={"replicaRegion": "us-west-2"})
    return frozenset(found.type for found in stack.resources.values() if found.protect)


def test_what_production_protects_counts_as_data_if_it_stores_any() -> None:
    assert protected_types() - STATEFUL == {"aws:lb/loadBalancer:LoadBalancer"}
    assert protected_types() > STATEFUL


def test_changes_are_read_with_their_reasons() -> None:
    found = read(
        document(REPLACED_TABLE, step("update", QUEUE, "audio", detailedDiff={"tags": {"kind": "add"}}))
    )
    table, queue = found.changes
    assert (table.op, table.key, table.because) == ("replace", f"{TABLE} nova-events-table", ("hashKey",))
    assert (queue.op, queue.because) == ("update", ("tags",))
    assert found.counts() == {"replace": 1, "update": 1}
    assert found.losses() == (table,)


def test_what_stays_is_no_change() -> None:
    assert (
        read(
            document(step("same", TABLE, "a"), step("read", QUEUE, "b"), step("refresh", QUEUE, "c"))
        ).changes
        == ()
    )


def test_the_three_steps_of_a_replacement_are_one() -> None:
    steps = [step(op, TABLE, "events") for op in ("create-replacement", "replace", "delete-replaced")]
    assert [change.op for change in read(document(*steps)).changes] == ["replace"]


def test_what_is_only_forgotten_is_not_lost() -> None:
    kept = step("delete", TABLE, "events", state={"retainOnDelete": True})
    assert read(document(kept)).losses() == ()
    assert len(read(document(step("delete", TABLE, "events"))).losses()) == 1


def test_what_the_engine_protects_counts_whatever_its_type() -> None:
    assert len(read(document(step("delete", QUEUE, "audio", state={"protect": True}))).losses()) == 1
    assert read(document(step("delete", QUEUE, "audio"))).losses() == ()


def test_each_thing_that_would_be_done_to_a_resource_counts() -> None:
    """An old table that a replacement left behind goes, and what the new one gets does not hide that."""
    for steps in (("delete", "update"), ("update", "delete")):
        found = read(document(*(step(op, TABLE, "events") for op in steps)))
        assert found.counts() == {"delete": 1, "update": 1}
        assert [change.op for change in found.losses()] == ["delete"]


@pytest.mark.parametrize("text", ["", "[]", "error: no stack", '{"resources": []}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(PreviewError, match="no preview"):
        read(text)


def test_a_corrupt_state_is_an_error() -> None:
    assert "corrupt" in read(document(maybeCorrupt=True)).errors[0]
