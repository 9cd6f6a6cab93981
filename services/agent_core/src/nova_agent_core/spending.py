"""What one turn spends: counted as it goes, held to the behaviour's budget.

Bedrock tells the tokens of a call at its end. A call that never came to it is estimated by its length: what
was spent is spent, also where the answer was interrupted.
"""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, Self, cast, override

from nova_common.contracts.payments import PAID_USD
from nova_common.contracts.sessions import TurnEnded
from nova_common.contracts.usage import Usage
from nova_common.model_prices import NANO, ModelPrice, Tokens
from strands.hooks import (
    AfterModelCallEvent,
    AfterToolCallEvent,
    BeforeModelCallEvent,
    BeforeToolCallEvent,
    HookProvider,
    HookRegistry,
)

from nova_agent_core.behaviour import Behaviour

BYTES_PER_TOKEN_LEAST = 2
"""Fewest bytes of UTF-8 that a token stands for over a whole request. English has about 4, Japanese about 3
(a character): no request has more tokens than half of its bytes."""

BYTES_PER_TOKEN_USUAL = 3
"""For estimates of what was spent."""

TOOLS_USED_UP = (
    "the tools of this message are used up: answer from what you have, and say what you could not look up"
)


PAYMENT_USD_MAX = 100
"""Beyond it the amount is a mistake; the payer's own limit is far below."""

logger = logging.getLogger(__name__)


class TurnBudgetError(Exception):
    """The next call of the model might use more than a message may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a turn came to."""

    tokens: Tokens = field(default_factory=Tokens)
    tool_calls: int = 0
    payments_nanousd: int = 0
    cost_nanousd: int = 0
    is_estimated: bool = False

    @classmethod
    def of(cls, end: TurnEnded) -> Self:
        """Return what an event recorded."""
        return cls(
            tokens=Tokens(
                input=end.input_tokens,
                output=end.output_tokens,
                cache_read=end.cache_read_tokens,
                cache_write=end.cache_write_tokens,
            ),
            tool_calls=end.tool_calls,
            payments_nanousd=end.payments_nanousd,
            cost_nanousd=end.cost_nanousd,
            is_estimated=end.is_estimated,
        )

    @property
    def usage(self) -> Usage:
        """The same as callers are told."""
        return Usage(
            input_tokens=self.tokens.input,
            output_tokens=self.tokens.output,
            cache_read_tokens=self.tokens.cache_read,
            cache_write_tokens=self.tokens.cache_write,
            tool_calls=self.tool_calls,
            payments_usd=self.payments_nanousd / NANO,
            cost_usd=self.cost_nanousd / NANO,
            is_estimated=self.is_estimated,
        )

    def recorded(self) -> dict[str, Any]:
        """Return the same as events record it."""
        return {
            "input_tokens": self.tokens.input,
            "output_tokens": self.tokens.output,
            "cache_read_tokens": self.tokens.cache_read,
            "cache_write_tokens": self.tokens.cache_write,
            "tool_calls": self.tool_calls,
            "payments_nanousd": self.payments_nanousd,
            "cost_nanousd": self.cost_nanousd,
            "is_estimated": self.is_estimated,
        }


def reservation_nanousd(behaviour: Behaviour, price: ModelPrice) -> int:
    """Return what a turn costs at most, payments apart."""
    budget = behaviour.budget
    return price.cost_max(input_tokens=budget.input_tokens_max, output_tokens=budget.output_tokens_max)


class Meter(HookProvider):
    """Counts what one turn spends, and stops it before it spends more than it may."""

    def __init__(self, behaviour: Behaviour, price: ModelPrice) -> None:
        self._behaviour = behaviour
        self._price = price
        self._tokens = Tokens()
        self._tool_calls = 0
        self._payments_nanousd = 0
        self._open_call_bytes: int | None = None
        self._open_answer_bytes = 0
        self._has_answer_begun = False

    @property
    def spending(self) -> Spending:
        """What was spent so far; a call that is under way is estimated."""
        tokens, is_estimated = self._tokens, self._open_call_bytes is not None
        if self._open_call_bytes is not None:
            tokens += Tokens(
                input=math.ceil(self._open_call_bytes / BYTES_PER_TOKEN_USUAL),
                output=math.ceil(self._open_answer_bytes / BYTES_PER_TOKEN_USUAL),
            )
        return Spending(
            tokens=tokens,
            tool_calls=self._tool_calls,
            payments_nanousd=self._payments_nanousd,
            cost_nanousd=self._price.cost(tokens) + self._payments_nanousd,
            is_estimated=is_estimated,
        )

    @override
    def register_hooks(self, registry: HookRegistry, **kwargs: Any) -> None:
        """See `HookProvider.register_hooks`."""
        del kwargs
        registry.add_callback(BeforeModelCallEvent, self._before_model)
        registry.add_callback(AfterModelCallEvent, self._after_model)
        registry.add_callback(BeforeToolCallEvent, self._before_tool)
        registry.add_callback(AfterToolCallEvent, self._after_tool)

    def note_chunk(self, chunk: Mapping[str, Any]) -> None:
        """Count one event of the model's stream."""
        if "messageStart" in chunk:
            self._has_answer_begun = True
        elif "contentBlockDelta" in chunk:
            delta = chunk["contentBlockDelta"]["delta"]
            said = delta.get("text") or delta.get("toolUse", {}).get("input", "")
            self._open_answer_bytes += len(said.encode())
        elif "metadata" in chunk and "usage" in chunk["metadata"]:
            self._tokens += _tokens(chunk["metadata"]["usage"])
            self._open_call_bytes = None

    def _before_model(self, event: BeforeModelCallEvent) -> None:
        agent = event.agent
        request = [agent.messages, agent.system_prompt, agent.tool_registry.get_all_tool_specs()]
        size, budget = _size(request), self._behaviour.budget
        spent = self._tokens
        most = spent.input + spent.cache_read + spent.cache_write + math.ceil(size / BYTES_PER_TOKEN_LEAST)
        if most > budget.input_tokens_max:
            message = f"the next call may bring the turn above {budget.input_tokens_max} tokens of input"
            raise TurnBudgetError(message)
        if spent.output + self._behaviour.model.tokens_max > budget.output_tokens_max:
            message = f"the next call may bring the turn above {budget.output_tokens_max} tokens of output"
            raise TurnBudgetError(message)
        self._open_call_bytes = size
        self._open_answer_bytes = 0
        self._has_answer_begun = False

    def _after_model(self, event: AfterModelCallEvent) -> None:
        # A call that was refused, or failed before its first token, is not charged.
        if event.exception is not None and not self._has_answer_begun:
            self._open_call_bytes = None

    def _before_tool(self, event: BeforeToolCallEvent) -> None:
        if self._tool_calls >= self._behaviour.budget.tool_calls_max:
            event.cancel_tool = TOOLS_USED_UP
            return
        self._tool_calls += 1

    def _after_tool(self, event: AfterToolCallEvent) -> None:
        told: dict[str, object] = cast("dict[str, Any]", event.result).get("metadata") or {}
        if PAID_USD in told:
            self._payments_nanousd += _payment(told[PAID_USD])


def _payment(told: object) -> int:
    """Return what a tool says it paid, in nano-USD; nothing for what is no sensible amount."""
    try:
        usd = Decimal(str(told))
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or not 0 <= usd <= PAYMENT_USD_MAX:
        logger.error("a tool tells a payment that is no sensible amount")
        return 0
    return int((usd * NANO).to_integral_value(ROUND_CEILING))


def _size(document: object) -> int:
    """Return the bytes of a document as JSON, about as many as a model reads."""
    return len(json.dumps(document, ensure_ascii=False, default=str).encode())


def _tokens(usage: Mapping[str, int]) -> Tokens:
    return Tokens(
        input=usage.get("inputTokens", 0),
        output=usage.get("outputTokens", 0),
        cache_read=usage.get("cacheReadInputTokens", 0),
        cache_write=usage.get("cacheWriteInputTokens", 0),
    )
