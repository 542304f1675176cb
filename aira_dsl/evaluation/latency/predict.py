"""The time of any stack as the sum of its blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aira_dsl.evaluation.latency.result import Seconds


@dataclass(frozen=True)
class BlockTimes:
    """Times that add up to that of a stack.

    Attributes:
        ends: embedding, final norm and head.
        blocks: one layer of each block, by name.
    """

    ends: Seconds
    blocks: Mapping[str, Seconds]

    def predict(self, layers: Sequence[str]) -> Seconds:
        """Return the time of a stack of these blocks."""
        return sum((self.blocks[name] for name in layers), self.ends)
