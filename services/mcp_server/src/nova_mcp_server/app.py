"""The API beside the tools: what was spent and is left, and approvals. People see their own alone."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Path, Query, Request
from nova_common.application import create_application
from nova_common.contracts.payments import Approval, Approvals, Payment, Spending
from nova_common.contracts.payments import Wallet as WalletShown
from nova_common.identity import AuthenticatedCaller, AuthenticatedRoute, TokenVerifier
from nova_common.openapi import problems
from nova_common.problems import Problem

from nova_mcp_server.domain import Attempt, PendingApproval, Terms, day_of
from nova_mcp_server.ledger import ChangedError, Ledger
from nova_mcp_server.payer import Payer
from nova_mcp_server.wallet import Wallet

TITLE = "Nova payments"

_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z"
CURSOR_PATTERN = rf"^{_TIME}#[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$"

type ApprovalId = Annotated[str, Path(alias="id", min_length=1, max_length=64)]

router = APIRouter(prefix="/api", route_class=AuthenticatedRoute)


@router.get("/spend")
def get_spending(
    request: Request,
    caller: AuthenticatedCaller,
    cursor: Annotated[str | None, Query(pattern=CURSOR_PATTERN)] = None,
) -> Spending:
    """Tell what is left of the day's budget, and the caller's payments, the latest first."""
    ledger: Ledger = request.app.state.ledger
    terms: Terms = request.app.state.terms
    wallet: Wallet = request.app.state.wallet
    payer: Payer = request.app.state.payer
    if cursor is None:
        payer.settle_overdue()
    day = ledger.day(day_of(datetime.now(UTC)))
    page = ledger.attempts(caller.user_id, cursor)
    address = wallet.address()
    return Spending(
        day=day.day,
        limit_per_day=terms.usd(terms.per_day),
        limit_per_payment=terms.usd(terms.per_payment),
        approval_above=terms.usd(terms.approval_above),
        spent=terms.usd(day.spent),
        reserved=terms.usd(day.committed - day.spent),
        left=terms.usd(max(0, terms.per_day - day.committed)),
        wallet=WalletShown(state="ready" if address else "not_set", address=address, network=terms.network),
        payments=[_payment(terms, attempt) for attempt in page.attempts],
        cursor=page.cursor,
    )


@router.get("/approvals")
def list_approvals(request: Request, caller: AuthenticatedCaller) -> Approvals:
    """List the caller's approvals of the last while, the latest first."""
    ledger: Ledger = request.app.state.ledger
    terms: Terms = request.app.state.terms
    return Approvals(items=[_approval(terms, approval) for approval in ledger.approvals(caller.user_id)])


@router.post("/approvals/{id}/approve", responses=problems(HTTPStatus.CONFLICT))
def approve(request: Request, caller: AuthenticatedCaller, approval_id: ApprovalId) -> Approval:
    """Allow one payment of exactly this, once, until the approval expires."""
    return _decide(request, caller.user_id, approval_id, "approved")


@router.post("/approvals/{id}/reject", responses=problems(HTTPStatus.CONFLICT))
def reject(request: Request, caller: AuthenticatedCaller, approval_id: ApprovalId) -> Approval:
    """Forbid a payment."""
    return _decide(request, caller.user_id, approval_id, "rejected")


def _decide(
    request: Request, user: str, approval_id: str, decision: Literal["approved", "rejected"]
) -> Approval:
    ledger: Ledger = request.app.state.ledger
    approval = ledger.approval(user, approval_id)
    if approval is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such approval")
    try:
        decided = ledger.decide(approval, decision, datetime.now(UTC))
    except ChangedError as error:
        detail = "the approval no longer waits: it was decided before, used, or has expired"
        raise Problem(HTTPStatus.CONFLICT, detail, kind="approval-decided") from error
    return _approval(request.app.state.terms, decided)


def _payment(terms: Terms, attempt: Attempt) -> Payment:
    return Payment(
        id=attempt.id,
        occurred_at=attempt.requested_at,
        tool=attempt.tool,
        resource=attempt.resource,
        description=attempt.description,
        amount=terms.usd(attempt.amount),
        asset=attempt.asset,
        network=attempt.network,
        payee=attempt.payee,
        status=attempt.status,
        reason=attempt.reason or None,
        transaction=attempt.transaction or None,
    )


def _approval(terms: Terms, approval: PendingApproval) -> Approval:
    return Approval(
        id=approval.id,
        tool=approval.tool,
        resource=approval.resource,
        description=approval.description,
        amount=terms.usd(approval.amount),
        payee=approval.payee,
        network=approval.network,
        requested_at=approval.requested_at,
        expires_at=approval.expires_at,
        state=approval.state(datetime.now(UTC)),
    )


def create_app(
    terms: Terms, ledger: Ledger, wallet: Wallet, payer: Payer, verifier: TokenVerifier
) -> FastAPI:
    """Assemble the API."""
    app = create_application(TITLE, checks={"ledger": ledger.check_ready}, verifier=verifier)
    app.state.terms = terms
    app.state.ledger = ledger
    app.state.wallet = wallet
    app.state.payer = payer
    app.include_router(router)
    return app
