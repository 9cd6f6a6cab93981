"""What is indexed of a document: the passages of its text, or its image. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.search import DOCUMENT, Document, DocumentAdded, DocumentDeleted, Span
from nova_common.embeddings import Image
from nova_common.events import Event

from nova_search.sources import Passage, Plan, Source, UnexpectedContentError, vector_key

PASSAGE_CHARACTERS_MAX = 1200
"""Longest passage of a text: a few paragraphs, so that a hit says one thing."""

PASSAGE_CHARACTERS_MIN = PASSAGE_CHARACTERS_MAX // 2
"""A passage that is followed by another is not cut before here."""

BOUNDARIES = (
    ("\n\n",),
    (". ", "! ", "? ", "。", "\N{FULLWIDTH EXCLAMATION MARK}", "\N{FULLWIDTH QUESTION MARK}", "\n"),
    (" ", "、"),
)
"""What a passage ends after, the best first: paragraphs, sentences, words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDocument:
    """A document after some version of its history."""

    id: str
    user: str
    correlation: str
    created_at: datetime
    version: int
    added: DocumentAdded
    is_deleted: bool = False

    @property
    def content(self) -> DocumentReference:
        """Where it is stored."""
        return self.added.document

    @property
    def contents(self) -> Sequence[DocumentReference]:
        """What is indexed of it."""
        return [self.content]

    @property
    def status(self) -> str:
        """Where it stands."""
        return "deleted" if self.is_deleted else "added"


def fold(history: Iterable[Event]) -> OwnDocument | None:
    """Return the state after a history, None for an empty one.

    ValueError when it does not begin with somebody's document.
    """
    document: OwnDocument | None = None
    for event in history:
        if document is None:
            document = _begin(event)
        elif isinstance(event.data, DocumentDeleted):
            document = replace(document, version=event.version, is_deleted=True)
    return document


def _begin(event: Event) -> OwnDocument:
    if event.user is None or not isinstance(event.data, DocumentAdded):
        message = f"the history of {event.aggregate} does not begin with somebody's document"
        raise ValueError(message)
    return OwnDocument(
        id=DOCUMENT.id_of(event.aggregate),
        user=event.user,
        correlation=event.correlation,
        created_at=event.occurred_at,
        version=event.version,
        added=event.data,
    )


def delete(document: OwnDocument) -> Sequence[DocumentDeleted]:
    """Delete a document; nothing when it is deleted already."""
    return [] if document.is_deleted else [DocumentDeleted()]


def content_key(document_id: str) -> str:
    """Return the object key of a document."""
    return f"documents/{document_id}.json"


def passages_of(text: str) -> list[Span]:
    """Cut a text into passages, after paragraphs, sentences or words as far as there are any.

    Together they have everything but the blanks around them; a blank text has none.
    """
    cuts = [0]
    while len(text) - cuts[-1] > PASSAGE_CHARACTERS_MAX:
        cuts.append(_cut(text, cuts[-1]))
    cuts.append(len(text))
    spans = [_trimmed(text, start, end) for start, end in pairwise(cuts)]
    return [span for span in spans if span is not None]


def _cut(text: str, start: int) -> int:
    first, last = start + PASSAGE_CHARACTERS_MIN, start + PASSAGE_CHARACTERS_MAX
    for marks in BOUNDARIES:
        ends = [
            text.rfind(mark, first, last) + len(mark) for mark in marks if text.rfind(mark, first, last) >= 0
        ]
        if ends:
            return max(ends)
    return last


def _trimmed(text: str, start: int, end: int) -> Span | None:
    passage = text[start:end]
    left = len(passage) - len(passage.lstrip())
    right = len(passage.rstrip())
    return Span(start=start + left, end=start + right) if right > left else None


def _keys(document: OwnDocument) -> list[str]:
    return [vector_key(document.id, number) for number in range(document.added.vectors)]


def _plan(document: OwnDocument, contents: Sequence[bytes]) -> Plan:
    stored = Document.model_validate_json(contents[0])
    passages = _image(document, stored) if stored.image is not None else _texts(document, stored)
    if len(passages) != document.added.vectors:
        message = (
            f"document {document.id} has {len(passages)} passages, its event counted {document.added.vectors}"
        )
        raise UnexpectedContentError(message)
    return Plan(passages=passages)


def _image(document: OwnDocument, stored: Document) -> list[Passage]:
    if stored.image is None or stored.image_format is None:
        return []
    image = Image(content=stored.image, format=stored.image_format)
    key = vector_key(document.id, 0)
    return [Passage(key=key, kind="image", text=stored.title, image=image, title=stored.title)]


def _texts(document: OwnDocument, stored: Document) -> list[Passage]:
    text = stored.text or ""
    return [
        Passage(
            key=vector_key(document.id, number),
            kind="document",
            text=text[span.start : span.end],
            title=stored.title,
        )
        for number, span in enumerate(stored.passages)
    ]


DOCUMENTS = Source(aggregate=DOCUMENT, fold=fold, keys=_keys, plan=_plan)
"""Documents, by what is written in them or by what they show."""
