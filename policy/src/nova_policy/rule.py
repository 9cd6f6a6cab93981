"""What a rule is: something that can be refused, and how to say so (pure)."""

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Required, TypedDict, Unpack

from nova_policy.graph import Graph, Resource

STACKS = "stacks"
"""The option of rules about production alone: which stacks are that, by name with ``*`` for any text."""
_STACKS_OPTION: Mapping[str, Any] = {
    "type": "array",
    "items": {"type": "string"},
    "default": ["prod*", "*-prod"],
    "description": "Names of the stacks that people depend on, with * for any text",
}
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")


class Severity(enum.Enum):
    """How bad it is where a rule is not kept."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Severity).index(self)


class Level(enum.Enum):
    """What a finding does: Pulumi's levels of enforcement."""

    DISABLED = "disabled"
    ADVISORY = "advisory"
    MANDATORY = "mandatory"


@dataclass(frozen=True, slots=True)
class Finding:
    """That a resource does not keep a rule, and what of it; never a value, which may be secret."""

    resource: Resource
    message: str


type Options = Mapping[str, Any]
"""The options of a rule with their defaults, checked against its schema."""
type ResourceCheck = Callable[[Resource, Options], Iterable[str]]
type StackCheck = Callable[[Graph, Options], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, whatever it looks at; raises ``ValueError`` for a name or a reference in another form."""

    name: str
    """``<service>-<resource>-<rule>``, by which exceptions and settings name it."""
    severity: Severity
    description: str
    """One sentence: what has to be."""
    remediation: str
    """One sentence: what to do where it is not."""
    references: tuple[str, ...] = ()
    """Controls of AWS Foundational Security Best Practices such as ``EC2.18``; empty where that has none."""
    controls: tuple[int, ...]
    """Numbers of the controls in docs/policies.md that this rule covers, or is a part of."""
    types: tuple[str, ...]
    """The types of resources that it is about."""
    production: bool = False
    """Whether it is about stacks that people depend on alone; its option ``stacks`` says which these are."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """By name, a JSON schema with ``default`` and ``description``."""

    def __post_init__(self) -> None:
        """Check what people name it by, and that every option can be left out."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"name: {self.name!r} is not allowed; <service>-<resource>-<rule> in small letters is"
            )
        for option, schema in self.all_options.items():
            if not {"type", "default", "description"} <= set(schema):
                raise ValueError(f"{self.name}: option {option} needs a type, a default and a description")

    @property
    def all_options(self) -> Mapping[str, Mapping[str, Any]]:
        """All that can be set of it."""
        return {**self.options, STACKS: _STACKS_OPTION} if self.production else self.options

    def holds_in(self, stack: str, options: Options) -> bool:
        """Whether it is about ``stack``."""
        return not self.production or any(fnmatchcase(stack, pattern) for pattern in options[STACKS])

    @property
    def level(self) -> Level:
        """What its findings do unless settings say otherwise: high and critical ones stop an update."""
        return Level.MANDATORY if self.severity.rank >= Severity.HIGH.rank else Level.ADVISORY

    @property
    def defaults(self) -> dict[str, Any]:
        """Its options where nobody sets any."""
        return {name: schema["default"] for name, schema in self.all_options.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRule(Rule):
    """A rule about single resources: the engine asks it before it makes each."""

    check: ResourceCheck

    def findings(self, graph: Graph, options: Options) -> Iterable[Finding]:
        """Look at every resource of its types."""
        for resource in graph.of_type(*self.types):
            for message in self.check(resource, options):
                yield Finding(resource, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRule(Rule):
    """A rule about how resources stand to each other: the engine asks it once it knows them all."""

    check: StackCheck

    def findings(self, graph: Graph, options: Options) -> Iterable[Finding]:
        """Look at the whole stack."""
        return self.check(graph, options)


type AnyRule = ResourceRule | StackRule


class About(TypedDict, total=False):
    """What a rule says of itself beside its name: the fields of ``Rule``."""

    severity: Required[Severity]
    types: Required[tuple[str, ...]]
    controls: Required[tuple[int, ...]]
    description: Required[str]
    remediation: Required[str]
    references: tuple[str, ...]
    production: bool
    options: Mapping[str, Mapping[str, Any]]


def resource_rule(name: str, **about: Unpack[About]) -> Callable[[ResourceCheck], ResourceRule]:
    """Make a rule of a function that yields what is wrong with a resource."""
    return lambda check: ResourceRule(name=name, check=check, **about)


def stack_rule(name: str, **about: Unpack[About]) -> Callable[[StackCheck], StackRule]:
    """Make a rule of a function that yields findings about a whole stack."""
    return lambda check: StackRule(name=name, check=check, **about)
