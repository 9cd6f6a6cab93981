"""The search service's API: the caller's own content by meaning, and the documents that callers add."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.contracts.search import (
    DOCUMENT,
    HITS_MAX,
    AddDocument,
    Document,
    DocumentCreated,
    SearchHit,
    SearchRequest,
    SearchResult,
)
from nova_common.documents import DocumentStore
from nova_common.embeddings import (
    Content,
    EmbeddingBusyError,
    EmbeddingError,
    EmbeddingModel,
    EmbeddingTimeoutError,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.identity import AuthenticatedCaller, AuthenticatedRoute, token_verifier
from nova_common.openapi import problems
from nova_common.private_data import private_data
from nova_common.problems import Problem
from nova_common.vector_index import IndexBusyError, Match, VectorIndex, in_step

from nova_search import domain
from nova_search.images import accepted_image
from nova_search.library import Library
from nova_search.settings import ApiSettings

TITLE = "Nova search"

EMBEDDING_SECONDS_MAX = 5
"""Time-out of one attempt to embed a question.

Four attempts with their pauses stay under the 29 s that a REST API waits for its integration.
"""

RETRY_SECONDS = 5
"""After how long a caller should try again when the model or the index is busy."""

BODY_BYTES_MAX = 8 * 1024 * 1024
"""The largest image in base64, and what stands around it."""

logger = logging.getLogger(__name__)


class Searches:
    """Searches over one index, each limited to what its caller owns."""

    def __init__(self, model: EmbeddingModel, index: VectorIndex) -> None:
        self._model = model
        self._index = index

    def search(self, user: str, request: SearchRequest) -> SearchResult:
        """Return a page of what is the user's own and nearest to a text or an image.

        A Problem 400 for a cursor of another search, 415 for what is no image, 502, 503 or 504 when the model
        or the index fails. The user is part of the query and each match is checked again, so that no single
        fault shows somebody else's.
        """
        first = _first_hit(request)
        condition = domain.query_filter(user, request.filter)
        wanted = request.filter.kind if request.filter else None
        # One more than is shown tells whether there is another page.
        limit = min(first + request.limit + 1, HITS_MAX)
        try:
            direction = self._model.embed_query(_sought(request), wanted)
            matches = self._index.query(direction, condition, limit)
        except (EmbeddingError, IndexBusyError) as error:
            logger.warning("a search failed", exc_info=True)
            raise _problem(error) from error
        shown = matches[first : first + request.limit]
        cursor = domain.next_cursor(request, first, len(matches))
        return SearchResult(hits=_own(user, shown), next_cursor=cursor)


def _first_hit(request: SearchRequest) -> int:
    try:
        return domain.first_hit(request)
    except domain.InvalidCursorError as error:
        fault = {"field": "cursor", "detail": str(error), "code": "invalid_cursor"}
        raise Problem(HTTPStatus.BAD_REQUEST, str(error), kind="invalid-cursor", errors=[fault]) from error


def _sought(request: SearchRequest) -> Content:
    return (request.text or "") if request.image is None else accepted_image(request.image)


def _own(user: str, matches: Iterable[Match]) -> list[SearchHit]:
    hits: list[SearchHit] = []
    for match in matches:
        try:
            owner, hit = domain.hit(match.key, match.distance, match.metadata)
        except ValueError:
            # Written by a release that knows more than this one.
            logger.warning("a vector could not be read", extra={"fields": {"key": match.key}}, exc_info=True)
            continue
        if owner != user:
            logger.critical("the index answered another user's vector", extra={"fields": {"key": match.key}})
            continue
        hits.append(hit)
    return hits


def _problem(error: EmbeddingError | IndexBusyError) -> Problem:
    if isinstance(error, EmbeddingBusyError | IndexBusyError):
        detail = "search is busy at the moment; try again soon"
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, EmbeddingTimeoutError):
        return Problem(HTTPStatus.GATEWAY_TIMEOUT, "the embedding model did not answer in time")
    return Problem(HTTPStatus.BAD_GATEWAY, "the embedding model failed")


def _searches(request: Request) -> Searches:
    searches: Searches = request.app.state.searches
    return searches


def _library(request: Request) -> Library:
    library: Library = request.app.state.library
    return library


type Service = Annotated[Searches, Depends(_searches)]
type Documents = Annotated[Library, Depends(_library)]

router = APIRouter(prefix="/api", route_class=AuthenticatedRoute)


@router.post("/search", responses=problems(HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT))
def search(body: SearchRequest, caller: AuthenticatedCaller, searches: Service) -> SearchResult:
    """Search the caller's own content."""
    return searches.search(caller.user_id, body)


@router.post("/documents", status_code=HTTPStatus.CREATED)
def add_document(
    body: AddDocument, caller: AuthenticatedCaller, library: Documents, response: Response
) -> DocumentCreated:
    """Add a text or an image that searches of the caller shall find."""
    created = library.add(caller.user_id, body)
    response.headers["Location"] = f"/api/documents/{created.id}"
    return created


@router.get("/documents/{document_id}")
def get_document(document_id: str, caller: AuthenticatedCaller, library: Documents) -> Document:
    """Return a document as it was added."""
    return library.get(caller.user_id, document_id)


@router.delete("/documents/{document_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_document(document_id: str, caller: AuthenticatedCaller, library: Documents) -> None:
    """Delete a document; searches stop finding it within seconds."""
    library.delete(caller.user_id, document_id)


def create_app(settings: ApiSettings) -> FastAPI:
    """Assemble the API from what its environment names; IndexMismatchError.

    Readiness asks the index and the store alone: asking the model would cost as much as a search.
    """
    embedding = settings.embedding
    bedrock = aws.bedrock_runtime(embedding.region, read_timeout_seconds=EMBEDDING_SECONDS_MAX)
    index = in_step(aws.s3vectors(settings.region), settings.vectors, embedding.dimension)
    dynamodb = aws.dynamodb(settings.region)
    store = DynamoEventStore(
        dynamodb,
        settings.event_store_table,
        EventRegistry([DOCUMENT]),
        private_data(dynamodb, settings.private_data, settings.region),
    )
    app = create_application(
        TITLE,
        checks={"vector_index": index.check_ready, "event_store": store.check_ready},
        verifier=token_verifier(settings.identity, settings.region),
        body_bytes_max=BODY_BYTES_MAX,
    )
    app.state.searches = Searches(EmbeddingModel(bedrock, embedding.model, embedding.dimension), index)
    app.state.library = Library(store, DocumentStore(aws.s3(settings.region), settings.content_bucket))
    app.include_router(router)
    return app


def main() -> None:
    """Serve the API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
