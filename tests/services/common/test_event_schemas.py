"""Events that are in stores stay readable: schemas change by a new version, and old versions are upcast."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import nova_common.contracts
import pytest
from nova_common.contracts.registry import AGGREGATES
from nova_common.events import AggregateType, EventData, EventRegistry, StoredData
from pydantic import JsonValue

from tests.services.common import event_schemas

MODELS = [(kind, model) for kind in AGGREGATES for model in kind.events]
NAMES = [f"{kind.name}-{model.__name__}" for kind, model in MODELS]
FIX = "give it a new schema_version with an upcaster, then run: python -m tests.services.common.event_schemas"

OLD: Mapping[tuple[str, str, int], tuple[StoredData, Mapping[str, JsonValue]]] = {
    ("Recording", "RecordingRequested", 1): (
        StoredData(
            data={"filename": "a.wav", "content_type": "audio/wav", "size_bytes": 5, "language": "de-DE"},
            private={},
        ),
        {"filename": "a.wav"},
    ),
    ("Session", "TurnCompleted", 1): (
        StoredData(
            data={
                "turn": "t",
                "body": {"key": "k", "version_id": "v", "sha256": "0" * 64},
                "tools": ["search"],
                "model": "m",
                "input_tokens": 5,
                "output_tokens": 7,
                "duration_ms": 900,
                "stop_reason": "end_turn",
            },
            private={},
        ),
        {},
    ),
    ("Session", "TurnFailed", 1): (
        StoredData(data={"turn": "t", "reason": "the model is busy"}, private={}),
        {},
    ),
    ("Video", "VideoAnalyzed", 1): (
        StoredData(
            data={
                "analysis": {"key": "k", "version_id": "v", "sha256": "0" * 64},
                "duration_seconds": 9.5,
                "scenes": 2,
                "anomalies": 0,
            },
            private={},
        ),
        {},
    ),
}
"""An event of each earlier version, as it was written, and the private part that it reads with."""


def declared() -> Iterator[AggregateType]:
    """Every kind of aggregate that some contract declares."""
    for module in pkgutil.iter_modules(nova_common.contracts.__path__, "nova_common.contracts."):
        values = vars(importlib.import_module(module.name)).values()
        yield from (value for value in values if isinstance(value, AggregateType))


def test_the_registry_has_all_kinds() -> None:
    assert {kind.name for kind in declared()} == {kind.name for kind in AGGREGATES}
    assert len({kind.name for kind in AGGREGATES}) == len(AGGREGATES)
    assert EventRegistry(AGGREGATES)


@pytest.mark.parametrize(("kind", "model"), MODELS, ids=NAMES)
def test_a_version_never_changes(kind: AggregateType, model: type[EventData]) -> None:
    known = event_schemas.committed()[kind.name].get(model.__name__, {})
    version = str(model.schema_version)
    assert version in known, f"{model.__name__} has no committed schema {version}: {FIX}"
    assert event_schemas.schema(model) == known[version], f"{model.__name__} {version} has changed: {FIX}"


def test_nothing_that_was_written_is_forgotten() -> None:
    models = {(kind.name, model.__name__): model for kind, model in MODELS}
    for kind, types in event_schemas.committed().items():
        for name, versions in types.items():
            model = models[kind, name]
            assert sorted(map(int, versions)) == list(range(1, model.schema_version + 1)), name


def test_each_earlier_version_is_read() -> None:
    earlier = {
        (kind.name, model.__name__, version)
        for kind, model in MODELS
        for version in range(1, model.schema_version)
    }
    assert set(OLD) == earlier
    registry = EventRegistry(AGGREGATES)
    for (kind, name, version), (stored, private) in OLD.items():
        _, read = registry.read(f"{kind}#1", name, version, stored)
        assert read == private


def test_the_command_changes_no_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    snapshot = tmp_path / "schemas.json"
    snapshot.write_text('{"Recording": {"RecordingDeleted": {"1": {"data": "as it was"}}}}')
    monkeypatch.setattr(event_schemas, "SNAPSHOT", snapshot)
    event_schemas.main()
    written = event_schemas.committed()
    assert written["Recording"].pop("RecordingDeleted") == {"1": {"data": "as it was"}}
    assert "SessionDeleted" in written["Session"]
