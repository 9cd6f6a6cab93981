"""The quota of each user: held back before a turn, settled after it, recovered when a task died."""

import datetime
import logging
from collections.abc import Callable
from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError
from nova_common.contracts.usage import QuotaState, UsageReport
from nova_common.metrics import Metric, counting
from nova_common.model_prices import NANO
from nova_common.problems import Problem

from nova_agent_core.failures import LEDGER_AWAY, RETRY_SECONDS
from nova_agent_core.ledger import (
    WARNING_PERCENT,
    Month,
    QuotaExceededError,
    Reservation,
    UsageLedger,
    month_after,
    month_of,
)
from nova_agent_core.sessions import Sessions
from nova_agent_core.spending import Spending

RECOVERIES_MAX = 8
"""Expired reservations that one turn looks after: each is a read of a session and a write."""

MARGIN_SECONDS = 120
"""Longer than clocks differ and the end of a turn takes to be noted."""

logger = logging.getLogger(__name__)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Quotas:
    """Reserves and settles what turns cost. Every method blocks."""

    def __init__(
        self,
        ledger: UsageLedger,
        sessions: Sessions,
        *,
        quota_nanousd: int,
        reservation_nanousd: int,
        turn_seconds_max: float,
        now: Callable[[], datetime.datetime] = _now,
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._quota = quota_nanousd
        self._amount = reservation_nanousd
        self._life = datetime.timedelta(seconds=turn_seconds_max + MARGIN_SECONDS)
        self._now = now

    def reserve(self, user: str, session: str, turn: str) -> Reservation:
        """Hold back what a turn may cost; a Problem 429 when the quota is used up, 503 without the ledger."""
        now = self._now()
        reservation = Reservation(
            user=user,
            turn=turn,
            session=session,
            nanousd=self._amount,
            begun=now,
            until=now + self._life,
        )
        try:
            month = self._reserve(reservation)
        except QuotaExceededError as error:
            raise self._refusal(error.month) from error
        except (ClientError, BotoCoreError) as error:
            logger.exception("the usage ledger does not answer")
            raise LEDGER_AWAY.problem() from error
        self._recover(month)
        return reservation

    def settle(self, reservation: Reservation, spending: Spending, *, is_failed: bool) -> QuotaState | None:
        """Book what a turn spent; return how the quota stands once much of it is used.

        Never raises: what cannot be booked now is found by a later turn of the user, whose event tells it.
        """
        try:
            month = self._ledger.settle(reservation, spending, is_failed=is_failed)
        except (ClientError, BotoCoreError):
            logger.exception("a turn could not be booked", extra={"fields": {"turn": reservation.turn}})
            return None
        if self._quota and month.spent * 100 >= self._quota * WARNING_PERCENT:
            logger.info("much of a quota is used", extra=counting(Metric.QUOTA_WARNING))
            return month.quota_state(self._quota)
        return None

    def release(self, reservation: Reservation) -> None:
        """Give back what was held for a turn that did not begin; never raises."""
        try:
            self._ledger.release(reservation)
        except (ClientError, BotoCoreError):
            logger.exception("a reservation could not be given back and ends by itself")

    def report(self, user: str, month: str | None) -> UsageReport:
        """Return a user's month, the current one unless told otherwise; a Problem 503."""
        try:
            found = self._ledger.month(user, month or month_of(self._now()))
            return self._recover(found).report(self._quota)
        except (ClientError, BotoCoreError) as error:
            logger.exception("the usage ledger does not answer")
            raise LEDGER_AWAY.problem() from error

    def _reserve(self, reservation: Reservation) -> Month:
        try:
            return self._ledger.reserve(reservation, self._quota)
        except QuotaExceededError as error:
            if not error.month.expired(self._now()):
                raise
            # Turns that died hold back what others may have.
            self._recover(error.month)
            return self._ledger.reserve(reservation, self._quota)

    def _recover(self, month: Month) -> Month:
        """Settle reservations that outlived their turns by the turns' events; never raises."""
        for reservation in month.expired(self._now())[:RECOVERIES_MAX]:
            try:
                month = self._settle_expired(reservation)
            except (ClientError, BotoCoreError):
                logger.exception("an expired reservation could not be settled")
                break
        return month

    def _settle_expired(self, reservation: Reservation) -> Month:
        end = self._sessions.end_of(reservation.session, reservation.turn)
        logger.warning(
            "a reservation outlived its turn",
            extra={"fields": {"turn": reservation.turn, "is_noted": end is not None}},
        )
        if end is None:
            return self._ledger.release(reservation)
        spending, is_failed = end
        return self._ledger.settle(reservation, spending, is_failed=is_failed)

    def _refusal(self, month: Month) -> Problem:
        quota = f"{self._quota / NANO:.2f} USD"
        renewal = month_after(month.month)
        if month.spent < self._quota:
            detail = (
                f"what is left of this month's quota of {quota} is held back for messages that are being "
                "answered; try again when they are done"
            )
            return _exceeded(detail, RETRY_SECONDS)
        logger.info("a quota is used up", extra=counting(Metric.QUOTA_REFUSAL))
        detail = (
            f"this month's quota of {quota} is used up ({month.spent / NANO:.2f} USD spent); the next month "
            f"begins on {renewal.isoformat()} (UTC)"
        )
        begin = datetime.datetime.combine(renewal, datetime.time(), datetime.UTC)
        return _exceeded(detail, max(1, round((begin - self._now()).total_seconds())))


def _exceeded(detail: str, retry_seconds: int) -> Problem:
    headers = {"Retry-After": str(retry_seconds)}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, kind="quota-exceeded", headers=headers)
