"""Structured logs: one JSON object a line on standard output, with the id of the request or message at hand.

What is logged by us is limited to ids, counts, routes and durations: no tokens, no names, no content.
"""

import json
import logging
import sys
import traceback
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import override

from nova_common.events import format_timestamp
from nova_common.metrics import Metric, embedded
from nova_common.telemetry import spans

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""The id of the request or message that the current code works for."""

type _ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": {...}}` adds fields of its own.

    `extra=counting(...)` of `nova_common.metrics` counts it as well, in a namespace of CloudWatch's.
    """

    def __init__(self, service: str, metrics_namespace: str = "") -> None:
        super().__init__()
        self._service = service
        self._metrics_namespace = metrics_namespace

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": format_timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = correlation_id.get()
        if request_id:
            entry["request_id"] = request_id
        if found := spans.ids():
            entry["trace_id"], entry["span_id"] = found
        entry.update(getattr(record, "fields", {}))
        metric: Metric | None = getattr(record, "metric", None)
        if metric is not None and self._metrics_namespace:
            entry.update(embedded(metric, self._metrics_namespace, int(record.created * 1000)))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)

    @override
    def formatException(self, ei: _ExceptionInfo) -> str:
        return "".join(traceback.format_exception(*ei)).rstrip()


def configure_logging(
    service: str, level: str, metrics_namespace: str = "", chatty_too: Sequence[str] = ()
) -> None:
    """Send every log of the process, uvicorn's too, through one JSON handler on standard output.

    Of `chatty_too`, loggers of libraries, only warnings are sent.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service, metrics_namespace))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # They would log every credential refresh and every connection at INFO or DEBUG.
    for chatty in ("botocore", "urllib3", *chatty_too):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        uvicorn_logger = logging.getLogger(name)
        uvicorn_logger.handlers.clear()
        uvicorn_logger.propagate = True
