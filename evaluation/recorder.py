"""A stand-in for the engine: records what a program registers, answers as the providers would."""

import threading
from dataclasses import dataclass
from typing import Any, cast, override

from google.protobuf import struct_pb2
from pulumi import get_project, get_stack
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import resource_pb2

from evaluation.answers import REGION, Properties, answer_invoke, computed_outputs

UNKNOWN = "(unknown before the update)"
"""Stands in recorded inputs for what only the cloud can compute."""
STACK = "pulumi:pulumi:Stack"
AWS_PROVIDER = "pulumi:providers:aws"


class RegisteredTwiceError(Exception):
    """The program registered two resources of the same type, name and parents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One registration, as the engine would see it."""

    urn: str
    type: str
    name: str
    parent: str
    """URN of the parent; empty for the stack itself."""
    custom: bool
    """Whether a provider manages it; a component of ours or a remote one is not."""
    remote: bool
    provider: str
    protect: bool
    depends_on: frozenset[str]
    """URNs of all that has to exist first, whether an input refers to it or an option says so."""
    references: dict[str, frozenset[str]]
    """By input, the URNs of the resources that its value comes from."""
    ignore_changes: tuple[str, ...]
    retain_on_delete: bool
    delete_before_replace: bool
    timeouts: tuple[str, str]
    """How long the provider may take to create and to update it; empty for its own limits."""
    inputs: Properties
    """By the provider's names; secrets keep the SDK's wrapper."""


class Cloud(Mocks):
    """Answers registrations and invokes; in a preview computed values stay unknown."""

    def __init__(self, preview: bool) -> None:
        self.preview = preview
        self.invokes: list[str] = []
        self.region = REGION
        """Of the program's AWS provider, once that is registered."""

    @override
    def call(self, args: MockCallArgs) -> Any:
        self.invokes.append(args.token)
        # A bare mapping: the runtime cannot take the tuple without failures that its signature names.
        arguments = cast("Properties", args.args)  # pyright: ignore[reportUnknownMemberType]
        return answer_invoke(args.token, arguments, self.region)

    @override
    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, Properties]:
        inputs = cast("Properties", args.inputs)  # pyright: ignore[reportUnknownMemberType]
        if args.typ == AWS_PROVIDER:
            self.region = str(inputs["region"])
        identity, outputs = computed_outputs(args.typ, args.name, inputs, self.region)
        if self.preview:
            return None, {key: value for key, value in inputs.items() if outputs.get(key) == value}
        return identity, outputs


class RecordingMonitor(MockMonitor):
    """Keeps every registration, refuses a URN twice, and the outputs of the stack."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.cloud = cloud
        self._lock = threading.Lock()
        self.recorded: dict[str, Recorded] = {}
        self.outputs: Properties = {}

    @override
    def make_urn(self, parent: str, type_: str, name: str) -> str:
        # As the engine makes it, with the types of all parents but the stack.
        parent_type = parent.split("::")[2] if parent else STACK
        qualified = type_ if parent_type == STACK else f"{parent_type}${type_}"
        return f"urn:pulumi:{get_stack()}::{get_project()}::{qualified}::{name}"

    @override
    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
        with self._lock:
            if urn in self.recorded:
                raise RegisteredTwiceError(f"registered twice: {urn}")
            self.recorded[urn] = Recorded(
                urn=urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=request.custom,
                remote=request.remote,
                provider=request.provider or dict(request.providers).get(request.type.split(":")[0], ""),
                protect=request.protect,
                depends_on=frozenset(request.dependencies),
                references={
                    key: frozenset(found.urns)
                    for key, found in request.propertyDependencies.items()
                    if found.urns
                },
                ignore_changes=tuple(request.ignoreChanges),
                retain_on_delete=request.retainOnDelete,
                delete_before_replace=request.deleteBeforeReplace,
                timeouts=(request.customTimeouts.create, request.customTimeouts.update),
                inputs=_plain(inputs) if self.cloud.preview else inputs,
            )
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if self.cloud.preview:
            return super().RegisterResource(request)  # pyright: ignore[reportUnknownMemberType]
        # The mock monitor sends outputs through an event loop of its own, which takes most of its time.
        identity, outputs = self.cloud.new_resource(
            MockResourceArgs(typ=request.type, name=request.name, inputs=inputs)
        )
        answer = struct_pb2.Struct()
        for key, value in outputs.items():
            if value is inputs.get(key):
                answer.fields[key].CopyFrom(request.object.fields[key])
            else:
                answer[key] = value
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity or "", object=answer)

    @override
    def RegisterResourceOutputs(self, request: Any) -> Any:
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.outputs = _plain(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
        return super().RegisterResourceOutputs(request)  # pyright: ignore[reportUnknownMemberType]


def _plain(value: Any) -> Any:  # noqa: ANN401 (a recorded value has any type)
    # The SDK makes a new object for each unknown value, so that two recordings would never be equal.
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        members = cast("Properties", value)
        return {key: _plain(member) for key, member in members.items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_plain(item) for item in items]
    return value
