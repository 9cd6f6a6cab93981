"""The schemas of all events, as they were when their versions were made: event_schemas.json beside this file.

`python -m tests.services.common.event_schemas` adds what is new. It never changes a version that is there:
events of it are in stores. A model whose fields have to change gets a new `schema_version` and an upcaster.
"""

import json
from pathlib import Path
from typing import Any, cast

from nova_common.contracts.registry import AGGREGATES
from nova_common.events import AggregateType, EventData

SNAPSHOT = Path(__file__).with_name("event_schemas.json")

type Schemas = dict[str, dict[str, dict[str, Any]]]
"""By kind of aggregate, event type and version."""


def committed() -> Schemas:
    return json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def schema(model: type[EventData]) -> dict[str, Any]:
    """What readers of stored events rely on; titles and descriptions are for people."""
    described = model.model_json_schema(mode="serialization")
    return {"data": _plain(described), "private": sorted(model.private_fields), "severity": model.severity}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        # A field may itself be called title or description: only texts are dropped.
        return {
            name: _plain(part)
            for name, part in members.items()
            if not (name in {"title", "description"} and isinstance(part, str))
        }
    if isinstance(value, list):
        return [_plain(part) for part in cast("list[Any]", value)]
    return value


def current() -> Schemas:
    return {kind.name: _of(kind) for kind in AGGREGATES}


def _of(kind: AggregateType) -> dict[str, dict[str, Any]]:
    return {model.__name__: {str(model.schema_version): schema(model)} for model in kind.events}


def main() -> None:
    known = committed() if SNAPSHOT.exists() else {}
    for kind, types in current().items():
        for name, versions in types.items():
            for version, described in versions.items():
                known.setdefault(kind, {}).setdefault(name, {}).setdefault(version, described)
    SNAPSHOT.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
