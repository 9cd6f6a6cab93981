"""Sends spans to X-Ray's OTLP endpoint, signed as the task itself, from a thread of its own.

The endpoint takes at most 5 MB and 10,000 spans a request, of 200 KB each (CloudWatch user guide, "OTLP
endpoints"). Whoever is traced never waits for it: what does not fit the queue, or cannot be sent, is lost,
and the log says so once until sending works again.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast, override

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from nova_common import aws
from nova_common.telemetry import spans

SERVICE = "xray"
PATH = "/v1/traces"
QUEUE_SPANS_MAX = 2048
"""About 4 MB; at 100 requests a second of ten spans each it is full after two seconds without an answer."""
BATCH_SPANS_MAX = 512
"""With spans of at most 32 attributes of 256 characters well under 5 MB."""
PAUSE_SECONDS = 2.0
"""Longest time that an ended span waits to be sent."""
CONNECT_SECONDS_MAX = 1.0
ANSWER_SECONDS_MAX = 3.0
"""With the time to connect under the 5 s that a process has for its own end."""

logger = logging.getLogger(__name__)


def start(service: str, region: str) -> None:
    """Record the spans of this process and send them to X-Ray, until `spans.shut_down`."""
    processor = BatchSpanProcessor(
        XRayExporter(region),
        max_queue_size=QUEUE_SPANS_MAX,
        schedule_delay_millis=PAUSE_SECONDS * 1000,
        max_export_batch_size=BATCH_SPANS_MAX,
    )
    # It would say every 20 s that its queue is full while nothing can be sent.
    logging.getLogger("opentelemetry.sdk").setLevel(logging.ERROR)
    spans.configure(service, processor)


class XRayExporter(SpanExporter):
    """Encodes spans as OTLP and posts them; what that needs is loaded with the first of them."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._http: Any = None
        self._url = ""
        self._is_silent = False

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, or say once that they cannot be sent; never raises."""
        try:
            status = self._post(_encoded(spans))
        except BotoCoreError as error:
            return self._lost(len(spans), type(error).__name__)
        except Exception as error:  # noqa: BLE001 - telemetry must not fail anything
            return self._lost(len(spans), repr(error))
        if status != HTTPStatus.OK:
            return self._lost(len(spans), f"X-Ray answered {status}")
        self._is_silent = False
        return SpanExportResult.SUCCESS

    @override
    def shutdown(self) -> None:
        """Release the connection."""
        if self._http is not None:
            self._http.close()

    def _post(self, body: bytes) -> int:
        http = self._connected()
        headers = {"Content-Type": "application/x-protobuf"}
        request: Any = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        credentials: Any = aws.session().get_credentials()
        if credentials is None:
            raise NoCredentialsError
        signer: Any = SigV4Auth(credentials.get_frozen_credentials(), SERVICE, self._region)
        signer.add_auth(request)
        return int(http.send(request.prepare()).status_code)

    def _connected(self) -> Any:  # noqa: ANN401 - botocore's, untyped
        if self._http is None:
            # The client knows the endpoint of the region, or the one that the environment names.
            self._url = aws.endpoint(SERVICE, self._region) + PATH
            make: Any = URLLib3Session
            self._http = make(
                verify=cast("Any", aws.session()).get_config_variable("ca_bundle") or True,
                timeout=(CONNECT_SECONDS_MAX, ANSWER_SECONDS_MAX),
                max_pool_connections=1,
            )
        return self._http

    def _lost(self, count: int, reason: str) -> SpanExportResult:
        if not self._is_silent:
            fields = {"spans": count, "reason": reason}
            logger.warning("spans cannot be sent and are lost until they can", extra={"fields": fields})
        self._is_silent = True
        return SpanExportResult.FAILURE


def _encoded(spans: Sequence[ReadableSpan]) -> bytes:
    # Loaded in the thread that sends: 30 ms that the start of a task does not have.
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415

    return encode_spans(spans).SerializeToString()
