"""The search service's API: passages of the caller's own content, by meaning."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.contracts.search import SearchHit, SearchRequest, SearchResult
from nova_common.identity import AuthenticatedCaller, AuthenticatedRoute, TokenVerifier
from nova_common.problems import Problem

from nova_search import domain
from nova_search.embeddings import (
    EmbeddingBusyError,
    EmbeddingError,
    EmbeddingModel,
    EmbeddingTimeoutError,
)
from nova_search.settings import ApiSettings
from nova_search.vectors import IndexBusyError, Match, VectorIndex

EMBEDDING_SECONDS_MAX = 5
"""Time-out of one attempt to embed a question.

Four attempts with their pauses stay under the 29 s that a REST API waits for its integration.
"""

RETRY_SECONDS = 5
"""After how long a caller should try again when the model or the index is busy."""

logger = logging.getLogger(__name__)


class Searches:
    """Searches over one index, each limited to what its caller owns."""

    def __init__(self, model: EmbeddingModel, index: VectorIndex) -> None:
        self._model = model
        self._index = index

    def search(self, user: str, request: SearchRequest) -> SearchResult:
        """Return the user's passages nearest to a text; a Problem 502, 503 or 504 when that fails.

        The user is part of the query and each match is checked again, so that no single fault shows somebody
        else's.
        """
        condition = domain.query_filter(user, request.filter)
        try:
            direction = self._model.embed_query(request.text)
            matches = self._index.query(direction, condition, request.limit)
        except (EmbeddingError, IndexBusyError) as error:
            logger.warning("a search failed", exc_info=True)
            raise _problem(error) from error
        return SearchResult(hits=_own(user, matches))


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


type Service = Annotated[Searches, Depends(_searches)]

router = APIRouter(prefix="/api/search", route_class=AuthenticatedRoute)


@router.post("")
def search(body: SearchRequest, caller: AuthenticatedCaller, searches: Service) -> SearchResult:
    """Search the caller's own content."""
    return searches.search(caller.user_id, body)


def create_app(settings: ApiSettings) -> FastAPI:
    """Assemble the API from what its environment names.

    Readiness asks the index alone: asking the model would cost as much as a search.
    """
    embedding = settings.embedding
    bedrock = aws.bedrock_runtime(embedding.region, read_timeout_seconds=EMBEDDING_SECONDS_MAX)
    index = VectorIndex(aws.s3vectors(settings.region), settings.vectors.bucket, settings.vectors.index)
    app = create_application(
        "Nova search", checks={"vector_index": index.check_ready}, verifier=TokenVerifier(settings.identity)
    )
    app.state.searches = Searches(EmbeddingModel(bedrock, embedding.model, embedding.dimension), index)
    app.include_router(router)
    return app


def main() -> None:
    """Serve the API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
