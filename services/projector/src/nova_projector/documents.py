"""The projection of documents: what each is called. No I/O."""

from nova_common.contracts.search import DOCUMENT, DocumentAdded, DocumentDeleted, DocumentSummary
from nova_common.events import Event

from nova_projector.domain import Projection


def _begin(event: Event) -> DocumentSummary | None:
    if not isinstance(event.data, DocumentAdded):
        return None
    return DocumentSummary(
        id=DOCUMENT.id_of(event.aggregate),
        kind=event.data.kind,
        # Empty once its owner was erased.
        title=str(event.private.get("title", "")),
        created_at=event.occurred_at,
    )


def _change(summary: DocumentSummary, event: Event) -> DocumentSummary:
    del event  # a document never changes
    return summary


DOCUMENTS = Projection(
    aggregate=DOCUMENT,
    collection="documents",
    summary=DocumentSummary,
    begin=_begin,
    change=_change,
    ended_by=DocumentDeleted,
)
"""A user's documents."""
