"""Prices of calls, and upper bounds of the cost of a call.

The prices are those of the installed package genai-prices, which collects what providers publish;
it is not updated over the network. A table of the user replaces it.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aira_dsl.agents.models.base import Billing, Request, Usage
from aira_dsl.errors import InputError, UsageError

MILLION = 1_000_000
BYTES_PER_TOKEN = 2
"""Fewer than any tokenizer needs for our prompts, so that the result is an upper bound."""

OVERHEAD = 200  # tokens that a provider adds for roles, the schema and the like


class Prices(Protocol):
    """Prices of calls."""

    @property
    def source(self) -> str:
        """Where the prices are from, and of when, in words."""

    def usd(self, billing: Billing, usage: Usage) -> float | None:
        """Return the cost of a call in US dollars; None if the price of the model is unknown."""


class PublishedPrices:
    """The prices of the installed version of genai-prices."""

    @property
    def source(self) -> str:
        """Name and version of the package."""
        return f"genai-prices {version('genai-prices')}"

    def usd(self, billing: Billing, usage: Usage) -> float | None:
        """Return the cost of a call now in US dollars; None if the price is unknown."""
        import genai_prices

        counts = genai_prices.Usage(
            input_tokens=usage.input + usage.cache_write + usage.cache_read,
            cache_write_tokens=usage.cache_write,
            cache_read_tokens=usage.cache_read,
            output_tokens=usage.output,
        )
        try:
            found = genai_prices.calc_price(counts, billing.model, provider_id=billing.provider)
        except LookupError:
            return None
        price = found.model_price
        # Some models are listed without a price: their cost is not known, it is not zero.
        if price.input_mtok is None or price.output_mtok is None:
            return None
        return float(found.total_price)


class Price(BaseModel):
    """Price in US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class PriceTable(BaseModel):
    """A price table of the user.

    Attributes:
        date: date of the prices.
        cache_write: price of a token that is written to the cache, as a multiple of `input`.
        cache_read: price of a token that is read from it, as a multiple of `input`.
        models: prices by model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    cache_write: float = Field(ge=0)
    cache_read: float = Field(ge=0)
    models: dict[str, Price]

    @property
    def source(self) -> str:
        """Date of the prices."""
        return f"--prices, {self.date}"

    def usd(self, billing: Billing, usage: Usage) -> float | None:
        """Return the cost of a call in US dollars; None if the price of the model is unknown."""
        if (price := self.price(billing)) is None:
            return None
        read = usage.input + self.cache_write * usage.cache_write
        read += self.cache_read * usage.cache_read
        return (read * price.input + usage.output * price.output) / MILLION

    def price(self, billing: Billing) -> Price | None:
        """Return the price of a model, named as in `claude-x` or `anthropic:claude-x`.

        `claude-x-20260901` has the price of `claude-x`; the longest name counts.
        """
        asked = (billing.model, f"{billing.provider}:{billing.model}")
        names = [
            name
            for name in self.models
            if any(model == name or model.startswith(f"{name}-20") for model in asked)
        ]
        return self.models[max(names, key=len)] if names else None


def load_prices(path: str | Path | None = None) -> Prices:
    """Read a price table; None for the prices of genai-prices.

    Raises:
        UsageError: E0812, if the file cannot be read.
        InputError: E0813, if it is not a price table.
    """
    if path is None:
        return PublishedPrices()
    try:
        return PriceTable.model_validate(tomllib.loads(Path(path).read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "E0812", f"the prices in {path} cannot be read: {error}", help="check --prices"
        ) from None
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        reason = str(error).splitlines()
        raise InputError(
            "E0813",
            f"{path} is not a price table: {' '.join(reason[:3])}",
            help="docs/agents.md shows the form",
        ) from None


def most_tokens(request: Request, max_output: int) -> Usage:
    """Return an upper bound of the tokens of a call."""
    texts = [request.system, request.context, *(message.text for message in request.messages)]
    size = sum(len(text.encode()) for text in texts)
    return Usage(cache_write=OVERHEAD + size // BYTES_PER_TOKEN, output=max_output)


@dataclass(frozen=True)
class Caps:
    """Upper bounds of the cost of all calls of a search; None: no bound.

    Attributes:
        usd: US dollars.
        tokens: tokens read and written.
    """

    usd: float | None = None
    tokens: int | None = None

    def exceeded(self, usd: float | None, tokens: int) -> str:
        """Return the cap that such a total would exceed; empty if none."""
        if self.tokens is not None and tokens > self.tokens:
            return f"--max-tokens {self.tokens:,}"
        if self.usd is not None and (usd is None or usd > self.usd):
            return f"--max-usd {self.usd:g}"
        return ""
