"""What a vector says about itself, what a query asks for, and what a hit is. No I/O."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from nova_common.contracts.search import HITS_MAX, HitKind, SearchFilter, SearchHit, SearchRequest
from pydantic import BaseModel, ConfigDict

from nova_search.sources import Indexed, Passage

_DIGEST_BYTES = 8


class InvalidCursorError(ValueError):
    """The cursor is not one that a page of this search gave out."""


class VectorMetadata(BaseModel):
    """What a vector says about itself; all but `text` can be filtered by.

    `created_at` is in seconds since 1970; `start` and `end` in seconds from the start of a recording.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    user: str
    media_id: str
    kind: HitKind
    created_at: float | None = None
    title: str | None = None
    start: float | None = None
    end: float | None = None
    text: str


def metadata(owner: Indexed, passage: Passage) -> dict[str, Any]:
    """Return what a passage's vector says about itself."""
    return VectorMetadata(
        user=owner.user,
        media_id=owner.id,
        kind=passage.kind,
        created_at=owner.created_at.timestamp(),
        title=passage.title,
        start=passage.start,
        end=passage.end,
        text=passage.text,
    ).model_dump(exclude_none=True)


def query_filter(user: str, wanted: SearchFilter | None) -> dict[str, Any]:
    """Return the filter of a query: always the user's own, and what else is wanted."""
    conditions: list[dict[str, Any]] = [{"user": {"$eq": user}}]
    if wanted is not None:
        named = {"media_id": wanted.media_id, "kind": wanted.kind}
        conditions += [{name: {"$eq": value}} for name, value in named.items() if value is not None]
        limits = {"$gte": wanted.since, "$lte": wanted.until}
        conditions += [
            {"created_at": {operator: moment.timestamp()}}
            for operator, moment in limits.items()
            if moment is not None
        ]
    return conditions[0] if len(conditions) == 1 else {"$and": conditions}


def hit(key: str, distance: float, said: Mapping[str, Any]) -> tuple[str, SearchHit]:
    """Return whose a vector is, and the hit it makes. ValueError when its metadata cannot be read.

    `distance` is the cosine distance, 0 to 2; rounding may leave that range by a little.
    """
    found = VectorMetadata.model_validate(said)
    return found.user, SearchHit(
        id=key,
        media_id=found.media_id,
        kind=found.kind,
        score=max(-1.0, min(1.0, 1.0 - distance)),
        text=found.text,
        title=found.title,
        start=found.start,
        end=found.end,
    )


def first_hit(request: SearchRequest) -> int:
    """Return how many hits the pages before this one have; InvalidCursorError."""
    if request.cursor is None:
        return 0
    message = "the cursor is not one that this search gave out"
    try:
        place, _, digest = (
            base64.b64decode(request.cursor, altchars=b"-_", validate=True).decode().partition("#")
        )
    except (binascii.Error, ValueError) as error:
        raise InvalidCursorError(message) from error
    if not (place.isascii() and place.isdigit() and 0 < int(place) < HITS_MAX) or digest != _digest(request):
        raise InvalidCursorError(message)
    return int(place)


def next_cursor(request: SearchRequest, first: int, matches: int) -> str | None:
    """Return the cursor of the page after one from `first` on, when the index gave so many `matches`."""
    after = first + request.limit
    if matches <= after or after >= HITS_MAX:
        return None
    return base64.urlsafe_b64encode(f"{after}#{_digest(request)}".encode()).decode()


def _digest(request: SearchRequest) -> str:
    """Return what tells a search from others: all that it looks for, whatever the size of its pages."""
    asked = request.model_dump_json(exclude={"cursor", "limit"}).encode()
    return hashlib.sha256(asked).hexdigest()[: 2 * _DIGEST_BYTES]
