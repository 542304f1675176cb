"""Random ListOps expressions (Nangia & Bowman 2018; Long Range Arena, section 2.2.1), many at once.

A tree is drawn from its root. A node at depth d (the root has depth 1) is an operator with
probability 1/4 if d is less than the greatest depth, and else a digit. Digits, operators and the
number of arguments (2 to `max_args`) are uniform. Operators: smallest, largest, median (the mean
of the middle two rounded down) and sum modulo 10. Length is the number of tokens: 1 for a digit, 2
plus the lengths of its arguments for an operator (`[MAX` and `]`).

All trees of a batch are drawn level by level, so each step is one operation on arrays. The children
of a node are neighbours in the next level.

Shapes: T trees, K kept trees, P nodes of a level, Q nodes of the next level, L positions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAD = 0
DIGIT = 1
"""Token of the digit 0; the other digits follow."""
MIN, MAX, MED, SM = OPERATORS = range(11, 15)
CLOSE = 15
TEXTS = ("", *"0123456789", "[MIN", "[MAX", "[MED", "[SM", "]")
"""Text of each token."""

_OPERATOR_SHARE = 0.25


@dataclass
class _Level:
    """Nodes of one depth, in the order of their parents.

    Attributes:
        values_P: value of the digit; for an operator its result, once `_evaluate` has run.
        lengths_P: tokens of the subtree, once `_evaluate` has run.
        parents_P: place of the parent in the level above; in the first level the tree.
        operators: places of the nodes that are operators, ascending.
        kinds: token of each of these operators.
        arguments: number of arguments of each of these operators, 2 or more.
    """

    values_P: NDArray[np.int64]
    lengths_P: NDArray[np.int64]
    parents_P: NDArray[np.int64]
    operators: NDArray[np.int64]
    kinds: NDArray[np.int64]
    arguments: NDArray[np.int64]


@dataclass(frozen=True)
class Expressions:
    """Accepted trees of a batch.

    Attributes:
        tokens_KL: uint8, `PAD` after the end.
        lengths_K: tokens of each, between the bounds.
        values_K: results, 0 to 9.
        depths_K: greatest depth that a node has.
        drawn: trees that were drawn for them.
    """

    tokens_KL: NDArray[np.uint8]
    lengths_K: NDArray[np.int32]
    values_K: NDArray[np.uint8]
    depths_K: NDArray[np.int64]
    drawn: int

    def rows(self, chosen: list[int]) -> "Expressions":
        """Return the chosen rows."""
        return Expressions(
            self.tokens_KL[chosen],
            self.lengths_K[chosen],
            self.values_K[chosen],
            self.depths_K[chosen],
            self.drawn,
        )


def draw_expressions(  # noqa: PLR0913
    rng: np.random.Generator,
    trees: int,
    *,
    max_depth: int,
    max_args: int,
    min_length: int,
    max_length: int,
) -> Expressions:
    """Draw `trees` trees and keep those with min_length < length < max_length, in order."""
    levels = _draw(rng, trees, max_depth, max_args)
    _evaluate(levels)
    lengths_T = levels[0].lengths_P
    kept_K = np.flatnonzero((lengths_T > min_length) & (lengths_T < max_length))
    tokens_KL, depths_K = _write(levels, kept_K, trees, max_length - 1)
    return Expressions(
        tokens_KL,
        lengths_T[kept_K].astype(np.int32),
        levels[0].values_P[kept_K].astype(np.uint8),
        depths_K,
        trees,
    )


def _draw(rng: np.random.Generator, trees: int, max_depth: int, max_args: int) -> list[_Level]:
    """Draw trees level by level until no node has arguments."""
    levels: list[_Level] = []
    parents_P = np.arange(trees)
    while len(parents_P):
        count = len(parents_P)
        deepest = len(levels) + 1 == max_depth
        share = 0.0 if deepest else _OPERATOR_SHARE
        operators = np.flatnonzero(rng.random(count) < share)
        level = _Level(
            values_P=rng.integers(10, size=count),
            lengths_P=np.ones(count, dtype=np.int64),
            parents_P=parents_P,
            operators=operators,
            kinds=rng.integers(MIN, SM, endpoint=True, size=len(operators)),
            arguments=rng.integers(2, max_args, endpoint=True, size=len(operators)),
        )
        levels.append(level)
        parents_P = np.repeat(operators, level.arguments)
    return levels


def _evaluate(levels: list[_Level]) -> None:
    """Fill values and lengths of operators, from the deepest level to the roots."""
    for level, below in zip(levels[-2::-1], levels[:0:-1], strict=True):
        starts = np.cumsum(level.arguments) - level.arguments
        level.lengths_P[level.operators] = 2 + np.add.reduceat(below.lengths_P, starts)
        level.values_P[level.operators] = _results(level, below.values_P, starts)


def _results(
    level: _Level, values_Q: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the result of every operator of a level, given the values of all arguments."""
    results = np.add.reduceat(values_Q, starts) % 10
    smallest = level.kinds == MIN
    results[smallest] = np.minimum.reduceat(values_Q, starts)[smallest]
    largest = level.kinds == MAX
    results[largest] = np.maximum.reduceat(values_Q, starts)[largest]
    median = level.kinds == MED
    results[median] = _medians(values_Q, starts[median], level.arguments[median])
    return results


def _medians(
    values_Q: NDArray[np.int64], starts: NDArray[np.int64], arguments: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the median of each group of arguments, the mean of the middle two rounded down."""
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    columns = np.arange(arguments.max())
    places = np.minimum(starts[:, None] + columns, len(values_Q) - 1)
    groups = np.where(columns < arguments[:, None], values_Q[places], 10)  # sorted to the end
    groups.sort(axis=1)
    rows = np.arange(len(groups))
    return (groups[rows, (arguments - 1) // 2] + groups[rows, arguments // 2]) // 2


def _write(
    levels: list[_Level], kept_K: NDArray[np.int64], trees: int, length: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the tokens (K, length) of the kept trees in prefix order, and the depths (K,).

    The first argument begins one token after its operator, each other argument where the one before
    it ends.
    """
    tokens_KL = np.zeros((len(kept_K), length), dtype=np.uint8)
    depths_K = np.zeros(len(kept_K), dtype=np.int64)
    rows_P = np.full(trees, -1)  # row of the tree of each node; -1: the tree was not kept
    rows_P[kept_K] = np.arange(len(kept_K))
    begins_P = np.zeros(trees, dtype=np.int64)
    for depth, level in enumerate(levels, start=1):
        if depth > 1:
            rows_P, begins_P = rows_P[level.parents_P], _begins(levels[depth - 2], level, begins_P)
        depths_K[rows_P[rows_P >= 0]] = depth
        symbols_P = DIGIT + level.values_P
        symbols_P[level.operators] = level.kinds
        of_kept = rows_P >= 0
        tokens_KL[rows_P[of_kept], begins_P[of_kept]] = symbols_P[of_kept]
        closing = level.operators[of_kept[level.operators]]
        ends = begins_P[closing] + level.lengths_P[closing] - 1
        tokens_KL[rows_P[closing], ends] = CLOSE
    return tokens_KL, depths_K


def _begins(above: _Level, level: _Level, begins_P: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each node's first token, given those of the level above."""
    before_Q = np.cumsum(level.lengths_P) - level.lengths_P
    starts = np.cumsum(above.arguments) - above.arguments
    of_siblings_Q = before_Q - np.repeat(before_Q[starts], above.arguments)
    begins_Q: NDArray[np.int64] = begins_P[level.parents_P] + 1 + of_siblings_Q
    return begins_Q
