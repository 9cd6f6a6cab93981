"""The resource server, asked for what there is, what it costs, and with a payment; none of it is believed.

Redirects are answers like any other, bodies are bounded, and what is no JSON is no answer.
"""

import base64
import json
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import httpx2
from nova_common.backoff import Backoff
from nova_common.contracts.payments import PAYMENT_HEADER, RECEIPT_HEADER, REQUIRED_HEADER

from nova_mcp_server.domain import Offer, RefusedError

BODY_BYTES_MAX = 128 * 1024
HEADER_CHARACTERS_MAX = 16 * 1024
OFFERS_MAX = 16
"""Ways to pay that are looked at."""

ASK_ATTEMPTS_MAX = 3
PAUSES = Backoff(first=0.4, last=0.8)
TIMEOUT = httpx2.Timeout(10.0, connect=3.0)
"""A settlement waits for a block of the network, and for the facilitator."""

logger = logging.getLogger(__name__)


class UnavailableError(Exception):
    """The resource server cannot be reached, does not answer in time, or says that it is out of order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the body of a success, the offers of a 402, else a problem."""

    status: int
    body: str = ""
    """JSON; the problem's own words where it is no success."""
    offers: tuple[Offer, ...] = ()
    required: str = ""
    """The header of a 402 as it came."""
    transaction: str = ""
    """Of the receipt; empty without one."""

    @property
    def succeeded(self) -> bool:
        """Whether it gave what was asked for."""
        return self.status == HTTPStatus.OK


class ResourceServer:
    """Calls one resource server. Thread-safe; every method blocks."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._client = httpx2.Client(
            base_url=url,
            timeout=TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            # The roots that the system, or SSL_CERT_FILE, names.
            verify=ssl.create_default_context(),
            transport=transport,
        )

    def ask(self, resource: str) -> Answer:
        """Ask without a payment, again after failures: it costs nothing; UnavailableError."""
        failure: UnavailableError | None = None
        for attempt in range(ASK_ATTEMPTS_MAX):
            if attempt:
                self._sleep(PAUSES.pause_seconds(attempt))
            try:
                return self.send(resource)
            except UnavailableError as error:
                failure = error
        raise failure or UnavailableError

    def send(self, resource: str, payment: str = "") -> Answer:
        """Ask once, with a payment perhaps; UnavailableError where nobody knows what became of it."""
        headers = {"Accept": "application/json"} | ({PAYMENT_HEADER: payment} if payment else {})
        try:
            with self._client.stream("GET", resource, headers=headers) as response:
                body = _bounded(response)
                return _answer(response, body)
        except httpx2.HTTPError as error:
            message = f"the resource server does not answer: {type(error).__name__}"
            logger.warning(
                "the resource server does not answer", extra={"fields": {"cause": str(error)[:200]}}
            )
            raise UnavailableError(message) from error


def _bounded(response: httpx2.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            message = f"the resource server's answer has more than {BODY_BYTES_MAX} bytes"
            raise UnavailableError(message)
    return bytes(body)


def _answer(response: httpx2.Response, body: bytes) -> Answer:
    status = response.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        message = f"the resource server answers {status}"
        raise UnavailableError(message)
    document = _document(body)
    if status == HTTPStatus.OK:
        if document is None:
            message = "the resource server's answer is no JSON object"
            raise UnavailableError(message)
        receipt = _header(response, RECEIPT_HEADER)
        settled = receipt.get("success") is True
        return Answer(
            status, json.dumps(document), transaction=str(receipt.get("transaction", "")) if settled else ""
        )
    if status == HTTPStatus.PAYMENT_REQUIRED:
        required = response.headers.get(REQUIRED_HEADER, "")
        told = _header(response, REQUIRED_HEADER)
        return Answer(status, _words(document, told), _offers(told), required)
    return Answer(status, _words(document, {}))


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        found: object = json.loads(body or b"null")
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _header(response: httpx2.Response, name: str) -> dict[str, Any]:
    return decoded(response.headers.get(name, ""))


def decoded(text: str) -> dict[str, Any]:
    """Return the JSON object in a header of x402; an empty one for anything else."""
    if not text or len(text) > HEADER_CHARACTERS_MAX:
        return {}
    try:
        return _document(base64.b64decode(text, validate=True)) or {}
    except ValueError:
        return {}


def _words(document: dict[str, Any] | None, told: dict[str, Any]) -> str:
    words = told.get("error") or (document or {}).get("detail") or (document or {}).get("error") or ""
    return " ".join(str(words).split())[:300]


def _offers(told: dict[str, Any]) -> tuple[Offer, ...]:
    if told.get("x402Version") != 2:  # noqa: PLR2004 - the version that is spoken here
        return ()
    accepts: object = told.get("accepts")
    listed = cast("list[object]", accepts) if isinstance(accepts, list) else []
    found = [cast("dict[str, Any]", entry) for entry in listed[:OFFERS_MAX] if isinstance(entry, dict)]
    return tuple(_offer(entry) for entry in found)


def _offer(entry: dict[str, Any]) -> Offer:
    def text(name: str) -> str:
        value: object = entry.get(name)
        return value if isinstance(value, str) else ""

    seconds: object = entry.get("maxTimeoutSeconds")
    extra: object = entry.get("extra")
    method: object = (
        cast("dict[str, Any]", extra).get("assetTransferMethod") if isinstance(extra, dict) else ""
    )
    return Offer(
        scheme=text("scheme"),
        network=text("network"),
        asset=text("asset"),
        payee=text("payTo"),
        amount=text("amount"),
        seconds=seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else 0,
        method=str(method or ""),
    )


def not_found(answer: Answer) -> RefusedError:
    """Return the refusal of what the resource server does not have."""
    return RefusedError(answer.body or f"the resource server answers {answer.status}")
