"""`did you mean …`: the nearest known word, or the list of them."""

from collections.abc import Iterable

from aira_dsl.language.diagnostics.collector import Hint

LISTED = 12
"""Known words listed at most when none is near."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a typo most likely stands for, or None.

    Near means few edits for its length, another letter case, or an abbreviation (`attn`) that
    keeps the first letter and the order of at least three.
    """
    lowered = word.lower()[:64]
    limit = max(1, len(lowered) // 3)
    ranked = []
    for each in known:
        candidate = each.lower()
        distance = _distance(lowered, candidate, limit)
        if distance > limit and _abbreviates(lowered, candidate):
            distance = limit
        # A one-letter name is no typo of another one-letter name.
        if distance <= limit and distance < max(len(lowered), len(candidate)):
            ranked.append((distance, each))
    return min(ranked)[1] if ranked else None


def suggestion(word: str, known: Iterable[str], what: str) -> Hint:
    """Write the help: the nearest known word, or else all of them after `what`."""
    words = list(known)
    best = nearest(word, words)
    if best is not None:
        return did_you_mean(best)
    more = ", …" if len(words) > LISTED else ""
    return Hint(f"{what}: {', '.join(words[:LISTED])}{more}")


def did_you_mean(word: str) -> Hint:
    """Suggest another word in the place of the one at hand."""
    return Hint(f"did you mean `{word}`?", word)


def _abbreviates(short: str, long: str) -> bool:
    if len(short) > len(long):
        short, long = long, short
    letters = iter(long)
    return len(short) >= 3 and short[0] == long[0] and all(letter in letters for letter in short)


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
