"""What calls cost: a dated table of prices, kept as data, and bounds on what a call can cost."""

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
"""Fewer than any text of ours takes: what is reckoned from it is an upper bound on tokens."""

OVERHEAD = 200  # tokens that a provider adds for roles, the schema and the like


class Price(BaseModel):
    """US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Prices(BaseModel):
    """A price table.

    Attributes:
        date: when it was right.
        cache_write: price of a token that is put into the cache, as a multiple of `input`.
        cache_read: price of a token that is found there, as a multiple of `input`.
        models: prices by model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    cache_write: float = Field(ge=0)
    cache_read: float = Field(ge=0)
    models: dict[str, Price]

    def usd(self, model: str, usage: Usage) -> float | None:
        """Return what a call cost; None if the model's price is not known."""
        if (price := self.price(model)) is None:
            return None
        read = usage.input + self.cache_write * usage.cache_write
        read += self.cache_read * usage.cache_read
        return (read * price.input + usage.output * price.output) / MILLION

    def price(self, model: str) -> Price | None:
        """Return a model's price; `claude-x-20260901` has that of `claude-x`."""
        names = [name for name in self.models if model == name or model.startswith(f"{name}-20")]
        return self.models[max(names, key=len)] if names else None


def load_prices(path: str | Path | None = None) -> Prices:
    """Read a price table; None for the one that ships.

    Raises:
        UsageError: E0812, if the file can not be read.
        InputError: E0813, if it is no price table.
    """
    own = resources.files("aira_dsl.agents") / "prices.toml"
    try:
        text = own.read_text("utf-8") if path is None else Path(path).read_text("utf-8")
        return Prices.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "E0812", f"the prices in {path} can not be read: {error}", help="check --prices"
        ) from None
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        reason = str(error).splitlines()
        raise InputError(
            "E0813",
            f"{path} is no price table: {' '.join(reason[:3])}",
            help="see aira_dsl/agents/prices.toml for the form",
        ) from None


def most_tokens(request: Request, max_output: int) -> Usage:
    """Return more tokens than a call can take."""
    texts = [request.system, request.context, *(message.text for message in request.messages)]
    size = sum(len(text.encode()) for text in texts)
    return Usage(cache_write=OVERHEAD + size // BYTES_PER_TOKEN, output=max_output)


@dataclass(frozen=True)
class Caps:
    """What the calls of a search may cost in all; None: no bound.

    Attributes:
        usd: US dollars.
        tokens: tokens read and written.
    """

    usd: float | None = None
    tokens: int | None = None

    def exceeded(self, usd: float | None, tokens: int) -> str:
        """Say which cap such a total would exceed; empty if none."""
        if self.tokens is not None and tokens > self.tokens:
            return f"--max-tokens {self.tokens:,}"
        if self.usd is not None and (usd is None or usd > self.usd):
            return f"--max-usd {self.usd:g}"
        return ""
