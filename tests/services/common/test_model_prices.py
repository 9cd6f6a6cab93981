"""What models cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_common.model_prices import NANO, Tokens, model_price

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "input_usd", "output_usd"),
    [
        ("global.anthropic.claude-sonnet-4-6", 3, 15),
        ("us.anthropic.claude-sonnet-4-6", 3.3, 16.5),
        ("jp.anthropic.claude-haiku-4-5-20251001-v1:0", 1.1, 5.5),
        ("anthropic.claude-sonnet-4-6", 3.3, 16.5),
        ("global.amazon.nova-2-lite-v1:0", 0.3, 2.5),
        ("amazon.nova-micro-v1:0", 0.035, 0.14),
    ],
)
def test_the_list(model: str, input_usd: float, output_usd: float) -> None:
    price = model_price(model)
    assert price.is_listed
    assert price.cost(Tokens(input=MILLION)) == round(input_usd * NANO)
    assert price.cost(Tokens(output=MILLION)) == round(output_usd * NANO)


def test_the_cache_has_prices_of_its_own() -> None:
    price = model_price("global.anthropic.claude-sonnet-4-6")
    assert price.cost(Tokens(cache_read=MILLION)) == 0.3 * NANO
    assert price.cost(Tokens(cache_write=MILLION)) == 3.75 * NANO


def test_a_model_that_is_not_listed_costs_as_much_as_the_dearest() -> None:
    unknown = model_price("global.somebody.new-model")
    assert not unknown.is_listed
    assert unknown.output == model_price("us.anthropic.claude-opus-4-7").output


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5))
def test_a_cost_is_never_above_the_most(plain: int, read: int, written: int, output: int) -> None:
    price = model_price("jp.anthropic.claude-sonnet-4-6")
    spent = Tokens(input=plain, cache_read=read, cache_write=written, output=output)
    most = price.cost_max(input_tokens=plain + read + written, output_tokens=output)
    assert 0 <= price.cost(spent) <= most
    assert price.cost(spent + Tokens(output=1)) >= price.cost(spent)


def test_a_fraction_is_rounded_up() -> None:
    price = model_price("us.amazon.nova-micro-v1:0")
    assert price.input == Decimal(35)
    assert model_price("jp.anthropic.claude-sonnet-4-6").cost(Tokens(cache_read=1)) == 330
