"""Contracts of the search service: its HTTP models."""

from typing import Literal

from pydantic import ConfigDict, Field

from nova_common.contracts.wire import Contract, is_none

QUERY_CHARACTERS_MAX = 2000
"""Longest text to search for: a long question, well under what the embedding model takes (8,192)."""

HITS_MAX = 100
"""Most hits of one search: as many as one QueryVectors returns (limits of Amazon S3 Vectors)."""

HITS_DEFAULT = 10

MEDIA_ID_CHARACTERS_MAX = 64
"""Above the 36 characters of a media id; a filter for an id that is none finds nothing."""

type HitKind = Literal["transcript"]
"""What a hit was found in."""


class SearchFilter(Contract):
    """Which of the caller's own content is searched; all of it without members."""

    model_config = ConfigDict(extra="forbid", strict=True)

    media_id: str | None = Field(default=None, min_length=1, max_length=MEDIA_ID_CHARACTERS_MAX)
    kind: HitKind | None = None


class SearchRequest(Contract):
    """Body of `POST /api/search`: what to look for, and how many hits at most."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=QUERY_CHARACTERS_MAX, pattern=r"\S")
    limit: int = Field(default=HITS_DEFAULT, ge=1, le=HITS_MAX)
    filter: SearchFilter | None = None


class SearchHit(Contract):
    """A passage of the caller's own that is near in meaning to the text.

    `id` is opaque. `score` is 1 minus the cosine distance: 1 for the same direction, 0 for unrelated, -1 for
    the opposite. `start` and `end` are seconds from the start of the recording.
    """

    id: str
    media_id: str | None = Field(default=None, exclude_if=is_none)
    kind: HitKind
    score: float = Field(allow_inf_nan=False)
    text: str
    start: float | None = Field(default=None, exclude_if=is_none)
    end: float | None = Field(default=None, exclude_if=is_none)


class SearchResult(Contract):
    """Answer of `POST /api/search`: nearest first, none when nothing of the caller's own is indexed."""

    hits: list[SearchHit]
