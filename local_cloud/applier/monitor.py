"""A resource monitor for the Pulumi SDK: what the engine's gRPC server is to a program under `pulumi up`.

It builds on the SDK's mock monitor, which keeps the protocol's details, and adds what that leaves out:
URNs as the engine makes them, dependencies, secret properties, default tags and the stack's outputs.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc

from local_cloud.documents import Document, part

from .engine import ApplyError, Engine, Registration
from .mapper import Value
from .report import Reporter

STACK_TYPE = "pulumi:pulumi:Stack"

# Messages of the monitor's protocol; the SDK has no types for them.
type Message = Any
type Invoke = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Request:
    """What the mock monitor does not hand on."""

    urn: str
    dependencies: list[str]
    remote: bool
    provider: str
    ignore_changes: frozenset[str]
    secret_outputs: frozenset[str]


_current: ContextVar[_Request] = ContextVar("current registration")


class _Applying(mocks.Mocks):
    """Answers registrations and invokes; the SDK calls it from its own threads, several at a time."""

    def __init__(self, engine: Engine, invokes: Mapping[str, Invoke], reporter: Reporter) -> None:
        self._engine = engine
        self._invokes = invokes
        self._reporter = reporter
        self._default_tags: dict[str, Mapping[str, str]] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        request = _current.get()
        if args.resource_id:
            raise ApplyError("importing or reading existing resources is not supported by the local cloud")
        inputs, secret_keys = _plain(cast("Any", args).inputs, self._reporter)
        if args.typ.startswith("pulumi:providers:"):
            self._default_tags[request.urn] = _default_tags(inputs)
            return f"{args.name}-id", inputs
        if not args.custom and not request.remote:
            return None, {}
        provider = request.provider.rpartition("::")[0]
        state = self._engine.register(
            Registration(
                urn=request.urn,
                type=args.typ,
                name=args.name,
                inputs=inputs,
                dependencies=request.dependencies,
                default_tags=self._default_tags.get(provider, {}),
                ignore_changes=request.ignore_changes,
                secret_inputs=secret_keys,
                secret_outputs=request.secret_outputs,
            )
        )
        # A component's outputs are its own; a resource's begin with its inputs.
        outputs = state.outputs if request.remote else {**inputs, **state.outputs}
        secret_keys |= request.secret_outputs
        for key in secret_keys & outputs.keys():
            self._reporter.hide(outputs[key])
        return state.id, {
            key: rpc.wrap_rpc_secret(value) if key in secret_keys else value for key, value in outputs.items()
        }

    def call(self, args: mocks.MockCallArgs) -> Value:
        invoke = self._invokes.get(args.token)
        if invoke is None:
            raise ApplyError(
                f"the program calls {args.token}, which the local cloud does not answer: "
                "add it to local_cloud/applier/invokes.py"
            )
        # A bare dict: the mock monitor cannot take the pair with None that its type hint promises.
        return invoke(_plain(cast("Any", args).args, self._reporter)[0])


class Monitor(mocks.MockMonitor):
    """The monitor that `pulumi.runtime` talks to."""

    def __init__(self, engine: Engine, invokes: Mapping[str, Invoke], reporter: Reporter) -> None:
        super().__init__(_Applying(engine, invokes, reporter))
        self._reporter = reporter
        self._lock = threading.Lock()
        self._failures: list[str] = []
        self.outputs: dict[str, Any] = {}
        self.secret_outputs: frozenset[str] = frozenset()

    @property
    def failures(self) -> list[str]:
        """The resources that failed, in the order of their failure."""
        with self._lock:
            return list(self._failures)

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the engine's URN: the types of all parents but the stack, joined by a dollar sign."""
        parent_type = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if parent_type == STACK_TYPE else f"{parent_type}${type_}"
        stack, project = pulumi.get_stack(), pulumi.get_project()
        return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"

    def RegisterResource(self, request: Message) -> Message:  # noqa: N802
        """Register a resource; the SDK calls this for every one of the program."""
        urn = self.make_urn(request.parent, request.type, request.name)
        # The stack has no parent.
        dependencies: set[str] = {*request.dependencies, request.parent} - {""}
        _current.set(
            _Request(
                urn,
                sorted(dependencies),
                bool(request.remote),
                request.provider,
                frozenset(request.ignoreChanges),
                frozenset(request.additionalSecretOutputs),
            )
        )
        try:
            return cast("Any", super()).RegisterResource(request)
        except Exception as error:
            message = f"{request.type} '{request.name}' ({urn}): {_explain(error)}"
            with self._lock:
                self._failures.append(message)
            raise pulumi.RunError(message) from error

    def RegisterResourceOutputs(self, request: Message) -> Message:  # noqa: N802
        """Take the outputs of the stack; the SDK calls this for components too."""
        if f"::{STACK_TYPE}::" in request.urn:
            outputs = cast("dict[str, Any]", rpc.deserialize_properties(request.outputs, keep_unknowns=True))
            self.outputs, self.secret_outputs = _plain(outputs, self._reporter)
        return cast("Any", super()).RegisterResourceOutputs(request)

    def ReadResource(self, request: Message) -> Message:  # noqa: N802
        """Refuse `.get()` and stack references."""
        raise pulumi.RunError(
            f"{request.type} '{request.name}' reads an existing resource: not supported by the local cloud"
        )


class EngineLog(mocks.MockEngine):
    """Receives `pulumi.log` messages."""

    _LEVELS = ("debug", "info", "warning", "error")

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(None)
        self._reporter = reporter

    def Log(self, request: Message) -> None:  # noqa: N802
        """Pass on everything but debug messages."""
        severity: int = request.severity
        level = self._LEVELS[severity]
        if level != "debug":
            self._reporter.log(request.message, level)


def _plain(properties: dict[str, Any], reporter: Reporter) -> tuple[dict[str, Any], frozenset[str]]:
    """Return inputs without secret wrappers and asset objects, and the top-level keys that hold a secret."""
    secret_keys: set[str] = set()

    def unwrap(value: Value, key: str) -> Value:
        if rpc.is_rpc_secret(value):
            secret_keys.add(key)
            value = unwrap(rpc.unwrap_rpc_secret(value), key)
            reporter.hide(value)
            return value
        if isinstance(value, dict):
            return {name: unwrap(item, key) for name, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [unwrap(item, key) for item in cast("list[Any]", value)]
        if isinstance(value, pulumi.Resource):
            raise ApplyError(f"{key} refers to a whole resource, which the local cloud does not support")
        return value

    return {key: unwrap(value, key) for key, value in properties.items()}, frozenset(secret_keys)


def _default_tags(provider_inputs: Document) -> Mapping[str, str]:
    """Return the tags of a provider's `default_tags`; nested provider inputs travel as JSON text."""
    block: Document | str = provider_inputs.get("defaultTags") or {}
    parsed: Document = json.loads(block) if isinstance(block, str) else block
    return part(parsed, "tags")


def _explain(error: Exception) -> str:
    """Put an error in one line, without request values: they may be secret, or pages long."""
    if type(error).__name__ == "ParamValidationError":
        return re.sub(r"value: .*?, type:", "type:", str(error), flags=re.DOTALL)
    if isinstance(error, ApplyError | LookupError | ValueError):
        return str(error)
    return f"{type(error).__name__}: {error}"
