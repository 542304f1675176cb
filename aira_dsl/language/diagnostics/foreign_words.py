"""What an unknown word of the text means, if it is one of another tool (`foreign_vocabulary`).

A word becomes a quick fix only if ours means the same with the same value. What the language does
not have is named as such, instead of a suggestion that means something else.
"""

import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING

from aira_dsl.language.diagnostics.collector import Hint
from aira_dsl.language.diagnostics.foreign_vocabulary import (
    ABSENT,
    OTHER_ACTIVATIONS,
    SAME,
    TOLD,
)
from aira_dsl.language.diagnostics.suggest import did_you_mean, nearest, suggestion

if TYPE_CHECKING:
    from aira_dsl.primitives import Primitive


def advice(
    word: str, place: str, known: Iterable[str], what: str, *, taken: Collection[str] = ()
) -> Hint:
    """Return the help for an unknown word.

    Args:
        word: as the user wrote it.
        place: `section`, `setting`, `kind`, `value`, or the kind of the block of a parameter.
        known: the words that are right at this place.
        what: what to call them in a list.
        taken: words of `known` that are given already, which a fix must not give again.
    """
    known = list(known)
    spelled = _spelled(word)
    same = _same(spelled, place, known)
    if same is None:
        told = _told(spelled, place, known)
        if told is not None:
            return Hint(told)
    hint = did_you_mean(same) if same else suggestion(word, known, what)
    if hint.fix in taken:
        return Hint(f"`{hint.fix}` is given already: delete one of them")
    return hint


def meant(word: str, place: str, known: Iterable[str]) -> str | None:
    """Return the known word that an unknown one most likely stands for, or None."""
    known = list(known)
    spelled = _spelled(word)
    same = _same(spelled, place, known)
    if same or _told(spelled, place, known):
        return same
    return nearest(word, known)


def _spelled(word: str) -> str:
    """Write `hiddenSize` and `HIDDEN_SIZE` as `hidden_size`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower().strip("_")


def _same(word: str, place: str, known: list[str]) -> str | None:
    for ours, theirs in SAME.get(place, {}).items():
        if ours in known and word in theirs.split():
            return ours
    if place == "kind":
        for kind, names in ABSENT.values():
            if kind in known and word in names.split():
                return kind
    return word if word in known else None


def _told(word: str, place: str, known: list[str]) -> str | None:
    for words, text in TOLD.get(place, {}).items():
        if word in words.split():
            return text
    listed = ", ".join(known)
    if place == "kind":
        for name, (_, names) in ABSENT.items():
            if word in names.split():
                return f"{name} is not in the language; kinds: {listed}"
    if place == "value" and word in OTHER_ACTIVATIONS.split():
        return f"`{word}` is not in the language; known: {listed}"
    if place == "setting" and (owner := _owner(word)) is not None:
        return f"this is a parameter of a block: `block NAME = {owner} {{ … }}`"
    return None


def _owner(word: str) -> str | None:
    """Return the first kind that has a parameter of this name, ours or that of another tool."""
    from aira_dsl.primitives.registry import KINDS

    return next((kind for kind, spec in KINDS.items() if word in _parameters(kind, spec)), None)


@cache
def _parameters(kind: str, spec: "type[Primitive]") -> frozenset[str]:
    """Return all words for the parameters of a kind, ours and those of other tools."""
    theirs = " ".join(SAME.get(kind, {}).values()).split()
    return frozenset({*spec.model_fields, *theirs} - {"kind"})
