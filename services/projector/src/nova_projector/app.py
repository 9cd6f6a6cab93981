"""The query API: lists from the read model."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.contracts.audio import RecordingPage
from nova_common.identity import AuthenticatedCaller, AuthenticatedRoute, TokenVerifier
from nova_common.problems import Problem

from nova_projector.read_model import DynamoReadModel, InvalidCursorError, Position
from nova_projector.settings import ApiSettings


def _read_model(request: Request) -> DynamoReadModel:
    read_model: DynamoReadModel = request.app.state.read_model
    return read_model


type Rows = Annotated[DynamoReadModel, Depends(_read_model)]

router = APIRouter(prefix="/api/audio", route_class=AuthenticatedRoute)


@router.get("")
def list_recordings(
    caller: AuthenticatedCaller, rows: Rows, cursor: Annotated[str | None, Query()] = None
) -> RecordingPage:
    """List the caller's recordings, newest first, a page at a time."""
    try:
        after = None if cursor is None else Position.decode(cursor)
    except InvalidCursorError as error:
        fault = {"parameter": "cursor", "detail": str(error), "code": "invalid_cursor"}
        raise Problem(HTTPStatus.BAD_REQUEST, str(error), kind="invalid-cursor", errors=[fault]) from error
    return rows.page(caller.user_id, after)


def create_app(settings: ApiSettings) -> FastAPI:
    """Assemble the query API from what its environment names."""
    read_model = DynamoReadModel(aws.dynamodb(settings.region), settings.read_model_table)
    app = create_application("Nova projector", checks={"read_model": read_model.check_ready})
    app.state.read_model = read_model
    app.state.verifier = TokenVerifier(settings.identity)
    app.include_router(router)
    return app


def main() -> None:
    """Serve the query API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
