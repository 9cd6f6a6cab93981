"""Runs an application: HOST and PORT, JSON logs, and a stop that drains."""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, override

import uvicorn
from fastapi import FastAPI

from nova_common.application import Draining
from nova_common.logs import configure_logging
from nova_common.settings import ServerSettings, SettingsError
from nova_common.telemetry import export, spans

DRAIN_SECONDS = 6.0
"""How long an API serves on after SIGTERM, for callers that still hold its address.

The time to live of its Cloud Map records must be shorter.
"""

STOP_SECONDS_MAX = 100
"""Time for requests in flight, such as an answer that is streamed, after the drain.

With it, and with 5 s for an application's own end, under the 120 s that a container has at most on Fargate.
"""

KEEP_ALIVE_SECONDS = 75
"""Longer than the idle time-out of an Application Load Balancer (60 s), which so closes first."""

WEBSOCKET_BYTES_MAX = 1024 * 1024
"""Largest message that a WebSocket takes, unless a service says otherwise."""

EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""

logger = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """A server that, told to stop by SIGTERM, first serves on as not ready, and then exits with status 0."""

    def __init__(self, config: uvicorn.Config, draining: Draining, drain_seconds: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_seconds = drain_seconds

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and not self._draining.started and self._drain_seconds > 0:
            self._draining.start()
            timer = threading.Timer(self._drain_seconds, self._stop)
            timer.daemon = True
            timer.start()
            return
        # A terminal, a second signal, or a worker, which nobody calls: stop now; once more, stop hard.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self._draining.start()
        self._stop()

    def _stop(self) -> None:
        self.should_exit = True


def run(
    app: FastAPI,
    settings: ServerSettings,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    websocket_bytes_max: int = WEBSOCKET_BYTES_MAX,
) -> None:
    """Serve the application until a signal; returns after a graceful stop."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS_MAX,
        ws_max_size=websocket_bytes_max,
    )
    server = DrainingServer(config, app.state.draining, drain_seconds)
    # What is loaded by now lives to the end; a collection that looked at it would hold up every answer.
    gc.freeze()
    server.run()
    if not server.started:
        sys.exit(1)


def main[S](
    read_settings: Callable[[], S],
    server_settings: Callable[[S], ServerSettings],
    create_app: Callable[[S], FastAPI],
    *,
    drain_seconds: float = DRAIN_SECONDS,
    websocket_bytes_max: int = WEBSOCKET_BYTES_MAX,
) -> NoReturn:
    """Run a service: read settings, log as JSON, create the application, serve it, and end the process.

    Incomplete settings end it with status 78 and one line that names all that is wrong.
    """
    try:
        settings = read_settings()
    except SettingsError as error:
        configure_logging("nova", "INFO")
        logger.critical("%s", error)
        sys.exit(EXIT_CONFIGURATION)
    server = server_settings(settings)
    configure_logging(server.service_name, server.log_level, server.metrics_namespace)
    export.start(server.service_name, server.region)
    try:
        run(
            create_app(settings),
            server,
            drain_seconds=drain_seconds,
            websocket_bytes_max=websocket_bytes_max,
        )
    finally:
        spans.shut_down()
    _leave()


def _leave() -> NoReturn:
    """End the process with status 0, its modules as they are: to take them apart costs up to 0.6 s of CPU."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
