"""Constraints on an arrangement, and exact counting under them.

Every quantity that can be constrained (how often a block occurs, parameters, FLOPs, cache) is a sum
over layers, so whether an arrangement is allowed depends on its block counts alone. There are few
count vectors (153 for 16 slots and three blocks), each stands for a multinomial number of
arrangements: counting is exact, and uniform sampling needs no rejection.
"""

import math
import operator
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aira_dsl.errors import InputError

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_TEXT = re.compile(
    r"\s*([A-Za-z_]\w*)\s*(<=|>=|==|<|>)\s*([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE]\+?[0-9]+)?)\s*"
)

MAX_COUNT_VECTORS = 2_000_000
"""Above this many count vectors (8 blocks in 27 slots, say) exact counting is refused."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule such as `A<=4` or `parameters<=1_050_000`.

    Attributes:
        quantity: a block name, or `parameters`, `flops`, `kv_cache` or `state`.
        relation: one of <=, >=, ==, <, >.
        bound: the number to compare with.
    """

    quantity: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str, known: Sequence[str]) -> "Constraint":
        """Read a constraint; `known` lists the quantities it may speak of.

        Raises:
            InputError: E0402, if the text is not a constraint or names an unknown quantity.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InputError(
                "E0402",
                f"{text[:80]!r} is not a constraint",
                help="write QUANTITY RELATION NUMBER, for example A<=4 or parameters<=1_050_000",
            )
        quantity, relation, bound = match.groups()
        if quantity not in known:
            raise InputError(
                "E0402",
                f"unknown quantity {quantity!r} in constraint {text[:80]!r}",
                help=f"use one of {', '.join(known)}",
            )
        return cls(quantity, relation, float(bound.replace("_", "")))

    def holds(self, quantities: Mapping[str, float]) -> bool:
        """Tell whether the rule holds for these values."""
        return _OPERATORS[self.relation](quantities[self.quantity], self.bound)

    def __str__(self) -> str:
        bound = int(self.bound) if self.bound == int(self.bound) else self.bound
        return f"{self.quantity}{self.relation}{bound}"


def count_vectors(slots: int, blocks: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to split `slots` over `blocks`, in lexicographic order.

    Raises:
        InputError: E0404, if there are more than `MAX_COUNT_VECTORS`.
    """
    if (total := math.comb(slots + blocks - 1, blocks - 1)) > MAX_COUNT_VECTORS:
        raise InputError(
            "E0404",
            f"{blocks} blocks in {slots} slots have {total:,} count vectors, "
            f"more than the {MAX_COUNT_VECTORS:,} that can be counted exactly",
            help="search this space without --where, or with fewer blocks or slots",
        )
    return _compositions(slots, blocks)


def _compositions(slots: int, blocks: int) -> Iterator[tuple[int, ...]]:
    if blocks == 1:
        yield (slots,)
        return
    for first in range(slots + 1):
        for rest in _compositions(slots - first, blocks - 1):
            yield (first, *rest)


def multinomial(counts: Sequence[int]) -> int:
    """Count the distinct orders of a multiset with these multiplicities."""
    orders, placed = 1, 0
    for count in counts:
        placed += count
        orders *= math.comb(placed, count)
    return orders


def random_order(
    counts: Sequence[int], names: Sequence[str], rng: random.Random
) -> tuple[str, ...]:
    """Draw one order of the multiset uniformly."""
    layers = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    rng.shuffle(layers)
    return tuple(layers)
