"""How a kind of resource is declared, and what runs its declaration.

A `Kind` says which AWS operations create, change, find and delete a resource, which property holds its
physical name, and how its outputs follow from the response. The generic part is in `Kind`'s methods; a kind
that needs more (an image, a remote component) implements `Lifecycle` itself.
"""

import string
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import jmespath
from botocore.model import StructureShape

from .cloud import Cloud
from .mapper import COMMON_INPUTS, Request, Value, build_request, convert

# A change of these alone is recorded and not sent. Tags are sent at creation; nothing here reads them later.
UNSENT_INPUTS = COMMON_INPUTS | {"tags"}
# No request takes these: their change is what they are for, and it replaces the resource.
REPLACING_INPUTS = frozenset({"triggers"})
POLL_INTERVAL_S = 0.1

type Properties = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Resource:
    """One registered resource, as the operations of its kind see it."""

    type: str
    name: str
    urn: str
    physical: str
    inputs: Properties
    cloud: Cloud
    id: str = ""
    outputs: Properties = field(default_factory=dict[str, Any])
    previous: Properties = field(default_factory=dict[str, Any])
    log: Callable[[str], None] = field(default=lambda _message: None)

    def describe(self) -> str:
        """Type, name and URN, as every message about a resource names it."""
        return f"{self.type} '{self.name}' ({self.urn})"


@dataclass(frozen=True, slots=True)
class State:
    """What exists in the cloud: the identity of a resource and its computed outputs."""

    id: str
    outputs: Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule:
    """Where a kind keeps its physical name and how long it may be (AWS's limit of that resource)."""

    property: str
    length_max: int
    lowercase: bool = False
    prefix_property: str | None = None
    # What every name of the kind starts with ("alias/").
    prefix: str = ""
    # Names may be used again while the old resource exists (task definition families carry revisions).
    reusable: bool = False


class Lifecycle(Protocol):
    """What the engine needs of a kind of resource."""

    @property
    def name(self) -> NameRule | None:
        """Where the physical name is kept; None for a kind that AWS names."""
        ...

    @property
    def keeps(self) -> str | None:
        """What would be lost with the resource ("all items"); None for a kind that keeps no data."""
        ...

    @property
    def delete_first(self) -> bool:
        """Whether a replacement must wait until the old resource is gone."""
        ...

    @property
    def taggable(self) -> bool:
        """Whether the provider's default tags belong on the resource."""
        ...

    @property
    def volatile(self) -> Set[str]:
        """Inputs whose change is no change of the resource."""
        ...

    def create(self, resource: Resource) -> State:
        """Create the resource."""
        ...

    def find(self, resource: Resource) -> State | None:
        """Return the resource as it exists in the cloud; None when it is missing or cannot be looked up."""
        ...

    @property
    def findable(self) -> bool:
        """Whether `find` can tell that a resource is missing."""
        ...

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Those of the changed inputs that cannot be changed in place."""
        ...

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Change the resource in place."""
        ...

    def delete(self, resource: Resource) -> None:
        """Delete the resource; a resource that is gone already is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A template over inputs, `{region}`, `{account}`, `{urn}`, `{name}` (physical) and `{id}`."""

    template: str

    def render(self, resource: Resource, identity: str = "") -> str:
        """Fill the template from `resource`."""
        values = {
            **resource.inputs,
            "region": resource.cloud.region,
            "account": resource.cloud.account,
            "name": resource.physical,
            "urn": resource.urn,
            "id": identity or resource.id,
        }
        return string.Formatter().vformat(self.template, (), values)


@dataclass(frozen=True, slots=True)
class After:
    """The part of the identity after the last `separator`."""

    separator: str

    def render(self, resource: Resource, identity: str = "") -> str:
        """Cut the identity."""
        return (identity or resource.id).rpartition(self.separator)[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS operation: which inputs take part (`keys`; None means all) and where they go."""

    operation: str
    keys: Set[str] | None = None
    # The member that mapped inputs go into, where the API wraps them ("CORSConfiguration").
    into: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    # What the mapping cannot say; its members win over mapped ones.
    extra: Callable[[Resource], Properties] | None = None
    when: Callable[[Resource], bool] | None = None
    # Whether the request names the resource by an id that AWS gave it.
    by_id: bool = False

    def run(self, service: str, resource: Resource) -> Properties:
        """Send the request."""
        if self.when is not None and not self.when(resource):
            return {}
        return resource.cloud.call(service, self.operation, self.parameters(service, resource))

    def parameters(self, service: str, resource: Resource) -> Properties:
        """Return the request, with nothing sent."""
        request = self._request(service, resource)
        mapped = {self.into: request.parameters} if self.into else request.parameters
        # (the linter takes any method of this name for a database query)
        by_hand = self.extra(resource) if self.extra else {}  # noqa: S610
        return {**mapped, **by_hand}

    def unplaced(self, service: str, resource: Resource) -> list[str]:
        """Return the inputs of this call that found no member, by path ("settings.foo")."""
        return self._request(service, resource).unplaced

    def _request(self, service: str, resource: Resource) -> Request:
        shape = resource.cloud.input_shape(service, self.operation)
        if self.into is not None:
            shape = cast("StructureShape", shape.members[self.into])
        return build_request(shape, self._inputs(resource), self.rename)

    def _inputs(self, resource: Resource) -> Properties:
        if self.keys is None:
            return resource.inputs
        return {key: value for key, value in resource.inputs.items() if key in self.keys}


def addressed(operation: str, **members: str) -> Call:
    """Make a call that only says which resource is meant; `members` are templates (see `Text`)."""

    def extra(resource: Resource) -> Properties:
        return {member: Text(template).render(resource) for member, template in members.items()}

    return Call(
        operation=operation,
        keys=frozenset(),
        extra=extra,
        by_id=any("{id}" in template for template in members.values()),
    )


def placed(resource: Resource, service: str, operation: str, member: str, value: Value) -> Value:
    """Convert `value` to the shape of one member of an operation's request."""
    shape = resource.cloud.input_shape(service, operation).members[member]
    return convert(shape, value, member, [])


def poll(ready: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Wait until `ready`; raises TimeoutError that names `what`."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} is not ready after {timeout_s:.0f} s")
        time.sleep(POLL_INTERVAL_S)


class _Watched(dict[str, Any]):
    """Inputs that remember which of them were read by name, as requests that are built by hand do."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        super().__init__(inputs)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Value:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Value = None) -> Value:
        self.read.add(key)
        return super().get(key, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A part of a resource with operations of its own, such as a table's time to live.

    Runs after creation when any of `keys` is given, and on a change of any of them. `unset` runs instead when
    all of them left the program; without it the change needs a replacement.
    """

    keys: Set[str]
    set: Call
    unset: Call | None = None
    # False where the creating call already carries these inputs.
    at_creation: bool = True

    def given(self, inputs: Mapping[str, Any]) -> bool:
        """Whether the program says anything about this part."""
        return any(inputs.get(key) is not None for key in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A declared kind of resource."""

    type: str
    service: str
    create_call: Call
    # JMESPath over the response of `create_call` or `find_call`, or a template.
    id: str | Text
    outputs: Mapping[str, str | Text | After] = field(default_factory=dict[str, str | Text | After])
    name: NameRule | None = None
    settings: tuple[Setting, ...] = ()
    update_call: Call | None = None
    # Inputs that `update_call` can change; None means every input.
    updatable: Set[str] | None = frozenset()
    find_call: Call | None = None
    # Whether the answer of `find_call` holds the resource, where a missing one is no error.
    found: Callable[[Resource, Properties], bool] | None = None
    delete_call: Call | None = None
    # Inputs without an effect in the local cloud.
    ignored: Set[str] = frozenset()
    keeps: str | None = None
    delete_first: bool = False
    taggable: bool = False
    volatile: Set[str] = frozenset()
    # Waits until the resource can be used.
    wait: Callable[[Resource], None] | None = None
    # Runs before deletion, such as emptying a bucket.
    before_delete: Callable[[Resource], None] | None = None

    @property
    def findable(self) -> bool:
        """Whether `find` can tell that a resource is missing."""
        return self.find_call is not None

    def create(self, resource: Resource) -> State:
        """Create the resource, then apply the settings that the program gives."""
        resource.inputs = watched = _Watched(resource.inputs)
        state = self._state(resource, self.create_call.run(self.service, resource))
        resource.id, resource.outputs = state.id, state.outputs
        self._apply(resource, None)
        if self.wait is not None:
            self.wait(resource)
        for path in self._without_effect(resource, watched.read):
            resource.log(f"{resource.type} '{resource.name}': {path} has no effect here")
        return state

    def find(self, resource: Resource) -> State | None:
        """Look the resource up by its name or id; None when it does not exist."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        if self.find_call is None or (self.find_call.by_id and not resource.id):
            return None
        try:
            response = self.find_call.run(self.service, resource)
            if self.found is not None and not self.found(resource, response):
                return None
            return self._state(resource, response)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        except LookupError:
            return None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Those of the changed inputs which no update and no setting covers."""
        covered = {key for setting in self.settings for key in setting.keys} | self.ignored | UNSENT_INPUTS
        if self.update_call is not None:
            if self.updatable is None:
                return set()
            covered |= self.updatable
        return {key for key in changed if key not in covered}

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Run the update operation and the settings that the changed inputs belong to."""
        updatable = self.updatable
        response: Properties = {}
        if self.update_call is not None and (updatable is None or changed & updatable):
            response = self.update_call.run(self.service, resource)
        self._apply(resource, changed)
        if self.wait is not None:
            self.wait(resource)
        fresh = self._outputs(resource, response, resource.id)
        return State(resource.id, {**resource.outputs, **fresh})

    def delete(self, resource: Resource) -> None:
        """Delete the resource; what is missing already is deleted."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            if self.before_delete is not None:
                self.before_delete(resource)
            if self.delete_call is not None:
                self.delete_call.run(self.service, resource)
        except ClientError as error:
            if not is_missing(error):
                raise

    def _without_effect(self, resource: Resource, read: Set[str]) -> list[str]:
        """Return inputs that no request took and no declaration mentions; `read` were taken by hand."""
        known = (
            {key for setting in self.settings for key in setting.keys} | self.ignored | UNSENT_INPUTS | read
        )
        known |= (self.updatable or frozenset()) | REPLACING_INPUTS
        if self.name is not None:
            known |= {self.name.property}
        call = self.create_call
        untaken = set[str]() if call.keys is None else resource.inputs.keys() - call.keys
        return sorted(key for key in {*untaken, *call.unplaced(self.service, resource)} if key not in known)

    def _apply(self, resource: Resource, changed: Set[str] | None) -> None:
        """Run the settings that `changed` touches; None stands for a resource just created."""
        for setting in self.settings:
            if not setting.at_creation if changed is None else not changed & setting.keys:
                continue
            if setting.given(resource.inputs):
                setting.set.run(self.service, resource)
            elif changed is not None and setting.unset is not None:
                setting.unset.run(self.service, resource)

    def _state(self, resource: Resource, response: Properties) -> State:
        identity = (
            self.id.render(resource) if isinstance(self.id, Text) else jmespath.search(self.id, response)
        )
        if not identity:
            raise LookupError(f"the answer has no {self.id}")
        return State(str(identity), self._outputs(resource, response, str(identity)))

    def _outputs(self, resource: Resource, response: Properties, identity: str) -> Properties:
        outputs: Properties = {}
        for key, source in self.outputs.items():
            if isinstance(source, Text | After):
                outputs[key] = source.render(resource, identity)
            else:
                value = jmespath.search(source, response)
                if value is not None:
                    outputs[key] = value
        return outputs


def error_code(error: Exception) -> str:
    """Return the AWS error code of a botocore ClientError."""
    response = cast("dict[str, Any]", getattr(error, "response", {}))
    return str(response.get("Error", {}).get("Code", ""))


def is_missing(error: Exception) -> bool:
    """Whether an AWS error says that the resource does not exist; each service has a word of its own."""
    code = error_code(error)
    return code in {"404", "NoSuchEntity", "NoSuchBucket", "NoSuchKey"} or any(
        word in code for word in ("NotFound", "NonExistent", "DoesNotExist", "ClusterNotFound", "NotExist")
    )
