"""The event envelope, typed event data and the registry that ties type names to their models.

An event is immutable: `EventData` subclasses carry what happened, `Event` is that fact with its place in the
history of one aggregate, `NewEvent` is a fact that has no place yet. What is personal is no part of the data
but of `private`, which only readers with the right see, and nobody once the person was erased.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SerializeAsAny, model_validator

from nova_common.telemetry import spans

type Severity = Literal["info", "warning", "error", "critical"]
"""How much attention an event deserves; rules route alerts by it."""

AGGREGATE_ID_PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""Ids of aggregates are lower-case UUIDs, so that one aggregate has exactly one spelling."""

_CONSEQUENCE_NAMESPACE = uuid.UUID("6f4f1e0c-6c1f-5b6e-9a77-0d3c5f0f6a52")


class UnknownEventTypeError(LookupError):
    """The store holds an event that this release has no model for; a newer release wrote it."""


class SchemaError(TypeError):
    """A model cannot read what its earlier versions wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredData:
    """The data of an event as some version of its schema wrote it, with its private part."""

    data: Mapping[str, JsonValue]
    private: Mapping[str, JsonValue]


type Upcaster = Callable[[StoredData], StoredData]
"""Turns what one version of a schema wrote into what the next one would have written."""


class EventData(BaseModel):
    """Base of everything that can happen. The class name is the event type that rules and readers see.

    Unknown fields are ignored on reading, so that a reader of the previous release survives an added field.
    Yet any change is a new `schema_version`, with an entry in `upcasters` for the version before.
    `private_fields` are the names that the event's private part may have. Inputs never appear in validation
    errors, because they may be personal.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    schema_version: ClassVar[int] = 1
    upcasters: ClassVar[Mapping[int, Upcaster]] = {}
    """By the version that they read; there is one for each version before `schema_version`."""
    private_fields: ClassVar[frozenset[str]] = frozenset()
    severity: ClassVar[Severity | None] = None

    @property
    def attention(self) -> str | None:
        """How much attention this one deserves: as all of its type do, unless the type tells them apart."""
        return self.severity


def with_defaults(stored: StoredData) -> StoredData:
    """Upcast from a version that lacked nothing but fields which have defaults now."""
    return stored


def moved_to_private(*fields: str) -> Upcaster:
    """Return the upcaster for a version that held these fields in plain, among the data."""

    def upcast(stored: StoredData) -> StoredData:
        moved = {name: stored.data[name] for name in fields if name in stored.data}
        rest = {name: value for name, value in stored.data.items() if name not in fields}
        return replace(stored, data=rest, private={**stored.private, **moved})

    return upcast


class NewEvent(BaseModel):
    """A fact that was decided and not yet appended: all of the envelope but the version."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    aggregate: str
    source: str
    user: str | None = None
    occurred_at: datetime
    correlation: str
    trace: str | None = None
    """What it goes back to, as X-Ray's tracing header: no part of the fact, and of no meaning to readers."""
    data: SerializeAsAny[EventData]
    private: Mapping[str, JsonValue] = Field(default_factory=dict[str, JsonValue], repr=False)
    """What is personal: empty where there is nothing, for readers without the right, and after an erasure."""

    @model_validator(mode="after")
    def _keeps_to_private_fields(self) -> Self:
        if unknown := self.private.keys() - self.data.private_fields:
            message = f"{self.type} has no private {', '.join(sorted(unknown))}; see its private_fields"
            raise ValueError(message)
        if self.private and self.user is None:
            message = f"{self.type} has a private part and no user under whose key to keep it"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _has_zone(self) -> Self:
        if self.occurred_at.tzinfo is None:
            message = "occurred_at needs a time zone; pass an aware datetime in UTC"
            raise ValueError(message)
        return self

    @property
    def type(self) -> str:
        """The event type, which is also the detail-type on the bus."""
        return type(self.data).__name__


class Event(NewEvent):
    """A fact at its place: `version` counts the events of the aggregate from 1 without gaps."""

    version: int = Field(ge=1)

    @classmethod
    def of(cls, event: NewEvent, version: int) -> Self:
        """Return the new event at a version."""
        return cls(version=version, **{name: getattr(event, name) for name in NewEvent.model_fields})


def folded[S](
    history: Iterable[Event], begin: Callable[[Event], S], apply: Callable[[S, Event], S]
) -> S | None:
    """Return the state after a history, None for an empty one: `begin` takes its first event."""
    state: S | None = None
    for event in history:
        state = begin(event) if state is None else apply(state, event)
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateType:
    """A kind of aggregate: its name in keys, the service that owns it, and all that can happen to it."""

    name: str
    source: str
    events: tuple[type[EventData], ...]

    def key(self, aggregate_id: str) -> str:
        """Return the partition key of one aggregate, for example `Recording#<id>`."""
        return f"{self.name}#{aggregate_id}"

    def id_of(self, key: str) -> str:
        """Return the aggregate's id in its key.

        ValueError when the key belongs to another kind or is malformed.
        """
        name, _, aggregate_id = key.partition("#")
        if name != self.name or not is_aggregate_id(aggregate_id):
            message = f"{key[:80]!r} is not the key of a {self.name}"
            raise ValueError(message)
        return aggregate_id

    def event(
        self,
        aggregate_id: str,
        data: EventData,
        *,
        correlation: str,
        user: str | None = None,
        private: Mapping[str, JsonValue] | None = None,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
    ) -> NewEvent:
        """Return a new event of this kind of aggregate, now unless told otherwise.

        `private` holds what is personal, under names of the data's `private_fields`. Pass `event_id` (see
        `derived_event_id`) for a consequence of a message, so that a redelivery appends nothing.
        """
        return NewEvent(
            id=event_id or str(uuid.uuid4()),
            aggregate=self.key(aggregate_id),
            source=self.source,
            user=user,
            occurred_at=occurred_at or datetime.now(UTC),
            correlation=correlation,
            trace=spans.header(),
            data=data,
            private=private or {},
        )


class EventRegistry:
    """Reads the data of events: finds the model by the aggregate's kind and the type, and upcasts to it.

    Raises SchemaError for a model that cannot read each of its earlier versions.
    """

    def __init__(self, aggregates: Iterable[AggregateType]) -> None:
        self._models = {
            (aggregate.name, model.__name__): model for aggregate in aggregates for model in aggregate.events
        }
        for model in self._models.values():
            _check_versions(model)

    def read(
        self, aggregate: str, event_type: str, schema_version: int, stored: StoredData
    ) -> tuple[EventData, Mapping[str, JsonValue]]:
        """Return the data and the private part as today's model has them.

        UnknownEventTypeError for a type or a version that this release does not know.
        """
        kind = aggregate.partition("#")[0]
        model = self._models.get((kind, event_type))
        if model is None or not 1 <= schema_version <= model.schema_version:
            known = f"up to {model.schema_version}" if model else "of no schema"
            message = (
                f"no model for {kind} event {event_type} of schema {schema_version}, only {known}; "
                "a newer release wrote it: deploy the reader first"
            )
            raise UnknownEventTypeError(message)
        for version in range(schema_version, model.schema_version):
            stored = model.upcasters[version](stored)
        private = {name: value for name, value in stored.private.items() if name in model.private_fields}
        return model.model_validate(stored.data), private


def _check_versions(model: type[EventData]) -> None:
    if set(model.upcasters) != set(range(1, model.schema_version)):
        message = (
            f"{model.__name__} is of schema {model.schema_version} and upcasts {sorted(model.upcasters)}; "
            "it needs an upcaster for each earlier version"
        )
        raise SchemaError(message)


def is_aggregate_id(value: str) -> bool:
    """Whether the text is a well-formed aggregate id."""
    return AGGREGATE_ID_PATTERN.fullmatch(value) is not None


def derived_event_id(cause: str, event_type: str) -> str:
    """Return the id of a consequence.

    The same cause and type give the same id, however often the cause is delivered.
    """
    return str(uuid.uuid5(_CONSEQUENCE_NAMESPACE, f"{cause}\n{event_type}"))


def format_timestamp(moment: datetime) -> str:
    """ISO-8601 in UTC with microseconds and Z, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    """Return the moment written by `format_timestamp`; ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
