"""What an owner can do with documents. Another user's document does not exist for a caller."""

import uuid
from datetime import UTC, datetime
from http import HTTPStatus

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.search import (
    DOCUMENT,
    AddDocument,
    Document,
    DocumentAdded,
    DocumentCreated,
)
from nova_common.documents import ContentMissingError, DocumentStore
from nova_common.event_store import EventStore
from nova_common.histories import Histories
from nova_common.problems import Problem

from nova_search.documents import content_key, delete, fold, passages_of
from nova_search.images import accepted_image


class Library:
    """The documents of all users, each seen by its owner alone."""

    def __init__(self, store: EventStore, documents: DocumentStore) -> None:
        self._histories = Histories(store, DOCUMENT, fold, "document")
        self._documents = documents

    def add(self, user: str, body: AddDocument) -> DocumentCreated:
        """Keep a document; a Problem 415 for what is no image."""
        document = _document(body)
        reference = self._documents.write_document(
            content_key(document.id), document.model_dump_json().encode()
        )
        added = _added(document, reference)
        try:
            self._histories.begin(added, user, private={"title": document.title}, aggregate_id=document.id)
        except Exception:
            # Nobody would ever find it.
            self._documents.delete_all_versions([reference.key])
            raise
        return DocumentCreated(id=document.id)

    def get(self, user: str, document_id: str) -> Document:
        """Return a document of the user, checked against its hash; a Problem 404 otherwise."""
        kept = self._histories.owned(user, document_id)
        try:
            content = self._documents.read_document(kept.content)
        except ContentMissingError:
            # It is being deleted: its content goes first.
            raise Problem(HTTPStatus.NOT_FOUND, "there is no such document") from None
        return Document.model_validate_json(content)

    def delete(self, user: str, document_id: str) -> None:
        """Delete content, then the document; a Problem 404 when it is not there (any more)."""
        self._histories.delete(
            user,
            document_id,
            lambda: self._documents.delete_all_versions([content_key(document_id)]),
            delete,
        )


def _document(body: AddDocument) -> Document:
    return Document(
        id=str(uuid.uuid4()),
        title=body.title.strip(),
        created_at=datetime.now(UTC),
        text=body.text,
        passages=passages_of(body.text) if body.text else [],
        image=body.image,
        image_format=None if body.image is None else accepted_image(body.image).format,
    )


def _added(document: Document, reference: DocumentReference) -> DocumentAdded:
    if document.image is None:
        return DocumentAdded(document=reference, kind="document", vectors=len(document.passages))
    return DocumentAdded(document=reference, kind="image", vectors=1)
