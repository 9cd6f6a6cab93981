"""The gate: answers are made first, for free, and given to whoever has paid for them.

An answer that is an error is told without payment. What is left is x402's way (version 2, scheme `exact`):
402 with what to pay, a signed payment in the request, its check and its settlement by the facilitator, the
receipt in the answer.
"""

import base64
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, override

import httpx
from fastapi import Request, Response
from nova_common.contracts.payments import PAYMENT_HEADER, RECEIPT_HEADER, REQUIRED_HEADER
from nova_common.problems import Problem
from starlette.concurrency import run_in_threadpool
from x402 import x402ResourceServer
from x402.extensions.payment_identifier import (
    PAYMENT_IDENTIFIER,
    declare_payment_identifier_extension,
    extract_payment_identifier,
)
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.types import HTTPProcessResult, HTTPRequestContext, PaymentOption, RouteConfig
from x402.http.utils import (
    decode_payment_required_header,
    encode_payment_response_header,
)
from x402.http.x402_http_server import x402HTTPResourceServer
from x402.mechanisms.evm.exact.server import ExactEvmScheme
from x402.schemas import AssetAmount, PaymentPayload, SettleResponse, VerifyResponse

from nova_x402_seller.adapter import RequestAdapter
from nova_x402_seller.catalogue import OFFERS, PricedOffer, climates
from nova_x402_seller.domain import Payment, Sale
from nova_x402_seller.settings import PaymentTerms
from nova_x402_seller.storage import AlreadyUsedError, Sales

FACILITATOR_SECONDS_MAX = 20.0
"""For one answer of the facilitator; a settlement waits for a block, 2 s on Base."""

PAYMENT_SECONDS_MAX = 60
"""How long a signed payment is good for."""

HEADER_CHARACTERS_MAX = 8192
"""Of a payment; one of the scheme `exact` has about 1,500."""

RETRY_SECONDS = 5

UNPAID = "Payment required"
"""The package's own word for a request without a payment."""

UNAVAILABLE = "facilitator_unavailable"
UNKNOWN = "settlement_unknown"
PENDING = "settlement_pending"
"""The facilitator's own word for a transaction that is sent and in no block yet (x402)."""

logger = logging.getLogger(__name__)


class Facilitator(HTTPFacilitatorClient):
    """The facilitator, whose failures have names: the package passes an error on by its text."""

    @override
    async def verify(self, payload: Any, requirements: Any) -> VerifyResponse:
        """See `HTTPFacilitatorClient.verify`."""
        try:
            return await super().verify(payload, requirements)
        except (httpx.HTTPError, ValueError) as error:
            logger.warning("the facilitator does not check a payment", exc_info=True)
            raise RuntimeError(UNAVAILABLE) from error

    @override
    async def settle(self, payload: Any, requirements: Any) -> SettleResponse:
        """See `HTTPFacilitatorClient.settle`."""
        try:
            return await super().settle(payload, requirements)
        except (httpx.HTTPError, ValueError) as error:
            logger.error("the facilitator does not say how a settlement ended", exc_info=True)
            raise RuntimeError(UNKNOWN) from error


class Gate:
    """Gives answers for payments. One per application."""

    def __init__(self, terms: PaymentTerms, public_url: str, sales: Sales) -> None:
        self._sales = sales
        self._terms = terms
        self._offers = {offer.path_of(city): offer for city in climates() for offer in OFFERS}
        self._initializing = threading.Lock()
        self._is_initialized = False
        config = FacilitatorConfig(url=terms.facilitator_url, timeout=FACILITATOR_SECONDS_MAX)
        server = x402ResourceServer(Facilitator(config))
        # It keeps the protocol that the package declares, though not its parameters' names.
        scheme: Any = ExactEvmScheme()
        server.register(terms.network, scheme)
        routes = {
            f"GET {path}": self._priced(offer, f"{public_url}{path}") for path, offer in self._offers.items()
        }
        self._http = x402HTTPResourceServer(server, routes)

    def check_ready(self) -> None:
        """Raise until the facilitator has once said that it settles what is asked for here."""
        with self._initializing:
            if not self._is_initialized:
                self._http.initialize()
                self._is_initialized = True

    async def sell(self, request: Request, answer: Response) -> Response:
        """Return the answer to whoever pays for it; a Problem 402 with what to pay, 400, 431 or 503."""
        await self._initialize()
        header = request.headers.get(PAYMENT_HEADER, "")
        presented = _presented(header) if header else None
        if presented and (sale := await self._paid_before(request, presented)):
            return _given(answer, {RECEIPT_HEADER: _receipt(sale)})
        verified = await self._http.process_http_request(_context(request, header))
        if verified.response is not None:
            raise _unpaid(verified.response.headers)
        return _given(answer, await self._settle(request, verified))

    async def _settle(self, request: Request, verified: HTTPProcessResult) -> Mapping[str, str]:
        """Settle a payment that was found good, once; return the headers of its receipt."""
        payload, requirements = verified.payment_payload, verified.payment_requirements
        payment = self._payment(payload, request.url.path) if isinstance(payload, PaymentPayload) else None
        if payment is None or payload is None or requirements is None:
            message = f"{request.url.path} was paid without a payment"
            raise RuntimeError(message)
        try:
            await run_in_threadpool(self._sales.start, payment)
        except AlreadyUsedError as error:
            raise await self._demand(request, "payment_already_used") from error
        settled = await self._http.process_settlement(
            payload, requirements, context=_context(request), declared_extensions=verified.declared_extensions
        )
        if not settled.success:
            reason = settled.error_reason or "unexpected_error"
            if reason in {UNKNOWN, PENDING}:
                # The sale stays begun: the payment may be on its way.
                raise _unknown(settled.headers)
            await run_in_threadpool(self._sales.fail, payment, reason)
            raise await self._demand(request, reason, settled.headers)
        try:
            await run_in_threadpool(self._sales.settle, payment, settled.transaction or "")
        except Exception:
            # It is paid, so it is given; the log keeps what the receipt would say.
            fields = {"sale": payment.sale_id, "transaction": settled.transaction}
            logger.critical("a receipt could not be noted", exc_info=True, extra={"fields": fields})
        return settled.headers

    def _priced(self, offer: PricedOffer, resource: str) -> RouteConfig:
        extra = {"name": self._terms.asset_name, "version": self._terms.asset_version}
        price = AssetAmount(amount=str(offer.price), asset=self._terms.asset, extra=extra)
        return RouteConfig(
            accepts=PaymentOption(
                scheme="exact",
                pay_to=self._terms.pay_to,
                price=price,
                network=self._terms.network,
                max_timeout_seconds=PAYMENT_SECONDS_MAX,
            ),
            resource=resource,
            description=offer.description,
            mime_type="application/json",
            extensions={PAYMENT_IDENTIFIER: declare_payment_identifier_extension()},
        )

    def _payment(self, payload: PaymentPayload, path: str) -> Payment | None:
        """Return the payment for what is sold at a path; None for one that no scheme here has made."""
        signed: Any = payload.payload.get("authorization")
        offer = self._offers.get(path)
        if offer is None or not isinstance(signed, dict):
            return None
        fields: dict[str, Any] = signed  # pyright: ignore[reportUnknownVariableType]
        payer, nonce = fields.get("from"), fields.get("nonce")
        if not isinstance(payer, str) or not isinstance(nonce, str):
            return None
        return Payment(
            offer=offer.name,
            resource=path,
            amount=payload.accepted.amount,
            asset=payload.accepted.asset,
            network=payload.accepted.network,
            payer=payer,
            nonce=nonce,
            identifier=extract_payment_identifier(payload) or "",
        )

    async def _initialize(self) -> None:
        if self._is_initialized:
            return
        try:
            await run_in_threadpool(self.check_ready)
        except (httpx.HTTPError, ValueError) as error:
            logger.warning("the facilitator does not answer", exc_info=True)
            raise _unavailable() from error

    async def _paid_before(self, request: Request, payload: PaymentPayload) -> Sale | None:
        """Return the sale when the request presents once more what has already paid for it."""
        payment = self._payment(payload, request.url.path)
        if payment is None or not payment.identifier:
            return None
        sale = await run_in_threadpool(self._sales.find, payment)
        return sale if sale.answers(payment, datetime.now(UTC)) else None

    async def _demand(
        self, request: Request, error: str, headers: Mapping[str, str] | None = None
    ) -> Problem:
        """Return the Problem 402 that says what is wrong with a payment, and asks for another one."""
        asked = await self._http.process_http_request(_context(request))
        demanded = asked.response.headers if asked.response else {}
        return _payment_problem(error, {**demanded, **(headers or {})})


def _presented(header: str) -> PaymentPayload:
    """Return what a header holds; a Problem 400 or 431 for anything but a payment of version 2."""
    if len(header) > HEADER_CHARACTERS_MAX:
        detail = f"{PAYMENT_HEADER} has more than {HEADER_CHARACTERS_MAX} characters"
        raise Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
    try:
        return PaymentPayload.model_validate_json(base64.b64decode(header, validate=True))
    except ValueError as error:
        detail = (
            f"{PAYMENT_HEADER} is not a payment: it is a PaymentPayload of x402, version 2, as JSON in base64"
        )
        raise Problem(HTTPStatus.BAD_REQUEST, detail, kind="malformed-payment") from error


def _context(request: Request, header: str = "") -> HTTPRequestContext:
    return HTTPRequestContext(
        adapter=RequestAdapter(request),
        path=request.url.path,
        method=request.method,
        payment_header=header or None,
    )


def _given(answer: Response, headers: Mapping[str, str]) -> Response:
    answer.headers.update(headers)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _receipt(sale: Sale) -> str:
    started = sale.started
    return encode_payment_response_header(
        SettleResponse(
            success=True,
            transaction=sale.transaction,
            network=started.network if started else "",
            payer=started.payer if started else None,
        )
    )


def _unpaid(headers: Mapping[str, str]) -> Problem:
    error = decode_payment_required_header(headers[REQUIRED_HEADER]).error or ""
    if error == UNAVAILABLE:
        return _unavailable()
    return _payment_problem("" if error == UNPAID else error, headers)


def _payment_problem(error: str, headers: Mapping[str, str]) -> Problem:
    detail = f"pay as the header {REQUIRED_HEADER} says, in the header {PAYMENT_HEADER} (x402, version 2)"
    told = {name: text for name, text in headers.items() if name.upper() in {REQUIRED_HEADER, RECEIPT_HEADER}}
    return Problem(
        HTTPStatus.PAYMENT_REQUIRED,
        f"{detail}: {error}" if error else detail,
        kind="payment-required",
        headers={**told, "Cache-Control": "no-store"},
    )


def _unavailable() -> Problem:
    detail = "payments cannot be checked at the moment; nothing was paid"
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="payments-unavailable", headers=headers)


def _unknown(headers: Mapping[str, str]) -> Problem:
    detail = (
        "nobody knows yet whether the payment went through: present the same payment again, with its payment "
        "identifier, after a minute; do not sign another one before"
    )
    told = {name: text for name, text in headers.items() if name.upper() == RECEIPT_HEADER}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="settlement-unknown", headers=told)
