"""The resources of a stack, and what refers to what: the one form in which rules see any program (pure)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nova_policy.values import at, texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource as its program declares it."""

    urn: str
    type: str
    """The provider's token, such as ``aws:s3/bucket:Bucket``."""
    name: str
    """Its name in the program."""
    props: Mapping[str, Any]
    """Inputs by the provider's names, as ``nova_policy.values.plain`` makes them."""
    parent: str = ""
    """URN of the parent; empty where there is none, or where the engine does not say."""
    protect: bool = False
    """Whether the engine refuses to delete it."""
    references: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """By property, the URNs of the resources that its value comes from."""

    @property
    def stack(self) -> str:
        """The stack that it belongs to, as its URN says."""
        return self.urn.split("::")[0].removeprefix("urn:pulumi:")

    def at(self, key: str, *path: str | int) -> Any:
        """Return what is at ``path`` of its property ``key``: see ``nova_policy.values.at``."""
        return at(self.props.get(key), *path)


class Graph:
    """All resources of a stack."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        """Keep the resources in the order of their URNs, so that findings come in one order."""
        self.resources = tuple(sorted(resources, key=lambda found: found.urn))
        self._known_as: dict[str, frozenset[str]] = {}

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        """Each resource by its URN."""
        return {found.urn: found for found in self.resources}

    @cached_property
    def _by_type(self) -> Mapping[str, tuple[Resource, ...]]:
        types: dict[str, list[Resource]] = {}
        for found in self.resources:
            types.setdefault(found.type, []).append(found)
        return {kind: tuple(members) for kind, members in types.items()}

    @cached_property
    def _by_target(self) -> Mapping[str, tuple[Resource, ...]]:
        targets: dict[str, list[Resource]] = {}
        for found in self.resources:
            for urn in frozenset[str]().union(*found.references.values()):
                targets.setdefault(urn, []).append(found)
        return {urn: tuple(members) for urn, members in targets.items()}

    def of_type(self, *types: str) -> tuple[Resource, ...]:
        """Return the resources of these types, type by type."""
        return tuple(found for kind in types for found in self._by_type.get(kind, ()))

    def referring_to(self, target: Resource, *types: str, by: str = "") -> tuple[Resource, ...]:
        """Return the resources of ``types`` whose property ``by``, or any, comes from ``target``.

        A reference is what the engine knows of, or a property ``by`` that holds the target's id, ARN or name
        as text: programs hand on names, too. Of a remote component's outputs the engine knows the component
        alone, so that a reference to it is one to each of its children.
        """
        urns = {target.urn, *self._ancestors(target)}
        if not by:
            linked = {found.urn for urn in urns for found in self._by_target.get(urn, ())}
            return tuple(found for found in self.of_type(*types) if found.urn in linked)
        names = self._identities(target)
        return tuple(
            found
            for found in self.of_type(*types)
            if urns & found.references.get(by, frozenset()) or _named(found.props.get(by), names)
        )

    def targets(self, source: Resource, by: str, *types: str) -> tuple[Resource, ...]:
        """Return those of ``types`` that the property ``by`` of ``source`` is certain to come from."""
        urns, value = source.references.get(by, frozenset()), source.props.get(by)
        return tuple(
            found
            for found in self.of_type(*types)
            if found.urn in urns or _named(value, self._identities(found))
        )

    def _identities(self, resource: Resource) -> frozenset[str]:
        """Return the texts by which others may name a resource: its id, its ARN, its name in the cloud."""
        known = self._known_as.get(resource.urn)
        if known is None:
            values = (resource.props.get(key) for key in ("id", "arn", "name", "bucket"))
            known = frozenset(value for value in values if isinstance(value, str) and value)
            self._known_as[resource.urn] = known
        return known

    def _ancestors(self, resource: Resource) -> Iterator[str]:
        while resource.parent:
            yield resource.parent
            if resource.parent not in self.by_urn:
                return
            resource = self.by_urn[resource.parent]


def _named(value: Any, names: frozenset[str]) -> bool:
    if isinstance(value, str):
        return value in names
    return isinstance(value, list) and any(item in names for item in texts(value))  # pyright: ignore[reportUnknownArgumentType]
