"""Constraints on an arrangement, and exact counting under them.

Every quantity that can be constrained (how often a block occurs, parameters, FLOPs, caches) is a
sum over layers, so whether an arrangement is allowed depends on its block counts alone. There are
few count vectors (153 for 16 slots and three blocks), each stands for a multinomial number of
arrangements: counting is exact, and uniform sampling needs no rejection.
"""

import math
import operator
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aira_dsl.errors import InputError
from aira_dsl.space.quantities import QUANTITIES

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_TEXT = re.compile(
    r"\s*([A-Za-z_]\w*)\s*(<=|>=|==|<|>)\s*"
    r"([0-9][0-9_]{0,40}(?:\.[0-9]{1,20})?(?:[eE]\+?[0-9]{1,2})?)([kMGBT]?)\s*"
)
_FACTORS = {
    "bytes": {"": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30},
    "number": {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12},
    "layers": {"": 1},
}

MAX_COUNT_VECTORS = 2_000_000
"""Above this many count vectors (8 blocks in 27 slots, say) exact counting is refused."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule such as `A<=4` or `parameters<=1_050_000`.

    Attributes:
        quantity: a block name, or a name of `QUANTITIES`.
        relation: one of <=, >=, ==, <, >.
        bound: the number to compare with, in bytes where the quantity is.
    """

    quantity: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str, blocks: Sequence[str]) -> "Constraint":
        """Read a constraint on the number of a block's layers, or on a quantity.

        A block that has the name of a quantity takes its place.

        Raises:
            InputError: E0402, if the text is not a constraint or names an unknown quantity.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InputError(
                "E0402",
                f"{text[:80]!r} is not a constraint",
                help="write QUANTITY RELATION NUMBER, for example A<=4, active<=20M or kv<=512M",
            )
        name, relation, digits, suffix = match.groups()
        quantity = name if name in blocks else _quantity(name)
        if quantity is None:
            raise InputError(
                "E0402",
                f"unknown quantity {name!r} in constraint {text[:80]!r}",
                help=f"use one of {', '.join(dict.fromkeys((*blocks, *QUANTITIES)))}",
            )
        unit = "layers" if quantity in blocks else QUANTITIES[quantity].unit
        if suffix not in _FACTORS[unit]:
            sizes = ", ".join(each for each in _FACTORS[unit] if each)
            raise InputError(
                "E0402",
                f"{digits}{suffix} in constraint {text[:80]!r} is not a number of {quantity}",
                help=f"use one of the units {sizes}" if sizes else "write the number out",
            )
        bound = Decimal(digits.replace("_", "")) * _FACTORS[unit][suffix]
        return cls(quantity, relation, int(bound) if bound == int(bound) else float(bound))

    def holds(self, quantities: Mapping[str, float]) -> bool:
        """Tell whether the rule holds for these values."""
        return _OPERATORS[self.relation](quantities[self.quantity], self.bound)

    def __str__(self) -> str:
        bound = int(self.bound) if self.bound == int(self.bound) else self.bound
        return f"{self.quantity}{self.relation}{bound}"


def _quantity(name: str) -> str | None:
    """Return the quantity of a name, or of a key of the costs in JSON."""
    return next((q.name for q in QUANTITIES.values() if name in (q.name, q.key)), None)


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
