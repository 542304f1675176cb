"""The grammar of an answer, for constrained decoding.

A decoder with this grammar offers the model, token by token, only continuations that can become a
correct answer: a JSON object with one plain sentence and the layers of an arrangement.

The layers are a subset of the notation of grammar/arch.lark. There a pattern is
`_sequence: repeat | _sequence _separator repeat`, and a `repeat` may have a count or be a group.
Here each `repeat` is one NAME of the space and each `_separator` a dash, one layer per slot.
Counts and groups are left out because a context-free grammar cannot add: it cannot tell that
`3×(A-M)` has six layers. Every arrangement has exactly one text of this form. Names and dash are
checked against the terminals of arch.lark.

The grammar is written in the subset of Lark's notation that Lark, hypothesis and llguidance share.
Constraints of a space (`A<=4`) are not part of it; an answer that breaks one is rejected.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

HYPOTHESIS = 160
"""Largest number of characters of a hypothesis."""

DASH = "-"
OPENING, MIDDLE, CLOSING = '{"hypothesis": "', '", "architecture": "', '"}'

# Only characters that JSON does not escape.
_SENTENCE = rf"/[A-Z][A-Za-z0-9 ,.:;()%+-]{{0,{HYPOTHESIS - 1}}}/"


def answer_grammar(names: Sequence[str], slots: int) -> str:
    r"""Return the grammar of all answers that propose an arrangement, in Lark's notation.

    Args:
        names: the blocks of the space, at least one.
        slots: number of layers, at least 1.

    Raises:
        ValueError: a name is not a NAME of grammar/arch.lark, there are no names, or `slots` < 1.

    >>> print(answer_grammar(["A", "Mb"], 3))
    start: OPENING HYPOTHESIS MIDDLE layers CLOSING
    layers: BLOCK DASH BLOCK DASH BLOCK
    BLOCK: "A" | "Mb"
    DASH: "-"
    OPENING: "{\"hypothesis\": \""
    HYPOTHESIS: /[A-Z][A-Za-z0-9 ,.:;()%+-]{0,159}/
    MIDDLE: "\", \"architecture\": \""
    CLOSING: "\"}"
    <BLANKLINE>
    """
    wrong = [name for name in names if not re.fullmatch(terminal("NAME"), name)]
    if wrong or not names or slots < 1:
        raise ValueError(f"no arrangement of {slots} layers of {list(names)} can be written")
    assert re.fullmatch(terminal("_DASH"), DASH)
    rules = {
        "start": "OPENING HYPOTHESIS MIDDLE layers CLOSING",
        "layers": " DASH ".join(["BLOCK"] * slots),
        "BLOCK": " | ".join(map(_quoted, names)),
        "DASH": _quoted(DASH),
        "OPENING": _quoted(OPENING),
        "HYPOTHESIS": _SENTENCE,
        "MIDDLE": _quoted(MIDDLE),
        "CLOSING": _quoted(CLOSING),
    }
    return "".join(f"{name}: {body}\n" for name, body in rules.items())


def longest_answer(names: Sequence[str], slots: int) -> int:
    """Return the number of characters of the longest answer: an upper bound of its tokens."""
    frame = len(OPENING) + HYPOTHESIS + len(MIDDLE) + len(CLOSING)
    return frame + slots * max(map(len, names)) + (slots - 1) * len(DASH)


@cache
def terminal(name: str) -> str:
    """Return the regular expression of a terminal of grammar/arch.lark."""
    text = files("aira_dsl.grammar").joinpath("arch.lark").read_text(encoding="utf-8")
    found = re.search(rf"^{name}: /(.*)/$", text, flags=re.MULTILINE)
    assert found is not None
    return found[1]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', r"\"") + '"'
