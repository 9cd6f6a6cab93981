"""One change of a real stack that one rule has to refuse, and ways to write such changes down."""

import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from nova_policy.graph import Graph, Resource
from nova_policy.values import UNKNOWN

from tests.policy import mutations

type Change = Callable[[Graph], Graph]
type Place = tuple[str | int, ...]
"""Type and name of a resource, then the way to one of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A change, and where the one finding that it causes has to be."""

    rule: str
    what: str
    """The change in words, for the table in docs/policies.md."""
    change: Change
    at: tuple[str, str]
    """Type and name of the resource that the finding is about."""
    unknown: Place
    """The value that the rule guards: where it is unknown, nothing may be refused."""
    needs: tuple[str, ...] = ()
    """Further properties of the resource ``at`` without which the rule cannot know."""
    with_rules: tuple[str, ...] = ()
    """Rules that the same change breaks for the same reason."""
    stack: str = "prod"


def found(graph: Graph, kind: str, name: str) -> Resource:
    """The resource of a type and name."""
    (resource,) = [one for one in graph.of_type(kind) if one.name == name]
    return resource


def put(graph: Graph, *changed: Resource) -> Graph:
    """``graph`` with some resources changed or added."""
    urns = {one.urn for one in changed}
    return Graph([*(one for one in graph.resources if one.urn not in urns), *changed])


def with_value(value: Any, path: Place, new: Any) -> Any:
    """A copy of ``value`` with ``new`` at ``path``; without what is there where ``new`` is ``None``."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        items = list(value)
        items[step] = with_value(items[step], rest, new)
        return items
    members = dict(value or {})
    member = with_value(members.get(step), rest, new)
    if member is None:
        members.pop(step, None)
    else:
        members[step] = member
    return members


def set_at(place: Place, new: Any) -> Change:
    """Put a value somewhere; ``None`` removes what is there."""
    kind, name, *path = place

    def change(graph: Graph) -> Graph:
        resource = found(graph, str(kind), str(name))
        return put(graph, replace(resource, props=with_value(resource.props, tuple(path), new)))

    return change


def altered(rule: str, what: str, place: Place, new: Any, **further: Any) -> Mutation:
    """The usual mutation: one guarded property of one resource gets another value, or none."""
    kind, name = str(place[0]), str(place[1])
    further = {"at": (kind, name), "unknown": place, "change": set_at(place, new)} | further
    return Mutation(rule=rule, what=what, **further)


def in_json(place: Place, path: Place, new: Any) -> Change:
    """Put a value somewhere in a text of JSON; ``None`` removes what is there."""
    kind, name, key = (str(step) for step in place)

    def change(graph: Graph) -> Graph:
        document = json.loads(found(graph, kind, name).at(key))
        return set_at(place, json.dumps(with_value(document, path, new)))(graph)

    return change


def removed(kind: str, name: str) -> Change:
    """Take a resource out of the stack."""

    def change(graph: Graph) -> Graph:
        gone = found(graph, kind, name).urn
        return Graph(one for one in graph.resources if one.urn != gone)

    return change


def option(kind: str, name: str, **options: Any) -> Change:
    """Change what is no property: ``protect``, ``references``."""
    return lambda graph: put(graph, replace(found(graph, kind, name), **options))


def linked_elsewhere(kind: str, name: str, key: str) -> Change:
    """Let a property name something that the stack does not have."""

    def change(graph: Graph) -> Graph:
        one = found(graph, kind, name)
        references = {other: urns for other, urns in one.references.items() if other != key}
        return put(
            graph, replace(one, props=with_value(one.props, (key,), "elsewhere"), references=references)
        )

    return change


def added(
    kind: str, name: str, props: dict[str, Any], references: dict[str, tuple[str, str]] | None = None
) -> Change:
    """Add a resource; ``references`` names by property the type and name of what it comes from."""

    def change(graph: Graph) -> Graph:
        stack = graph.resources[0].urn.split("::")
        urns = {key: frozenset({found(graph, *target).urn}) for key, target in (references or {}).items()}
        urn = f"{stack[0]}::{stack[1]}::{kind}::{name}"
        return put(graph, Resource(urn=urn, type=kind, name=name, props=props, references=urns))

    return change


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(graph: Graph) -> Graph:
        for one in changes:
            graph = one(graph)
        return graph

    return change


def unknown(place: Place) -> Change:
    """Make a value one that a preview does not know."""
    return set_at(place, UNKNOWN)


@cache
def all_mutations() -> tuple[Mutation, ...]:
    """The mutations of all families, by rule."""
    modules = sorted(one.name for one in pkgutil.iter_modules(mutations.__path__))
    gathered = [
        mutation
        for name in modules
        for mutation in importlib.import_module(f"{mutations.__name__}.{name}").MUTATIONS
    ]
    return tuple(sorted(gathered, key=lambda one: (one.rule, one.what)))
