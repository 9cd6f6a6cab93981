"""Long-term memory: short notes that people want kept, each a document of its own in the content bucket.

A document is the only place of a note's text; beside it the vector index has a direction of its meaning, by
which it is found again. The index may lag behind the documents and is put right when it is next used.
"""

import logging
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from nova_common.contracts.memory import Note
from nova_common.documents import ContentMissingError, DocumentStore, missing_or
from nova_common.embeddings import EmbeddingModel
from nova_common.vector_index import Vector, VectorIndex
from pydantic import ValidationError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

NOTES = "memory/"
"""What the keys of all notes begin with."""

NOTES_MAX = 100
"""Of one person: as many as a query of the vector index returns, so that it tells which ones are missing."""

READS_AT_ONCE_MAX = 8
"""Documents that are read at a time: a hundred of them take about 0.2 s."""

NOTE_BYTES_MAX = 16 * 1024
"""Several times the longest note as JSON."""

_NAMESPACE = uuid.UUID("8c1d8f0e-0c0b-4d9c-9d6b-6f4b1a1f6f10")

logger = logging.getLogger(__name__)


class NotesFullError(Exception):
    """The person has as many notes as there may be."""


class NoSuchNoteError(Exception):
    """The person has no such note."""


class PersonErasedError(Exception):
    """The person was erased: nothing is kept any more, also for a message that was sent before."""


def plain(text: str) -> str:
    """Return a text by which wordings are compared: case, width and spacing make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def note_id(user: str, text: str) -> str:
    """Return the id of a note: the same words of the same person are the same note."""
    return str(uuid.uuid5(_NAMESPACE, f"{user}\n{plain(text)}"))


def folder(user: str) -> str:
    """Return what the keys of a person's notes begin with."""
    return f"{NOTES}{quote(user, safe='')}/"


class NoteDocuments(DocumentStore):
    """The notes of all people, in one versioned bucket. Every method blocks."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        super().__init__(client, bucket)

    def ids(self, user: str) -> list[str]:
        """Return which notes a person has, the oldest first; strongly consistent."""
        newest = [
            (entry["LastModified"], entry["Key"])
            for page in self._pages(user)
            for entry in page.get("Versions", [])
            if entry.get("IsLatest") and "LastModified" in entry and "Key" in entry
        ]
        return [key.removeprefix(folder(user)) for _, key in sorted(newest)]

    def write(self, user: str, note: Note) -> None:
        """Keep a note."""
        self.write_document(folder(user) + note.id, note.model_dump_json().encode())

    def read(self, user: str, note: str) -> Note | None:
        """Return a note, None when it is gone or not in order."""
        key = folder(user) + note
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.ClientError as error:
            cause = missing_or(error, key)
            if isinstance(cause, ContentMissingError):
                return None
            raise
        with answer["Body"] as body:
            content = body.read(NOTE_BYTES_MAX)
        try:
            return Note.model_validate_json(content)
        except ValidationError:
            logger.exception("a note is unreadable", extra={"fields": {"note": note}})
            return None

    def read_all(self, user: str, notes: Sequence[str]) -> list[Note]:
        """Return those of these notes that are there, in this order."""
        if not notes:
            return []
        with ThreadPoolExecutor(min(len(notes), READS_AT_ONCE_MAX)) as pool:
            found = pool.map(partial(self.read, user), notes)
            return [note for note in found if note is not None]

    def erase(self, user: str, notes: Iterable[str] | None = None) -> int:
        """Delete every version of these notes, or of all that the person has; return how many there were."""
        wanted = None if notes is None else {folder(user) + note for note in notes}
        deleted = 0
        for page in self._pages(user):
            versions: list[ObjectIdentifierTypeDef] = [
                {"Key": entry.get("Key", ""), "VersionId": entry.get("VersionId", "null")}
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                if wanted is None or entry.get("Key") in wanted
            ]
            self._delete(versions)
            deleted += len(versions)
        return deleted

    def _pages(self, user: str):  # noqa: ANN202 - botocore's own page iterator
        return self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=folder(user)
        )


class Notes:
    """Notes with the index of their meaning. Every method blocks; what fails of AWS is raised as it is."""

    def __init__(
        self,
        documents: NoteDocuments,
        embeddings: EmbeddingModel,
        index: VectorIndex,
        is_erased: Callable[[str], bool],
    ) -> None:
        self._is_erased = is_erased
        self._documents = documents
        self._embeddings = embeddings
        self._index = index

    def all(self, user: str) -> list[Note]:
        """Return all notes of a person, the newest first."""
        return self._documents.read_all(user, list(reversed(self._documents.ids(user))))

    def keep(self, user: str, text: str) -> Note:
        """Keep a note, which is not found by its meaning yet; NotesFullError, PersonErasedError.

        A note that is there already is returned as it is. Messages that are answered side by side may each
        add one beyond the number.
        """
        if self._is_erased(user):
            message = "the person was erased"
            raise PersonErasedError(message)
        ids = self._documents.ids(user)
        note = Note(id=note_id(user, text), text=" ".join(text.split()), created_at=datetime.now(UTC))
        if note.id in ids:
            return self._documents.read(user, note.id) or note
        if len(ids) >= NOTES_MAX:
            message = f"there are {NOTES_MAX} notes already"
            raise NotesFullError(message)
        self._documents.write(user, note)
        return note

    def index(self, user: str, notes: Sequence[str]) -> None:
        """Let notes be found by their meaning, those that are still there; EmbeddingError, IndexBusyError."""
        found = self._documents.read_all(user, notes)
        if not found:
            return
        directions = self._embeddings.embed_passages([note.text for note in found])
        self._index.put(
            Vector(key=note.id, values=direction, metadata={"user": user})
            for note, direction in zip(found, directions, strict=True)
        )
        # Whoever forgot one meanwhile deleted its vector before this one was there.
        there = set(self._documents.ids(user))
        self._index.delete([note.id for note in found if note.id not in there])

    def find(
        self, user: str, question: str, *, most: int, score_least: float
    ) -> tuple[list[Note], list[str]]:
        """Return the notes nearest in meaning to a question, nearest first, and which are not in the index.

        Raises EmbeddingError and IndexBusyError. Nothing is embedded for a person without notes.
        """
        ids = self._documents.ids(user)
        if not ids:
            return [], []
        direction = self._embeddings.embed_query(question, "document")
        matches = self._index.query(direction, {"user": {"$eq": user}}, NOTES_MAX)
        known = set(ids)
        near = [match for match in matches if match.key in known and 1 - match.distance >= score_least]
        found = self._documents.read_all(user, [match.key for match in near[:most]])
        return found, sorted(known - {match.key for match in matches})

    def forget(self, user: str, note: str) -> None:
        """Remove a note for good; NoSuchNoteError, IndexBusyError.

        The vector goes first: as long as the document is there, whoever failed half-way can try again.
        """
        if note not in self._documents.ids(user):
            message = "there is no such note"
            raise NoSuchNoteError(message)
        self._index.delete([note])
        self._documents.erase(user, [note])

    def forget_all(self, user: str) -> int:
        """Remove all that a person wanted kept, for good; return how many documents; IndexBusyError."""
        self._index.delete(self._documents.ids(user))
        return self._documents.erase(user)
