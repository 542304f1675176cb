"""What calls cost."""

from importlib.metadata import version

import pytest

from aira_dsl.agents.models.base import Billing, Message, Request, Usage
from aira_dsl.agents.prices import Caps, Price, PriceTable, load_prices, most_tokens
from aira_dsl.errors import InputError, UsageError

PRICES = PriceTable(
    date="2026-01-01", cache_write=1.25, cache_read=0.1,
    models={"one": Price(input=2.0, output=10.0)},
)  # fmt: skip


def test_every_kind_of_token_has_its_price():
    usage = Usage(input=1_000_000, cache_write=1_000_000, cache_read=1_000_000, output=100_000)
    assert PRICES.usd(Billing("them", "one"), usage) == pytest.approx(2.0 + 2.5 + 0.2 + 1.0)
    assert PRICES.usd(Billing("them", "other"), usage) is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [("one", 2.0), ("one-20260901", 2.0), ("one-mini", None), ("two", 3.0), ("three", None)],
)
def test_a_model_is_found_by_its_name_its_dated_name_or_with_its_provider(model, expected):
    table = PRICES.model_copy(
        update={"models": PRICES.models | {"them:two": Price(input=3, output=3)}}
    )
    price = table.price(Billing("them", model))
    assert (price and price.input) == expected
    if model == "two":
        assert table.price(Billing("others", model)) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("anthropic", "claude-sonnet-5-5"), ("anthropic", "claude-opus-5-5-20260901"),
     ("openai-chat", "gpt-5"), ("google", "gemini-2.5-pro"), ("openrouter", "openai/gpt-5")],
)  # fmt: skip
def test_published_prices_are_known_for_models_of_several_providers(provider, model):
    prices = load_prices()
    usd = [
        prices.usd(Billing(provider, model), Usage(**{kind: 1000}))
        for kind in ("cache_read", "input", "output")
    ]
    assert 0 < usd[0] < usd[1] < usd[2]
    assert prices.source == f"genai-prices {version('genai-prices')}"


def test_every_kind_of_token_has_its_published_price():
    """The price that Anthropic published for this model: $2, $2.5, $0.1 and $10 per million."""
    usage = Usage(input=1000, cache_write=2000, cache_read=3000, output=4000)
    usd = load_prices().usd(Billing("anthropic", "claude-sonnet-5-5"), usage)
    assert usd == pytest.approx((1000 * 2 + 2000 * 2.5 + 3000 * 0.1 + 4000 * 10) / 1e6)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("anthropic", "claude-of-tomorrow"), ("no-provider", "gpt-5"), ("openai", "whisper-1"),
     ("openrouter", "deepseek/deepseek-r1-0528:free")],
)  # fmt: skip
def test_a_price_that_is_not_published_is_unknown(provider, model):
    assert load_prices().usd(Billing(provider, model), Usage(input=1, output=1)) is None


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
