"""`did you mean …`: the nearest known word, or the list of them."""

import re
from collections.abc import Iterable

from aira_dsl.language.diagnostics.collector import Hint

LISTED = 12
"""Known words listed at most when none is near."""

_DIGITS = re.compile(r"[0-9]")
_NEGATED = re.compile(r"(no|not|non|without|disable)_|un(?=tie|use|set|share)")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a typo most likely stands for, or None.

    A typo is a few edits for the length of the word, another letter case, or an abbreviation
    (`attn`) that keeps the first letter and the order of at least three. Other digits (`mamba1`),
    another part (`num_heads`, `kv_heads`) or a negation (`no_…`) are another meaning, not a typo.
    """
    return next(iter(_near(word, known)), None)


def suggestion(word: str, known: Iterable[str], what: str) -> Hint:
    """Write the help: the nearest known word, or else all of them after `what`."""
    words = list(known)
    near = _near(word, words)
    if len(near) == 1:
        return did_you_mean(near[0])
    if near:  # an edit would be a guess
        return Hint(f"did you mean one of {', '.join(f'`{each}`' for each in near)}?")
    more = ", …" if len(words) > LISTED else ""
    return Hint(f"{what}: {', '.join(words[:LISTED])}{more}")


def did_you_mean(word: str) -> Hint:
    """Suggest another word in the place of the one at hand."""
    return Hint(f"did you mean `{word}`?", word)


def _near(word: str, known: Iterable[str]) -> list[str]:
    """Return the known words that are nearest, all equally near."""
    lowered = word.lower()[:64]
    ranked = sorted(
        (distance, each) for each in known if (distance := _typo(lowered, each.lower())) is not None
    )
    return [each for distance, each in ranked if distance == ranked[0][0]]


def _typo(word: str, known: str) -> int | None:
    """Return how many edits lead from a typo to a known word, or None if it is not one.

    An abbreviation counts as one edit more than a typo may have: a typo is more likely.
    """
    parts, others = word.split("_"), known.split("_")
    limit = _limit(word)
    if _DIGITS.findall(word) != _DIGITS.findall(known) or _NEGATED.match(word):
        return None
    if len(parts) == len(others) > 1:
        pairs = zip(parts, others, strict=True)
        if any(_distance(a, b, _limit(a)) > _limit(a) for a, b in pairs):
            return None
    distance = _distance(word, known, limit)
    if distance > limit:
        return limit + 1 if _abbreviates(word, known) else None
    # A one-letter name is not a typo of another one-letter name.
    return distance if distance < max(len(word), len(known)) else None


def _limit(word: str) -> int:
    return max(1, len(word) // 3)


def _abbreviates(short: str, long: str) -> bool:
    letters = iter(long)
    return (
        3 <= len(short) < len(long)
        and short[0] == long[0]
        and all(letter in letters for letter in short)
    )


def _distance(left: str, right: str, limit: int) -> int:
    """Count edits: insert, delete, replace, swap neighbors (optimal string alignment)."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, previous = previous, row
    return previous[-1]
