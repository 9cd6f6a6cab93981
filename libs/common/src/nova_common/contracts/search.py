"""Contracts of the search service: its HTTP models, and the events of documents that people add."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.wire import Base64, Contract, Timestamp, is_none
from nova_common.events import AggregateType, EventData

QUERY_CHARACTERS_MAX = 2000
"""Longest text to search for: a long question, well under what the embedding model takes (8,192)."""

HITS_MAX = 100
"""Most hits of one search, on all its pages: as many as one QueryVectors returns (S3 Vectors, limits)."""

HITS_DEFAULT = 10

CURSOR_CHARACTERS_MAX = 128

MEDIA_ID_CHARACTERS_MAX = 64
"""Above the 36 characters of a media id; a filter for an id that is none finds nothing."""

TITLE_CHARACTERS_MAX = 200
"""At up to four bytes a character it leaves room in the 2 KB that S3 Vectors can filter by."""

TEXT_CHARACTERS_MAX = 200_000
"""Longest text of a document: about 80 pages."""

IMAGE_BYTES_MAX = 5 * 1024 * 1024
"""Largest image: in base64 and with what stands around it, under the 10 MB that a REST API takes."""

type HitKind = Literal["transcript", "document", "image", "video", "frame"]
"""What a hit was found in: `video` is what an analysis says, `frame` a picture of a video."""

type DocumentKind = Literal["document", "image"]
"""What people add: a text or an image; hits in it are of the same kind."""

type ImageFormat = Literal["png", "jpeg", "gif", "webp"]
"""What the embedding model takes (Amazon Nova Multimodal Embeddings, request schema)."""


type ImageContent = Annotated[Base64, Field(min_length=1, max_length=IMAGE_BYTES_MAX)]


ONE_OF_BOTH: JsonDict = {
    "oneOf": [
        {"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}}
        for one, other in (("text", "image"), ("image", "text"))
    ]
}
"""What the schema of a model says that has either a text or an image."""


class SearchFilter(Contract):
    """Which of the caller's own content is searched; all of it without members.

    `since` and `until` limit when something was uploaded or added, both inclusive.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    media_id: str | None = Field(default=None, min_length=1, max_length=MEDIA_ID_CHARACTERS_MAX)
    kind: HitKind | None = None
    since: Timestamp | None = Field(default=None, strict=False)
    until: Timestamp | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _is_a_period(self) -> Self:
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                message = "since and until need a time zone, for example 2026-01-31T00:00:00Z"
                raise ValueError(message)
        if self.since is not None and self.until is not None and self.since > self.until:
            message = "since must not be after until"
            raise ValueError(message)
        return self


class SearchRequest(Contract):
    """Body of `POST /api/search`: a text or an image to look for, and how many hits a page has at most.

    `cursor` is the `next_cursor` of a page of the same search.
    """

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=ONE_OF_BOTH)

    text: str | None = Field(default=None, min_length=1, max_length=QUERY_CHARACTERS_MAX, pattern=r"\S")
    image: ImageContent | None = None
    limit: int = Field(default=HITS_DEFAULT, ge=1, le=HITS_MAX)
    cursor: str | None = Field(default=None, min_length=1, max_length=CURSOR_CHARACTERS_MAX)
    filter: SearchFilter | None = None

    @model_validator(mode="after")
    def _looks_for_one_thing(self) -> Self:
        if (self.text is None) == (self.image is None):
            message = "a search is for a text or for an image: give one of them"
            raise ValueError(message)
        return self


class SearchHit(Contract):
    """A passage or an image of the caller's own that is near in meaning to what was looked for.

    `id` is opaque, `media_id` names the recording, video or document. `score` is 1 minus the cosine distance:
    1 for the same direction, 0 for unrelated, -1 for the opposite. `start` and `end` are seconds from the
    start of a recording or video. `text` is what was said, written or seen; of an image, its title.
    """

    id: str
    media_id: str | None = Field(default=None, exclude_if=is_none)
    kind: HitKind
    score: float = Field(allow_inf_nan=False)
    text: str
    title: str | None = Field(default=None, exclude_if=is_none)
    start: float | None = Field(default=None, exclude_if=is_none)
    end: float | None = Field(default=None, exclude_if=is_none)


class SearchResult(Contract):
    """Answer of `POST /api/search`: nearest first, none when nothing of the caller's own is indexed.

    `next_cursor` is null on the last page; all pages together have at most `HITS_MAX` hits.
    """

    hits: list[SearchHit]
    next_cursor: str | None = None


class AddDocument(Contract):
    """Body of `POST /api/documents`: something to be found, a text or an image, under a title."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=ONE_OF_BOTH)

    title: str = Field(min_length=1, max_length=TITLE_CHARACTERS_MAX, pattern=r"\S")
    text: str | None = Field(default=None, min_length=1, max_length=TEXT_CHARACTERS_MAX, pattern=r"\S")
    image: ImageContent | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.text is None) == (self.image is None):
            message = "a document is a text or an image: give one of them"
            raise ValueError(message)
        return self


class DocumentCreated(Contract):
    """Answer of `POST /api/documents`: it is found as soon as it is indexed, within seconds."""

    id: str


class Span(Contract):
    """A passage of a text: the places of its first character and of the one after its last."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)


class Document(Contract):
    """A document as its owner sees it, and as it is stored: a text with its passages, or an image."""

    id: str
    title: str
    created_at: Timestamp
    text: str | None = Field(default=None, exclude_if=is_none)
    passages: list[Span] = Field(default_factory=list[Span])
    image: Base64 | None = Field(default=None, exclude_if=is_none)
    image_format: ImageFormat | None = Field(default=None, exclude_if=is_none)


class DocumentSummary(Contract):
    """A document in its owner's list; what is in it, `GET /api/documents/{id}` gives."""

    id: str
    kind: DocumentKind
    title: str
    created_at: Timestamp


class DocumentPage(Contract):
    """Answer of `GET /api/documents`: newest first. `next_cursor` is null on the last page."""

    items: list[DocumentSummary]
    next_cursor: str | None = None


class DocumentAdded(EventData):
    """Somebody added a document. `vectors` counts what is indexed: its passages, or one for an image.

    Private: `title`.
    """

    private_fields = frozenset({"title"})

    kind: DocumentKind
    document: DocumentReference
    vectors: int = Field(ge=1)


class DocumentDeleted(EventData):
    """The owner deleted the document; its content is gone."""


DOCUMENT = AggregateType(name="Document", source="nova.search", events=(DocumentAdded, DocumentDeleted))
"""One document, from its addition until its deletion."""
