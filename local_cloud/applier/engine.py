"""Decides what happens to each registered resource: keep, create, update in place, replace or delete."""

import graphlib
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local_cloud.documents import part

from .checkpoint import Checkpoint, Condemned, Entry, digest_of
from .cloud import Cloud
from .model import Lifecycle, NameRule, Properties, Resource, State
from .report import Reporter
from .secrecy import Secrecy, is_masked

# The engine of Pulumi appends a dash and seven hexadecimal digits to names it makes.
NAME_SUFFIX_LENGTH = 7


class ApplyError(Exception):
    """A resource could not be brought to its declared state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A resource as the program registered it, with plain inputs."""

    urn: str
    type: str
    name: str
    inputs: Properties
    dependencies: list[str] = field(default_factory=list[str])
    default_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    # Inputs whose later changes the program asks to leave alone (`ignore_changes`).
    ignore_changes: frozenset[str] = frozenset()
    # Names of inputs and outputs that hold a secret.
    secret_inputs: frozenset[str] = frozenset()
    secret_outputs: frozenset[str] = frozenset()
    # The inputs as the checkpoint keeps them; made by the engine.
    recorded: Properties = field(default_factory=dict[str, Any])


class Engine:
    """Applies registrations, one at a time per URN and in parallel across URNs."""

    def __init__(
        self,
        *,
        cloud: Cloud,
        checkpoint: Checkpoint,
        kinds: Mapping[str, Lifecycle],
        reporter: Reporter,
        secrecy: Secrecy,
        verify: bool = False,
        discard_data: bool = False,
    ) -> None:
        self._cloud = cloud
        self._checkpoint = checkpoint
        self._kinds = kinds
        self._reporter = reporter
        self._secrecy = secrecy
        self._verify = verify
        self._discard_data = discard_data
        self._registered: set[str] = set()
        self._recorded: set[str] = set()
        self._lock = threading.Lock()

    @property
    def recorded(self) -> list[str]:
        """Types that the local cloud has no engine for: they were recorded, nothing runs."""
        return sorted(self._recorded)

    def register(self, registration: Registration) -> State:
        """Bring one resource to its declared state and return its id and outputs."""
        with self._lock:
            if registration.urn in self._registered:
                raise ApplyError(f"two resources have the URN {registration.urn}: give one another name")
            self._registered.add(registration.urn)
        kind = self._kinds.get(registration.type)
        if kind is None:
            return self._record(self._with_recorded(registration))
        entry = self._checkpoint.get(registration.urn)
        kept = registration.ignore_changes | kind.volatile
        tagged = _with_tags(registration) if kind.taggable else registration
        registration = _with_kept(self._with_recorded(tagged), entry, kept)
        if entry is None or entry.recorded:
            return self._create(kind, registration, physical=None)
        if entry.pending:
            return self._resume(kind, registration, entry)
        if entry.digest == digest_of(registration.recorded):
            return self._keep(kind, registration, entry)
        return self._change(kind, registration, entry)

    def remove_absent(self) -> None:
        """Delete what left the program and what was replaced, dependents first."""
        absent = {
            urn: entry for urn, entry in self._checkpoint.resources.items() if urn not in self._registered
        }
        if not self._discard_data:
            self._refuse_loss(absent)
        doomed: list[Condemned] = [*self._checkpoint.condemned]
        doomed += [Condemned(urn, entry) for urn, entry in absent.items()]
        for item in _dependents_first(doomed):
            self._delete(item.urn, item.entry)
            if item.urn in absent and absent[item.urn] is item.entry:
                self._checkpoint.forget(item.urn)
            else:
                self._checkpoint.settle(item)

    def _with_recorded(self, registration: Registration) -> Registration:
        recorded = self._secrecy.masked(registration.inputs, registration.secret_inputs)
        return replace(registration, recorded=recorded)

    def _keep(self, kind: Lifecycle, registration: Registration, entry: Entry) -> State:
        # A secret that the cloud made is not in the checkpoint: only the cloud can tell it again.
        outputs, asked = entry.outputs, bool(_masked(entry))
        if (self._verify or asked) and kind.findable:
            resource = self._resource(registration, entry.physical, entry)
            found = kind.find(resource)
            if found is None:
                self._reporter.log(
                    f"{resource.describe()} is gone from the local cloud: making it again", "warning"
                )
                return self._create(kind, registration, physical=entry.physical)
            outputs = {**outputs, **found.outputs} if asked else outputs
        self._reporter.resource("same", registration.type, registration.name)
        if entry.dependencies != registration.dependencies:
            entry.dependencies = registration.dependencies
            self._checkpoint.put(registration.urn, entry)
        return State(entry.id, outputs)

    def _create(self, kind: Lifecycle, registration: Registration, physical: str | None) -> State:
        physical = physical or physical_name(kind.name, registration)
        entry = _pending_entry(registration, physical)
        self._checkpoint.put(registration.urn, entry)
        return self._finish_creation(kind, registration, entry, "create")

    def _resume(self, kind: Lifecycle, registration: Registration, entry: Entry) -> State:
        """Take over what an earlier run was making when it was stopped, or make it now."""
        physical = _explicit_name(kind.name, registration.inputs) or entry.physical
        entry = _pending_entry(registration, physical)
        self._checkpoint.put(registration.urn, entry)
        resource = self._resource(registration, physical, entry)
        found = kind.find(resource) if kind.findable else None
        if found is None:
            return self._finish_creation(kind, registration, entry, "create")
        resource.id, resource.outputs = found.id, found.outputs
        state = kind.update(resource, set(registration.inputs))
        return self._settle(registration, entry, state, "create")

    def _finish_creation(
        self, kind: Lifecycle, registration: Registration, entry: Entry, operation: str
    ) -> State:
        resource = self._resource(registration, entry.physical, entry)
        state = kind.create(resource)
        return self._settle(registration, entry, state, operation)

    def _settle(self, registration: Registration, entry: Entry, state: State, operation: str) -> State:
        kind = self._kinds.get(registration.type)
        named = {kind.name.property: entry.physical} if kind is not None and kind.name is not None else {}
        state = State(state.id, {**named, **state.outputs})
        entry.id, entry.pending = state.id, False
        entry.outputs = self._secrecy.masked(state.outputs, registration.secret_outputs)
        self._checkpoint.put(registration.urn, entry)
        self._reporter.resource(operation, registration.type, registration.name)
        return state

    def _change(self, kind: Lifecycle, registration: Registration, entry: Entry) -> State:
        changed = _changed_keys(entry.inputs, registration.recorded)
        immovable = set(kind.needs_replacement(changed))
        if kind.name is not None and kind.name.property in changed:
            explicit = _explicit_name(kind.name, registration.inputs)
            renamed = explicit is not None and explicit != entry.physical
            immovable = (immovable | {kind.name.property}) if renamed else immovable - {kind.name.property}
        if immovable:
            return self._replace(kind, registration, entry, immovable)
        resource = self._resource(registration, entry.physical, entry)
        found = kind.find(resource) if kind.findable else None
        if kind.findable and found is None:
            return self._create(kind, registration, physical=entry.physical)
        if found is not None:
            resource.outputs.update(
                {key: value for key, value in found.outputs.items() if key in _masked(entry)}
            )
        state = kind.update(resource, changed)
        fresh = _pending_entry(registration, entry.physical)
        return self._settle(registration, fresh, state, "update")

    def _replace(
        self, kind: Lifecycle, registration: Registration, entry: Entry, immovable: set[str]
    ) -> State:
        if kind.keeps is not None and not self._discard_data:
            raise ApplyError(
                f"a change of {', '.join(sorted(immovable))} cannot be made in place: it would replace "
                f"{entry.physical} and lose {kind.keeps}. Undo the change, or run `./nova up --discard-data` "
                "to accept the loss"
            )
        explicit = _explicit_name(kind.name, registration.inputs)
        reusable = kind.name is not None and kind.name.reusable
        if kind.delete_first or (explicit == entry.physical and not reusable):
            self._delete(registration.urn, entry, report=False)
            fresh = _pending_entry(registration, physical_name(kind.name, registration))
            self._checkpoint.put(registration.urn, fresh)
        else:
            fresh = _pending_entry(registration, physical_name(kind.name, registration))
            self._checkpoint.replace(registration.urn, entry, fresh)
        return self._finish_creation(kind, registration, fresh, "replace")

    def _delete(self, urn: str, entry: Entry, *, report: bool = True) -> None:
        kind = self._kinds.get(entry.type)
        if kind is not None and not entry.recorded:
            resource = Resource(
                type=entry.type,
                name=entry.name,
                urn=urn,
                physical=entry.physical,
                inputs=_named(kind.name, entry.inputs, entry.physical),
                cloud=self._cloud,
                id=entry.id,
                outputs=entry.outputs,
                log=self._reporter.log,
            )
            if entry.pending:
                found = kind.find(resource) if kind.findable else None
                if found is None:
                    return
                resource.id, resource.outputs = found.id, found.outputs
            try:
                kind.delete(resource)
            except Exception as error:
                raise ApplyError(f"{resource.describe()} cannot be deleted: {error}") from error
        if report:
            self._reporter.resource("delete", entry.type, entry.name)

    def _record(self, registration: Registration) -> State:
        """Keep the inputs of a kind without a local engine, and answer with outputs of the usual form."""
        with self._lock:
            self._recorded.add(registration.type)
        entry = self._checkpoint.get(registration.urn)
        digest = digest_of(registration.recorded)
        if entry is not None and entry.recorded and entry.digest == digest:
            self._reporter.resource("same", registration.type, registration.name)
            return State(entry.id, entry.outputs)
        physical = entry.physical if entry is not None else physical_name(_ANY_NAME, registration)
        fresh = _pending_entry(registration, physical)
        fresh.recorded = True
        service = registration.type.split(":")[1].split("/")[0]
        arn = f"arn:aws:{service}:{self._cloud.region}:{self._cloud.account}:{physical}"
        named = {} if "name" in registration.inputs else {"name": physical}
        return self._settle(registration, fresh, State(physical, {"arn": arn, **named}), "record")

    def _refuse_loss(self, absent: Mapping[str, Entry]) -> None:
        losses = [
            f"{entry.type} '{entry.name}' with {kind.keeps}"
            for entry in absent.values()
            if (kind := self._kinds.get(entry.type)) is not None and kind.keeps is not None
        ]
        if losses:
            raise ApplyError(
                f"the program no longer declares {'; '.join(losses)}. Declare it again, or run "
                "`./nova up --discard-data` to delete it"
            )

    def _resource(self, registration: Registration, physical: str, entry: Entry) -> Resource:
        kind = self._kinds[registration.type]
        return Resource(
            type=registration.type,
            name=registration.name,
            urn=registration.urn,
            physical=physical,
            inputs=_named(kind.name, registration.inputs, physical),
            cloud=self._cloud,
            id=entry.id,
            outputs=dict(entry.outputs),
            previous=dict(entry.inputs),
            log=self._reporter.log,
        )


_ANY_NAME = NameRule(property="name", length_max=64)


def physical_name(rule: NameRule | None, registration: Registration) -> str:
    """Return the name a resource gets: the program's, or its logical name with a random suffix."""
    rule = rule or _ANY_NAME
    explicit = _explicit_name(rule, registration.inputs)
    if explicit is not None:
        return explicit
    given = registration.inputs.get(rule.prefix_property) if rule.prefix_property else None
    prefix = str(given) if given else f"{rule.prefix}{registration.name}-"
    prefix = prefix.lower() if rule.lowercase else prefix
    return prefix[: rule.length_max - NAME_SUFFIX_LENGTH] + secrets.token_hex(4)[:NAME_SUFFIX_LENGTH]


def _explicit_name(rule: NameRule | None, inputs: Properties) -> str | None:
    value = inputs.get(rule.property) if rule is not None else None
    return None if value is None else str(value)


def _named(rule: NameRule | None, inputs: Properties, physical: str) -> Properties:
    return dict(inputs) if rule is None else {**inputs, rule.property: physical}


def _with_tags(registration: Registration) -> Registration:
    tags = {**registration.default_tags, **part(registration.inputs, "tags")}
    if not tags:
        return registration
    return replace(registration, inputs={**registration.inputs, "tags": tags})


def _with_kept(registration: Registration, entry: Entry | None, kept: frozenset[str]) -> Registration:
    """Give the inputs of `kept` the values that they had when the resource was made.

    A secret among them counts as unchanged, and where a request needs it, the program's present value is
    sent: its former one is not known any more.
    """
    if entry is None or not kept:
        return registration
    kept -= {key for key in registration.secret_inputs if not is_masked(entry.inputs.get(key))}
    before = {key: entry.inputs[key] for key in kept if key in entry.inputs}
    recorded = {key: value for key, value in registration.recorded.items() if key not in kept} | before
    plain = {key: value for key, value in before.items() if not is_masked(value)}
    secret = {key: value for key, value in registration.inputs.items() if is_masked(before.get(key))}
    others = {key: value for key, value in registration.inputs.items() if key not in kept}
    return replace(registration, inputs=others | plain | secret, recorded=recorded)


def _pending_entry(registration: Registration, physical: str) -> Entry:
    return Entry(
        type=registration.type,
        name=registration.name,
        physical=physical,
        inputs=registration.recorded,
        digest=digest_of(registration.recorded),
        dependencies=registration.dependencies,
        pending=True,
    )


def _masked(entry: Entry) -> set[str]:
    return {key for key, value in entry.outputs.items() if is_masked(value)}


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _dependents_first(doomed: list[Condemned]) -> list[Condemned]:
    """Order deletions so that nothing is deleted while something still refers to it."""
    by_urn: dict[str, list[int]] = {}
    for index, item in enumerate(doomed):
        by_urn.setdefault(item.urn, []).append(index)
    graph = {
        index: {other for urn in item.entry.dependencies for other in by_urn.get(urn, []) if other != index}
        for index, item in enumerate(doomed)
    }
    order = list(graphlib.TopologicalSorter(graph).static_order())
    return [doomed[index] for index in reversed(order)]
