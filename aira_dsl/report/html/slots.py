"""Which block stands in which slot: among the best quarter of the trials, and among all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aira_dsl.study.trials import Trial


@dataclass(frozen=True)
class SlotShares:
    """Shares by block and slot.

    Attributes:
        best_trials, all_trials: how many trials each share is of.
        best, everywhere: by block name one share a slot, 0 to 1.
    """

    best_trials: int
    all_trials: int
    best: dict[str, tuple[float, ...]]
    everywhere: dict[str, tuple[float, ...]]

    @property
    def slots(self) -> int:
        """Number of slots."""
        return max(map(len, self.best.values()), default=0)


def slot_shares(order: Sequence[Trial], names: Sequence[str]) -> SlotShares | None:
    """Count the blocks of trials given best first; None without any.

    Blocks that an agent made up are counted under their own names, after those of the space.
    """
    if not order:
        return None
    quarter = order[: math.ceil(len(order) / 4)]
    found = dict.fromkeys([*names, *(name for row in order for name in row.layers)])
    return SlotShares(
        best_trials=len(quarter),
        all_trials=len(order),
        best={name: _shares(quarter, name, order) for name in found},
        everywhere={name: _shares(order, name, order) for name in found},
    )


def _shares(rows: Sequence[Trial], name: str, order: Sequence[Trial]) -> tuple[float, ...]:
    depth = max(len(row.layers) for row in order)
    shares = []
    for slot in range(depth):
        there = [row.layers[slot] == name for row in rows if slot < len(row.layers)]
        shares.append(sum(there) / len(there) if there else 0.0)
    return tuple(shares)
