"""Memory of decoding: weights, keys and values, recurrent states, and what fits beside them."""

from bisect import bisect_right
from dataclasses import dataclass

from aira_dsl.architecture import Architecture, Costs, cost

_LONGEST = 1 << 50
"""Tokens of a sequence; no memory has room for more if anything is kept for each."""


@dataclass(frozen=True)
class Memory:
    """Bytes that decoding needs, and what a memory has room for.

    Activations, workspace and what a driver takes for itself are not counted.

    Attributes:
        capacity: bytes of the memory; None if unknown.
        weights: all weights.
        cache: keys and values of all sequences at the context.
        state: recurrent states and inputs of convolutions of all sequences.
        longest_context: tokens that fit for each sequence of the batch, 0 if not one; None if the
            capacity is unknown, or nothing grows with the context.
        largest_batch: sequences that fit at the context, 0 if not one; None if the capacity is
            unknown, or a sequence keeps nothing.
    """

    capacity: int | None
    weights: int
    cache: int
    state: int
    longest_context: int | None
    largest_batch: int | None

    @property
    def needed(self) -> int:
        """Bytes of weights, caches and states together."""
        return self.weights + self.cache + self.state

    @property
    def fits(self) -> bool:
        """Whether that is within the capacity, as far as it is known."""
        return self.capacity is None or self.needed <= self.capacity


def memory_of(
    architecture: Architecture,
    *,
    context: int,
    batch: int,
    element_bytes: int,
    capacity: int | None,
) -> Memory:
    """Compare what decoding needs with a capacity.

    Args:
        architecture: what is decoded.
        context: tokens of each sequence.
        batch: number of sequences.
        element_bytes: bytes of a weight, a key or a value.
        capacity: bytes; None if unknown.
    """
    costs = cost(architecture, element_bytes=element_bytes)
    weights = costs.weight_bytes(8 * element_bytes)
    return memory_from(costs, weights, context=context, batch=batch, capacity=capacity)


def memory_from(
    costs: Costs, weights: int, *, context: int, batch: int, capacity: int | None
) -> Memory:
    """Compare costs with a capacity; `weights` is the bytes of all weights."""
    longest = largest = None
    if capacity is not None:
        room = max(0, capacity - weights)
        kept = costs.cache_bytes(context)
        longest = _longest_context(costs, room // batch)
        largest = room // kept if kept else None
    return Memory(
        capacity=capacity,
        weights=weights,
        cache=batch * costs.kv_bytes(context),
        state=batch * costs.state_bytes,
        longest_context=longest,
        largest_batch=largest,
    )


def _longest_context(costs: Costs, room: int) -> int | None:
    """Return how many tokens of a sequence fit in some bytes; None for any number."""
    if not costs.kv_cache_bytes and costs.cache_bytes(_LONGEST) <= room:
        return None
    return max(0, bisect_right(range(_LONGEST), room, key=costs.cache_bytes) - 1)
