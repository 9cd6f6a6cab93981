"""A stand-in for the providers, so that the real engine can run the real program without an account.

The engine starts providers as gRPC servers and attaches to running ones by port (`PULUMI_DEBUG_PROVIDERS`).
This one serves the aws, awsx, docker and random packages: it accepts every resource, fills in what AWS would
compute from the same table as the recorder of the unit tests, answers the invokes that the recorder knows,
and keeps nothing, because the engine's state is the record. As in the real providers, outputs that only AWS
knows are unknown while previewing, and what something else still names cannot be deleted.
"""

import json
import re
import threading
from collections.abc import Collection, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import (
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from evaluation.answers import REGION, answer_invoke, computed_outputs

PACKAGES = ("aws", "awsx", "docker", "random")
COMPONENT_STATE = "aws:standin:ComponentState"
"""The one child of a remote component: the engine remembers its outputs as it does those of real children."""
GO_WITH_THEIR_OWNER = ("aws:secretsmanager/secretVersion:SecretVersion",)
"""Types that the engine may be told to leave behind, because AWS deletes them with what they belong to."""
Properties = dict[str, Any]


def _plain(struct: struct_pb2.Struct) -> Properties:
    """A protobuf structure as plain Python, with secrets and unknowns in their wire form."""
    return json_format.MessageToDict(struct)


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Plain Python as a protobuf structure."""
    result = struct_pb2.Struct()
    json_format.ParseDict(dict(values), result)
    return result


def _unwrapped(value: Any) -> Any:
    """A value without its secret wrappers, as a provider that does not accept secrets sees it."""
    if isinstance(value, dict):
        members = cast("Properties", value)
        if rpc.is_rpc_secret(members):
            return _unwrapped(members["value"])
        return {key: _unwrapped(member) for key, member in members.items()}
    if isinstance(value, list):
        return [_unwrapped(item) for item in cast("list[Any]", value)]
    return value


def _component_created(
    name: str, inputs: Properties, region: str, *, preview: bool
) -> tuple[str, Properties]:
    """The state of a remote component's child: the component's outputs and the inputs they come from."""
    members = {key: value for key, value in inputs.items() if key != "component"}
    _, outputs = computed_outputs(str(inputs["component"]), name, _unwrapped(members), region)
    if preview:
        outputs = dict.fromkeys(outputs, rpc.UNKNOWN)
    return "" if preview else name, {"outputs": outputs}


def _created(
    type_: str, name: str, inputs: Properties, region: str, *, preview: bool
) -> tuple[str, Properties]:
    """The id and the state of a resource; while previewing, what AWS computes is unknown."""
    identity, outputs = computed_outputs(type_, name, _unwrapped(inputs), region)
    if preview:
        outputs = {key: inputs.get(key, rpc.UNKNOWN) for key in outputs}
        identity = ""
    return identity, {**outputs, **inputs}


def _texts(value: Any) -> Iterator[str]:
    """Every string in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in cast("Properties", value).values():
            yield from _texts(member)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item)


@dataclass(frozen=True, slots=True)
class _Living:
    """A resource that exists: the names that only it has, and everything that it was told."""

    urn: str
    names: frozenset[str]
    told: str

    def is_named_by(self, other: "_Living") -> str:
        """Return the name by which another resource knows this one; empty for none."""
        found = (
            name for name in self.names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", other.told)
        )
        return next(found, "")


class Register:
    """What exists, across all providers of a stack."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._living: dict[tuple[str, str], _Living] = {}

    def born(self, urn: str, identity: str, inputs: Properties, outputs: Properties) -> None:
        """Remember a resource. Its names are what it gave out as its id or ARN, and was not told."""
        told = set(_texts(inputs))
        given = {identity, *(text for text in _texts(outputs) if text.startswith("arn:") or text == identity)}
        if COMPONENT_STATE in urn:
            given = set(_texts(outputs.get("outputs", {})))
        names = frozenset(
            name for name in given - told if re.search(r"-0000000\b|^(arn:|subnet-|vpc-)", name)
        )
        with self._lock:
            self._living[urn, identity] = _Living(urn, names, json.dumps(inputs))

    def told(self, urn: str, identity: str, inputs: Properties) -> None:
        """Remember what a resource was told by an update."""
        with self._lock:
            if (urn, identity) in self._living:
                known = self._living[urn, identity]
                self._living[urn, identity] = _Living(urn, known.names, json.dumps(inputs))

    def dies(self, urn: str, identity: str) -> str:
        """Forget a resource; returns what still needs it, or an empty text."""
        with self._lock:
            dying = self._living.get((urn, identity))
            if dying is None:
                return ""
            stack = urn.partition("::")[0]
            for other in self._living.values():
                # The names made up here are another stack's, too.
                if other.urn == urn or other.urn.partition("::")[0] != stack:
                    continue
                if other.urn.split("::")[2].endswith(GO_WITH_THEIR_OWNER):
                    continue
                if name := dying.is_named_by(other):
                    return f"{urn} is deleted while {other.urn} still names {name}"
            del self._living[urn, identity]
            return ""


class StandInProvider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider's side of the engine's protocol for any of `PACKAGES`."""

    def __init__(self, register: Register, refused: Collection[str]) -> None:
        self._register = register
        self._refused = refused
        self._region = REGION

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Accept secrets, so that they stay secret in the state."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """The engine tells its own address; there is nothing to ask it."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """A version is asked for, not checked, when a provider is attached."""
        return plugin_pb2.PluginInfo(version="0.0.1")

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Every provider configuration is accepted."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """A changed provider configuration replaces nothing."""
        return self.Diff(request, context)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Previews get as far as a provider that supports them lets them; AWS's own has a region."""
        self._region = str(_plain(request.args).get("region", self._region))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Inputs are kept as the program gave them."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Top-level inputs that differ are an update in place."""
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        changes = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changes, diffs=changed)

    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Any resource can be created, with the outputs that AWS would compute."""
        inputs = _plain(request.properties)
        if not request.preview:
            self._refuse(inputs, context)
        if request.type == COMPONENT_STATE:
            identity, state = _component_created(request.name, inputs, self._region, preview=request.preview)
        else:
            identity, state = _created(
                request.type, request.name, inputs, self._region, preview=request.preview
            )
        if not request.preview:
            self._register.born(request.urn, identity, _unwrapped(inputs), _unwrapped(state))
        return provider_pb2.CreateResponse(id=identity, properties=_struct(state))

    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """An update keeps what was computed at creation and takes the new inputs."""
        state = {**_plain(request.olds), **_plain(request.news)}
        if not request.preview:
            self._refuse(_plain(request.news), context)
            self._register.told(request.urn, request.id, _unwrapped(_plain(request.news)))
        return provider_pb2.UpdateResponse(properties=_struct(state))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Everything can be deleted that nothing else names any more, as AWS has it for most of it."""
        needed = self._register.dies(request.urn, request.id)
        if needed:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, needed)
        return empty_pb2.Empty()

    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """A refresh finds what the state says."""
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def _refuse(self, inputs: Properties, context: grpc.ServicerContext) -> None:
        told = json.dumps(inputs)
        if found := next((text for text in self._refused if text in told), None):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"refused for {found}")

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Nothing runs long enough to be cancelled."""
        return empty_pb2.Empty()

    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """The functions that the recorder of the unit tests knows; any other is an error."""
        answer = answer_invoke(request.tok, _unwrapped(_plain(request.args)), self._region)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(_struct(answer))
        return response

    def Construct(
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        """A component of another language: registered with one child, which holds what it gives out."""
        with grpc.insecure_channel(request.monitorEndpoint) as channel:
            monitor = cast("Any", resource_pb2_grpc.ResourceMonitorStub(channel))
            component = monitor.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=request.type, name=request.name, parent=request.parent, custom=False
                )
            )
            child = monitor.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=COMPONENT_STATE,
                    name=request.name,
                    parent=component.urn,
                    custom=True,
                    provider=request.providers["aws"],
                    object=_struct({"component": request.type, **_plain(request.inputs)}),
                    acceptSecrets=True,
                    supportsPartialValues=True,
                )
            )
            outputs = _struct(_plain(child.object).get("outputs", {}))
            monitor.RegisterResourceOutputs(
                resource_pb2.RegisterResourceOutputsRequest(urn=component.urn, outputs=outputs)
            )
        made_by = provider_pb2.ConstructResponse.PropertyDependencies(urns=[child.urn])
        return provider_pb2.ConstructResponse(
            urn=component.urn, state=outputs, stateDependencies=dict.fromkeys(_plain(outputs), made_by)
        )


@contextmanager
def attached_providers(refused: Collection[str] = ()) -> Generator[str]:
    """Serve the stand-in on a loopback port; yields the value for `PULUMI_DEBUG_PROVIDERS`.

    It refuses to make or change what is told one of the texts in ``refused``.
    """
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandInProvider(Register(), refused), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield ",".join(f"{package}:{port}" for package in PACKAGES)
    finally:
        server.stop(grace=1).wait()
