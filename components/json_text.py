"""JSON text with outputs in it (no resources)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pulumi


def json_text(value: object) -> pulumi.Output[str]:
    """Return ``value``, of mappings, sequences, plain values and outputs, as JSON text.

    The same as ``pulumi.Output.json_dumps``, which makes an output of each member, plain ones too: some ten
    thousand of them for a stack's policies, a tenth of the program's time.
    """
    found = {id(output): output for output in _outputs(value)}
    if not found:
        return pulumi.Output.from_input(json.dumps(_filled(value, {}, [])))
    outputs = list(found.values())
    places = {key: place for place, key in enumerate(found)}
    return pulumi.Output.all(*outputs).apply(lambda known: json.dumps(_filled(value, places, known)))


def _outputs(value: object) -> Iterator[pulumi.Output[Any]]:
    if isinstance(value, pulumi.Output):
        yield cast("pulumi.Output[Any]", value)
    elif isinstance(value, Mapping):
        for member in cast("Mapping[str, object]", value).values():
            yield from _outputs(member)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in cast("Sequence[object]", value):
            yield from _outputs(item)


def _filled(value: object, places: Mapping[int, int], known: Sequence[Any]) -> object:
    if isinstance(value, pulumi.Output):
        return known[places[id(cast("object", value))]]
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {key: _filled(member, places, known) for key, member in members.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_filled(item, places, known) for item in cast("Sequence[object]", value)]
    return value
