"""The outcome of an answer: a proposal that can be evaluated, or a rejection with its reason.

An answer is a JSON object with a hypothesis and a candidate. Models put it in code fences and
prose, so it is searched for. Nothing in an answer is executed.
"""

import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aira_dsl.agents.text import clean

T = TypeVar("T")

MAX_ANSWER = 20_000
"""Characters; a longer answer is rejected, and cut where it is stored."""

MAX_HYPOTHESIS = 600
_TRIES = 20  # opening braces at which an object may begin


@dataclass(frozen=True)
class Proposal(Generic[T]):
    """A candidate that can be evaluated.

    Attributes:
        candidate: what to evaluate.
        hypothesis: why the model expects a good score.
    """

    candidate: T
    hypothesis: str


@dataclass(frozen=True)
class Rejection:
    """An answer that cannot be used.

    Attributes:
        code: of the first diagnostic, such as `E0201`, or one word: `invalid`, `space`,
            `duplicate`, `length`, `refusal`.
        text: the reason, as the model gets to read it.
        hypothesis: its hypothesis, if that could be read.
    """

    code: str
    text: str
    hypothesis: str = ""


def read_answer(text: str, key: str) -> tuple[str, Any] | Rejection:
    """Return the hypothesis of an answer, and the value of `key`.

    Args:
        text: what the model wrote.
        key: name of the candidate in the JSON object.
    """
    if len(text) > MAX_ANSWER:
        return Rejection("invalid", f"the answer has {len(text):,} characters; be brief")
    # Read what is stored: a killed search reads it again from the study.
    found = _first_object(clean(text, MAX_ANSWER), key)
    if found is None:
        form = json.dumps({"hypothesis": "…", key: "…"}, ensure_ascii=False)
        return Rejection("invalid", f"the answer is not a JSON object of the form {form}")
    hypothesis = found.get("hypothesis")
    return clean(hypothesis, MAX_HYPOTHESIS) if isinstance(hypothesis, str) else "", found[key]


def _first_object(text: str, key: str) -> dict[str, Any] | None:
    """Return the first JSON object in a text that has the key."""
    decoder, at = json.JSONDecoder(), -1
    for _ in range(_TRIES):
        if (at := text.find("{", at + 1)) < 0:
            return None
        try:
            found, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and key in found:
            return found
    return None
