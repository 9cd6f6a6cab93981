"""Contracts of usage: what a turn and a month consumed, and how that stands to the quota."""

import datetime
from typing import Self

from pydantic import Field

from nova_common.contracts.wire import Contract
from nova_common.model_prices import NANO

MONTH_PATTERN = "^2[0-9]{3}-(0[1-9]|1[0-2])$"
"""A month of the calendar in UTC, for example 2026-11."""


class Usage(Contract):
    """What a turn consumed, summed over its calls of the model.

    Tokens read from and written to the model's cache are not in `input_tokens`. `cost_usd` is what tokens and
    payments come to by the price table of the day; estimated where the model could not say (an answer that
    was interrupted).
    """

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)
    tool_calls: int = Field(default=0, ge=0)
    payments_usd: float = Field(default=0, ge=0)
    cost_usd: float = Field(default=0, ge=0)
    is_estimated: bool = False


class QuotaState(Contract):
    """How much of a month's quota is used: sent with an answer once that is a lot."""

    month: str = Field(pattern=MONTH_PATTERN)
    quota_usd: float = Field(gt=0)
    spent_usd: float = Field(ge=0)
    used_percent: float = Field(ge=0)

    @classmethod
    def of(cls, month: str, *, quota_nanousd: int, spent_nanousd: int) -> Self:
        """Return the state of amounts in nano-USD."""
        return cls(
            month=month,
            quota_usd=quota_nanousd / NANO,
            spent_usd=spent_nanousd / NANO,
            used_percent=round(100 * spent_nanousd / quota_nanousd, 1),
        )


class UsageOfDay(Contract):
    """What one user consumed on one day (UTC). `failed_turns` are among the `turns`."""

    date: datetime.date
    turns: int = Field(ge=0)
    failed_turns: int = Field(ge=0)
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_read_tokens: int = Field(ge=0)
    cache_write_tokens: int = Field(ge=0)
    tool_calls: int = Field(ge=0)
    payments_usd: float = Field(ge=0)
    cost_usd: float = Field(ge=0)


class UsageReport(Contract):
    """Answer of `GET /api/usage`: the caller's own month, and its days with turns, oldest first.

    `reserved_usd` is held back for turns that are being answered. Quota and percentage are null where there
    is no quota.
    """

    month: str = Field(pattern=MONTH_PATTERN)
    quota_usd: float | None
    spent_usd: float = Field(ge=0)
    reserved_usd: float = Field(ge=0)
    used_percent: float | None
    days: list[UsageOfDay]
