"""Prices of calls, read from a dated table, and upper bounds of the cost of a call."""

import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aira_dsl.agents.models.base import Request, Usage
from aira_dsl.errors import InputError, UsageError

MILLION = 1_000_000
BYTES_PER_TOKEN = 2
"""Fewer than any tokenizer needs for our prompts, so that the result is an upper bound."""

OVERHEAD = 200  # tokens that a provider adds for roles, the schema and the like


class Price(BaseModel):
    """Price in US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Prices(BaseModel):
    """A price table.

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

    def usd(self, model: str, usage: Usage) -> float | None:
        """Return the cost of a call in US dollars; None if the price of the model is unknown."""
        if (price := self.price(model)) is None:
            return None
        read = usage.input + self.cache_write * usage.cache_write
        read += self.cache_read * usage.cache_read
        return (read * price.input + usage.output * price.output) / MILLION

    def price(self, model: str) -> Price | None:
        """Return the price of a model; `claude-x-20260901` has that of `claude-x`."""
        names = [name for name in self.models if model == name or model.startswith(f"{name}-20")]
        return self.models[max(names, key=len)] if names else None


def load_prices(path: str | Path | None = None) -> Prices:
    """Read a price table; None for the one that ships.

    Raises:
        UsageError: E0812, if the file cannot be read.
        InputError: E0813, if it is not a price table.
    """
    own = resources.files("aira_dsl.agents") / "prices.toml"
    try:
        text = own.read_text("utf-8") if path is None else Path(path).read_text("utf-8")
        return Prices.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "E0812", f"the prices in {path} cannot be read: {error}", help="check --prices"
        ) from None
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        reason = str(error).splitlines()
        raise InputError(
            "E0813",
            f"{path} is not a price table: {' '.join(reason[:3])}",
            help="see aira_dsl/agents/prices.toml for the form",
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
