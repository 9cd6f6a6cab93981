"""Schemas of events: their versions, and how a newer release reads what an older one wrote."""

from collections.abc import Mapping
from typing import ClassVar

import pytest
from nova_common.events import (
    AggregateType,
    EventData,
    EventRegistry,
    SchemaError,
    StoredData,
    UnknownEventTypeError,
    Upcaster,
    moved_to_private,
)


def _in_cents(stored: StoredData) -> StoredData:
    euros = stored.data["euros"]
    assert isinstance(euros, int)
    return StoredData(data={**stored.data, "cents": euros * 100}, private=stored.private)


class Paid(EventData):
    """Three versions: 1 has euros, 2 has cents, 3 keeps who paid to itself."""

    schema_version = 3
    upcasters: ClassVar[Mapping[int, Upcaster]] = {1: _in_cents, 2: moved_to_private("payer")}
    private_fields = frozenset({"payer"})

    cents: int


def aggregate(*models: type[EventData]) -> AggregateType:
    return AggregateType(name="Bill", source="nova.test", events=models)


@pytest.mark.parametrize(
    ("version", "data", "private"),
    [
        (1, {"euros": 2, "payer": "alice", "gone": 1}, {}),
        (2, {"cents": 200, "payer": "alice"}, {}),
        (3, {"cents": 200}, {"payer": "alice", "unknown": 1}),
    ],
)
def test_all_versions_read_alike(
    version: int, data: dict[str, int | str], private: dict[str, int | str]
) -> None:
    stored = StoredData(data=data, private=private)
    read = EventRegistry([aggregate(Paid)]).read("Bill#1", "Paid", version, stored)
    assert read == (Paid(cents=200), {"payer": "alice"})


@pytest.mark.parametrize(
    ("kind", "event_type", "version"),
    [("Bill", "Paid", 4), ("Bill", "Paid", 0), ("Bill", "Lost", 1), ("Bull", "Paid", 1)],
)
def test_what_a_newer_release_wrote_is_refused(kind: str, event_type: str, version: int) -> None:
    registry = EventRegistry([aggregate(Paid)])
    message = f"no model for {kind} event {event_type} of schema {version}.* deploy the reader first"
    with pytest.raises(UnknownEventTypeError, match=message):
        registry.read(f"{kind}#1", event_type, version, StoredData(data={"cents": 1}, private={}))


def test_a_model_reads_each_of_its_earlier_versions() -> None:
    class Gone(EventData):
        schema_version = 3
        upcasters: ClassVar[Mapping[int, Upcaster]] = {2: moved_to_private("name")}

    with pytest.raises(SchemaError, match=r"Gone is of schema 3 and upcasts \[2\]; it needs an upcaster for"):
        EventRegistry([aggregate(Gone)])
