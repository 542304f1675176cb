"""What calls cost."""

import pytest

from aira_dsl.agents.models.base import Message, Request, Usage
from aira_dsl.agents.prices import Caps, Price, Prices, load_prices, most_tokens
from aira_dsl.errors import InputError, UsageError

PRICES = Prices(
    date="2026-01-01", cache_write=1.25, cache_read=0.1,
    models={"one": Price(input=2.0, output=10.0)},
)  # fmt: skip


def test_every_kind_of_token_has_its_price():
    usage = Usage(input=1_000_000, cache_write=1_000_000, cache_read=1_000_000, output=100_000)
    assert PRICES.usd("one", usage) == pytest.approx(2.0 + 2.5 + 0.2 + 1.0)
    assert PRICES.usd("other", usage) is None


def test_a_dated_name_has_its_models_price():
    assert PRICES.price("one-20260901") == PRICES.price("one")
    assert PRICES.price("one-mini") is None


def test_the_table_that_ships_has_the_default_model():
    from aira_dsl.agents.models.anthropic import DEFAULT_MODEL

    assert load_prices().price(DEFAULT_MODEL) is not None


def test_the_exceeded_cap_is_named():
    assert Caps(usd=1.0).exceeded(0.99, 10) == ""
    assert Caps(usd=1.0).exceeded(1.01, 10) == "--max-usd 1"
    assert Caps(usd=1.0).exceeded(None, 10) == "--max-usd 1", "an unknown price is not zero"
    assert Caps(tokens=10).exceeded(None, 11) == "--max-tokens 10"
    assert Caps().exceeded(None, 10**9) == ""


def test_the_bound_is_above_the_tokens_of_any_text():
    """No tokenizer makes a token of less than two bytes of our prompts; most take three or four."""
    request = Request(system="abcd" * 100, messages=(Message("user", "×" * 50),))
    most = most_tokens(request, 77)
    assert most.cache_write >= 400 / 2 + 100 / 2
    assert most.output == 77


def test_invalid_tables_are_refused(tmp_path):
    with pytest.raises(UsageError, match="E0812"):
        load_prices(tmp_path / "none.toml")
    path = tmp_path / "prices.toml"
    path.write_text("date = 3", encoding="utf-8")
    with pytest.raises(InputError, match="E0813"):
        load_prices(path)
    path.write_text("not toml at all", encoding="utf-8")
    with pytest.raises(InputError, match="E0813"):
        load_prices(path)
