"""The query API: lists from the read model."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.contracts.audio import RecordingPage, RecordingSummary
from nova_common.contracts.live import LiveConversationPage, LiveConversationSummary
from nova_common.contracts.search import DocumentPage, DocumentSummary
from nova_common.contracts.sessions import SessionPage, SessionSummary
from nova_common.contracts.video import VideoPage, VideoSummary
from nova_common.identity import AuthenticatedCaller, AuthenticatedRoute, token_verifier
from nova_common.problems import Problem

from nova_projector.conversations import CONVERSATIONS
from nova_projector.documents import DOCUMENTS
from nova_projector.generations import GenerationState
from nova_projector.read_model import DynamoReadModel, InvalidCursorError, Position
from nova_projector.recordings import RECORDINGS
from nova_projector.sessions import SESSIONS
from nova_projector.settings import ApiSettings
from nova_projector.videos import VIDEOS

TITLE = "Nova projector"


def _recordings(request: Request) -> DynamoReadModel[RecordingSummary]:
    read_model: DynamoReadModel[RecordingSummary] = request.app.state.recordings
    return read_model


def _sessions(request: Request) -> DynamoReadModel[SessionSummary]:
    read_model: DynamoReadModel[SessionSummary] = request.app.state.sessions
    return read_model


def _conversations(request: Request) -> DynamoReadModel[LiveConversationSummary]:
    read_model: DynamoReadModel[LiveConversationSummary] = request.app.state.conversations
    return read_model


def _videos(request: Request) -> DynamoReadModel[VideoSummary]:
    read_model: DynamoReadModel[VideoSummary] = request.app.state.videos
    return read_model


def _documents(request: Request) -> DynamoReadModel[DocumentSummary]:
    read_model: DynamoReadModel[DocumentSummary] = request.app.state.documents
    return read_model


def _position(cursor: Annotated[str | None, Query()] = None) -> Position | None:
    """Return the place that a cursor names; a Problem 400 for one that no page gave out."""
    try:
        return None if cursor is None else Position.decode(cursor)
    except InvalidCursorError as error:
        fault = {"parameter": "cursor", "detail": str(error), "code": "invalid_cursor"}
        raise Problem(HTTPStatus.BAD_REQUEST, str(error), kind="invalid-cursor", errors=[fault]) from error


type Recordings = Annotated[DynamoReadModel[RecordingSummary], Depends(_recordings)]
type Sessions = Annotated[DynamoReadModel[SessionSummary], Depends(_sessions)]
type Conversations = Annotated[DynamoReadModel[LiveConversationSummary], Depends(_conversations)]
type Videos = Annotated[DynamoReadModel[VideoSummary], Depends(_videos)]
type Documents = Annotated[DynamoReadModel[DocumentSummary], Depends(_documents)]
type After = Annotated[Position | None, Depends(_position)]

router = APIRouter(prefix="/api", route_class=AuthenticatedRoute)


@router.get("/audio")
def list_recordings(caller: AuthenticatedCaller, rows: Recordings, after: After) -> RecordingPage:
    """List the caller's recordings, newest first, a page at a time."""
    page = rows.page(caller.user_id, after)
    return RecordingPage(items=page.items, next_cursor=page.next_cursor)


@router.get("/documents")
def list_documents(caller: AuthenticatedCaller, rows: Documents, after: After) -> DocumentPage:
    """List the caller's documents, newest first, a page at a time."""
    page = rows.page(caller.user_id, after)
    return DocumentPage(items=page.items, next_cursor=page.next_cursor)


@router.get("/speaking-sessions")
def list_conversations(
    caller: AuthenticatedCaller, rows: Conversations, after: After
) -> LiveConversationPage:
    """List the caller's conversations by voice, newest first, a page at a time."""
    page, now = rows.page(caller.user_id, after), datetime.now(UTC)
    items = [conversation.as_of(now) for conversation in page.items]
    return LiveConversationPage(items=items, next_cursor=page.next_cursor)


@router.get("/sessions")
def list_sessions(caller: AuthenticatedCaller, rows: Sessions, after: After) -> SessionPage:
    """List the caller's sessions, newest first, a page at a time."""
    page = rows.page(caller.user_id, after)
    return SessionPage(items=page.items, next_cursor=page.next_cursor)


@router.get("/video")
def list_videos(caller: AuthenticatedCaller, rows: Videos, after: After) -> VideoPage:
    """List the caller's videos, newest first, a page at a time."""
    page = rows.page(caller.user_id, after)
    return VideoPage(items=page.items, next_cursor=page.next_cursor)


def create_app(settings: ApiSettings) -> FastAPI:
    """Assemble the query API from what its environment names."""
    dynamodb = aws.dynamodb(settings.region)
    served = GenerationState(dynamodb, settings.read_model_table).served
    recordings = DynamoReadModel(dynamodb, settings.read_model_table, RECORDINGS, served)
    # All lists are in one table: one of them tells whether it answers.
    app = create_application(
        TITLE,
        checks={"read_model": recordings.check_ready},
        verifier=token_verifier(settings.identity, settings.region),
    )
    app.state.recordings = recordings
    app.state.documents = DynamoReadModel(dynamodb, settings.read_model_table, DOCUMENTS, served)
    app.state.conversations = DynamoReadModel(dynamodb, settings.read_model_table, CONVERSATIONS, served)
    app.state.sessions = DynamoReadModel(dynamodb, settings.read_model_table, SESSIONS, served)
    app.state.videos = DynamoReadModel(dynamodb, settings.read_model_table, VIDEOS, served)
    app.include_router(router)
    return app


def main() -> None:
    """Serve the query API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
