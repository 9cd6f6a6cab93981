"""The factory of every service's HTTP application: problems, request ids, limits, liveness, readiness."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from nova_common import openapi
from nova_common.data_keys import UserErasedError
from nova_common.identity import TokenVerifier, account_erased
from nova_common.middleware import (
    BODY_BYTES_MAX,
    BodyLimitMiddleware,
    RequestContextMiddleware,
    TraceMiddleware,
)
from nova_common.problems import Problem, problem_response

type Check = Callable[[], None]
"""A readiness check: returns when all is well, raises when not. It may block; it runs in a thread."""

type Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

CHECK_SECONDS_MAX = 2.0
"""Time-out of a readiness check; load balancers commonly wait 5 s for the whole answer."""

logger = logging.getLogger(__name__)


class Draining:
    """Whether the process was asked to stop: it still answers, but new work should go elsewhere."""

    def __init__(self) -> None:
        self.started = False

    def start(self) -> None:
        """From now on `/ready` answers 503 and responses close their connections."""
        self.started = True


def create_application(
    title: str,
    *,
    checks: Mapping[str, Check] | None = None,
    alive: Callable[[], bool] = lambda: True,
    lifespan: Lifespan | None = None,
    verifier: TokenVerifier | None = None,
    body_bytes_max: int = BODY_BYTES_MAX,
    check_seconds_max: float = CHECK_SECONDS_MAX,
) -> FastAPI:
    """Return an application with `/health`, `/ready` and `/openapi.json` to which a service adds its routes.

    `checks` decide readiness, `alive` decides liveness (false makes ECS replace the task), `body_bytes_max`
    limits request bodies. `app.state.draining` is the `Draining` that the runner starts, `app.state.verifier`
    what an `AuthenticatedRoute` asks; a service with one is ready when it can verify tokens. Every check runs
    once at the start too, so that the first request finds credentials, keys and connections in place.
    """
    draining = Draining()
    known = dict(checks or {})

    def check_identity() -> None:
        app.state.verifier.check_ready()

    if verifier is not None:
        known["identity"] = check_identity
    app = FastAPI(
        title=title,
        lifespan=_warming(known, check_seconds_max, lifespan),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.openapi = lambda: openapi.document(app)
    app.state.draining = draining
    app.state.verifier = verifier
    # The last one added is the outermost: even a refused body has a trace, a request id and a log line.
    app.add_middleware(BodyLimitMiddleware, bytes_max=body_bytes_max)
    app.add_middleware(RequestContextMiddleware, is_draining=lambda: draining.started)
    app.add_middleware(TraceMiddleware)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(UserErasedError, _erased_problem)
    _add_health(app, alive)
    _add_readiness(app, known, draining, check_seconds_max)
    return app


def _warming(checks: Mapping[str, Check], seconds_max: float, lifespan: Lifespan | None) -> Lifespan:
    @contextlib.asynccontextmanager
    async def warmed(app: FastAPI) -> AsyncGenerator[None]:
        async with lifespan(app) if lifespan else contextlib.nullcontext():
            # Nobody waits for it: a service starts without what it depends on, and says so at `/ready`.
            warming = asyncio.gather(*(_outcome(name, check, seconds_max) for name, check in checks.items()))
            try:
                yield
            finally:
                warming.cancel()

    return warmed


def _add_health(app: FastAPI, alive: Callable[[], bool]) -> None:
    async def health() -> Response:
        if alive():
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "failed"}, HTTPStatus.SERVICE_UNAVAILABLE)

    app.add_api_route("/health", health, methods=["GET"], response_model=None, include_in_schema=False)


def _add_readiness(app: FastAPI, checks: dict[str, Check], draining: Draining, seconds_max: float) -> None:
    async def ready() -> Response:
        if draining.started:
            return JSONResponse({"status": "draining"}, HTTPStatus.SERVICE_UNAVAILABLE)
        outcomes = await asyncio.gather(
            *(_outcome(name, check, seconds_max) for name, check in checks.items())
        )
        results = dict(zip(checks, outcomes, strict=True))
        if all(outcome == "ok" for outcome in outcomes):
            return JSONResponse({"status": "ok", "checks": results})
        return JSONResponse({"status": "unavailable", "checks": results}, HTTPStatus.SERVICE_UNAVAILABLE)

    app.add_api_route("/ready", ready, methods=["GET"], response_model=None, include_in_schema=False)


async def _outcome(name: str, check: Check, seconds_max: float) -> str:
    """`ok`, `timeout` or `failed`: the cause goes to the log, not to whoever asks."""
    try:
        await asyncio.wait_for(run_in_threadpool(check), seconds_max)
    except TimeoutError:
        logger.warning("readiness check timed out", extra={"fields": {"check": name}})
        return "timeout"
    except Exception:
        logger.warning("readiness check failed", extra={"fields": {"check": name}}, exc_info=True)
        return "failed"
    return "ok"


async def _http_problem(request: Request, error: Exception) -> Response:
    """Ours and the framework's HTTP errors, among them 404 and 405 of the router."""
    if not isinstance(error, HTTPException):
        raise error
    kind, errors = (error.kind, error.errors) if isinstance(error, Problem) else (None, ())
    return problem_response(
        error.status_code, error.detail, request.url.path, kind=kind, errors=errors, headers=error.headers
    )


async def _erased_problem(request: Request, error: Exception) -> Response:
    """Answer a request that was let in just before its person was erased."""
    del error
    return await _http_problem(request, account_erased())


async def _validation_problem(request: Request, error: Exception) -> Response:
    """Answer 400 for a body that is not JSON, 415 for another media type, 422 with field errors otherwise."""
    if not isinstance(error, RequestValidationError):
        raise error
    faults: Sequence[dict[str, Any]] = error.errors()
    instance = request.url.path
    if any(fault["type"] == "json_invalid" for fault in faults):
        return problem_response(HTTPStatus.BAD_REQUEST, "the body is not valid JSON", instance)
    if request.headers.get("content-length", "0") != "0" and not _is_json(request):
        detail = "the body must have the content type application/json"
        return problem_response(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, instance)
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the request does not have the expected form; see errors",
        instance,
        errors=[_fault(fault) for fault in faults],
    )


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _fault(fault: dict[str, Any]) -> dict[str, str]:
    """One fault without the offending input, which may be personal."""
    place, *path = [str(part) for part in fault["loc"]]
    described = {"detail": str(fault["msg"]), "code": str(fault["type"])}
    if place == "body":
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        return {"pointer": f"#{pointer}", **described}
    return {"parameter": ".".join(path) or place, **described}
