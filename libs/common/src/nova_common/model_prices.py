"""What a model's tokens cost: the dated table beside this module, and sums by it.

Sums are whole nano-USD (a token of three dollars a million is 3,000), so that adding them up loses nothing.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

NANO = 1_000_000_000
"""Nano-USD of a USD."""

_NANO_PER_MILLIONTH = 1000
"""Nano-USD a token, of a price of 1 USD per 1,000,000 tokens."""

_GLOBAL = "global"
_SCOPES = frozenset({_GLOBAL, "us", "us-gov", "eu", "apac", "jp", "au", "ca"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of one or several calls. Those read from and written to the cache are not in `input`."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
        )


class _Listed(BaseModel):
    """A model in the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(gt=0)
    output: Decimal = Field(gt=0)
    cache_read: Decimal | None = Field(default=None, gt=0)
    cache_write: Decimal | None = Field(default=None, gt=0)
    geographic_percent: int = Field(ge=0, le=100)
    source: str = Field(min_length=1)
    verified: bool = True


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    check: str
    models: dict[str, _Listed] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """What a model costs, in nano-USD a token."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    is_listed: bool = True
    """Whether the table knows the model; the dearest one's price stands for one that it doesn't."""

    def cost(self, tokens: Tokens) -> int:
        """Return what tokens cost in nano-USD, rounded up."""
        total = (
            self.input * tokens.input
            + self.output * tokens.output
            + self.cache_read * tokens.cache_read
            + self.cache_write * tokens.cache_write
        )
        return int(total.to_integral_value(ROUND_CEILING))

    def cost_max(self, *, input_tokens: int, output_tokens: int) -> int:
        """Return the most that so many tokens can cost in nano-USD: all input may be written to the cache."""
        dearest = max(self.input, self.cache_read, self.cache_write)
        total = dearest * input_tokens + self.output * output_tokens
        return int(total.to_integral_value(ROUND_CEILING))


def model_price(model_id: str) -> ModelPrice:
    """Return the price of a model or of an inference profile by its id (not by the ARN of a profile)."""
    table = _table()
    scope, _, rest = model_id.partition(".")
    name = rest if scope in _SCOPES else model_id
    listed = max((known for known in table.models if name.startswith(known)), key=len, default=None)
    if listed is None:
        dearest = max(table.models.values(), key=lambda model: model.output)
        return _price(dearest, is_global=False, is_listed=False)
    return _price(table.models[listed], is_global=scope == _GLOBAL, is_listed=True)


@cache
def _table() -> _Table:
    text = files("nova_common").joinpath("model_prices.toml").read_text(encoding="utf-8")
    return _Table.model_validate(tomllib.loads(text))


def _price(model: _Listed, *, is_global: bool, is_listed: bool) -> ModelPrice:
    percent = 100 if is_global else 100 + model.geographic_percent
    factor = Decimal(percent) * _NANO_PER_MILLIONTH / 100
    return ModelPrice(
        input=model.input * factor,
        output=model.output * factor,
        cache_read=(model.cache_read or model.input) * factor,
        cache_write=(model.cache_write or model.input) * factor,
        is_listed=is_listed,
    )
