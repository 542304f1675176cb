"""A space of arrangements: counting, indexing, uniform sampling and neighbours.

An arrangement's index is its layers read as a number in base k (k blocks), first layer most
significant, blocks numbered in the order of the file. So index 0 is the first block everywhere.
Numpy is imported only by the batched methods, and the language only to read a file: single
questions answer at once.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.registry import Block
from aira_dsl.space.constraints import Constraint, count_vectors, multinomial, random_order
from aira_dsl.space.quantities import QUANTITIES, quantities_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Space:
    """Every order of the definition's blocks in its slots that obeys the constraints.

    Attributes:
        definition: dimensions, blocks and number of slots.
        constraints: rules that every arrangement of the space obeys.
    """

    definition: SpaceDefinition
    constraints: tuple[Constraint, ...] = field(default=())

    @classmethod
    def default(cls) -> "Space":
        """The paper's three-primitive space: 16 slots of A, M and Mb, 3^16 arrangements."""
        blocks: dict[str, Block] = {"A": Attention(), "M": MLP(), "Mb": Mamba2()}
        return cls(SpaceDefinition(name="aira", blocks=blocks, slots=16))

    @classmethod
    def load(cls, path: str | Path) -> "Space":
        """Read a space from a file; an architecture file gives its blocks and its depth."""
        from aira_dsl.language import load_space

        return cls(load_space(path))

    def where(self, *texts: str) -> "Space":
        """Return this space under further constraints such as `A<=4` or `kv<=512M`.

        Raises:
            InputError: E0402 for text that is not a constraint, E0403 if nothing is left.
        """
        parsed = tuple(Constraint.parse(text, self.names) for text in texts)
        narrowed = replace(self, constraints=self.constraints + parsed)
        if narrowed.constraints and not narrowed.count:
            raise InputError(
                "E0403",
                f"no arrangement satisfies {' and '.join(map(str, narrowed.constraints))}",
                help="loosen a constraint",
            )
        return narrowed

    @property
    def names(self) -> tuple[str, ...]:
        """Block names in the order of the file."""
        return tuple(self.definition.blocks)

    @property
    def slots(self) -> int:
        """Number of layers of every arrangement."""
        return self.definition.slots

    @property
    def size(self) -> int:
        """Number of arrangements without regard to constraints: blocks to the power of slots."""
        return int(len(self.names) ** self.slots)

    @property
    def count(self) -> int:
        """Number of arrangements that obey the constraints, exact."""
        return self._cumulative[-1] if self.constraints else self.size

    @property
    def block_costs(self) -> dict[str, dict[str, int]]:
        """What the first layer of each block adds to each of `QUANTITIES`, by block."""
        return dict(zip(self.names, self._first, strict=True))

    def architecture(self, layers: Sequence[str], *, name: str | None = None) -> Architecture:
        """Give an arrangement its dimensions and blocks.

        Raises:
            InputError: E0401, if it has another depth or names an unknown block.
        """
        self._check(layers)
        return self.definition.architecture(tuple(layers), name=name)

    def index(self, layers: Sequence[str]) -> int:
        """Return the position of an arrangement in the space, from 0 to size - 1."""
        self._check(layers)
        digits = {name: digit for digit, name in enumerate(self.names)}
        index = 0
        for name in layers:
            index = index * len(digits) + digits[name]
        return index

    def layers(self, index: int) -> tuple[str, ...]:
        """Return the arrangement at an index.

        Raises:
            InputError: E0405, if the index lies outside the space.
        """
        if not 0 <= index < self.size:
            raise InputError(
                "E0405",
                f"index {index} lies outside the space",
                help=f"indices run from 0 to {self.size - 1}",
            )
        names, digits = self.names, []
        for _ in range(self.slots):
            index, digit = divmod(index, len(names))
            digits.append(digit)
        return tuple(names[digit] for digit in reversed(digits))

    def indices(self, digits_NL: "npt.NDArray[np.integer[Any]]") -> "npt.NDArray[Any]":
        """Rank many arrangements, given as block numbers of shape (N, slots)."""
        import numpy as np

        powers_L = [len(self.names) ** place for place in reversed(range(self.slots))]
        dtype = np.int64 if self.size <= 1 << 63 else object  # Python integers never overflow
        indices_N: npt.NDArray[Any] = np.asarray(digits_NL).astype(dtype) @ np.array(
            powers_L, dtype=dtype
        )
        return indices_N

    def digits(self, indices_N: "npt.NDArray[Any]") -> "npt.NDArray[np.uint8]":
        """Unrank many indices to block numbers of shape (N, slots); the inverse of `indices`."""
        import numpy as np

        rest_N = np.array(indices_N)
        digits_NL = np.empty((len(rest_N), self.slots), dtype=np.uint8)
        for slot in reversed(range(self.slots)):
            rest_N, digits_NL[:, slot] = rest_N // len(self.names), rest_N % len(self.names)
        return digits_NL

    def allows(self, layers: Sequence[str]) -> bool:
        """Tell whether an arrangement obeys the constraints."""
        if not self.constraints:
            return True
        counter = Counter(layers)
        return self._allows_counts([counter[name] for name in self.names])

    def sample(self, count: int, *, seed: int) -> list[tuple[str, ...]]:
        """Draw distinct arrangements uniformly from those that obey the constraints.

        Raises:
            InputError: E0406, if more are asked for than there are.
        """
        if count > self.count:
            raise InputError(
                "E0406",
                f"{count:,} different arrangements asked for, but the space has {self.count:,}",
                help="ask for fewer, or loosen a constraint",
            )
        rng = random.Random(seed)
        drawn: dict[tuple[str, ...], None] = {}
        while len(drawn) < count:
            drawn[self.draw(rng)] = None
        return list(drawn)

    def draw(self, rng: random.Random) -> tuple[str, ...]:
        """Draw one allowed arrangement uniformly."""
        if not self.constraints:
            return self.layers(rng.randrange(self.size))
        ticket = rng.randrange(self.count)
        chosen = next(i for i, total in enumerate(self._cumulative) if ticket < total)
        return random_order(self._allowed[chosen], self.names, rng)

    def neighbours(self, layers: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield the allowed arrangements that differ in exactly one slot, first slot first."""
        self._check(layers)
        for slot, present in enumerate(layers):
            for name in self.names:
                if name != present:
                    neighbour = (*layers[:slot], name, *layers[slot + 1 :])
                    if self.allows(neighbour):
                        yield neighbour

    def _check(self, layers: Sequence[str]) -> None:
        if len(layers) != self.slots:
            raise InputError(
                "E0401",
                f"{len(layers)} layers do not fit a space of {self.slots} slots",
                help=f"give exactly {self.slots} layers",
            )
        for name in layers:
            if name not in self.definition.blocks:
                raise InputError(
                    "E0401",
                    f"block {name!r} is not in the space",
                    help=f"use {', '.join(self.names)}",
                )

    def _allows_counts(self, counts: Sequence[int]) -> bool:
        values = dict(zip(self.names, counts, strict=True))
        for quantity in self._constrained:
            values[quantity] = self._fixed[quantity] + sum(
                first[quantity] + (count - 1) * more[quantity]
                for count, first, more in zip(counts, self._first, self._more, strict=True)
                if count
            )
        return all(constraint.holds(values) for constraint in self.constraints)

    @cached_property
    def _constrained(self) -> tuple[str, ...]:
        """The quantities that a constraint compares, besides counts of blocks."""
        compared = {constraint.quantity for constraint in self.constraints}
        return tuple(compared - set(self.names))

    @cached_property
    def _one(self) -> list[dict[str, int]]:
        """Cost of a single layer of each block, with what does not depend on the layers."""
        return [quantities_of(self.definition.architecture((name,))) for name in self.names]

    @cached_property
    def _first(self) -> list[dict[str, int]]:
        """Cost of the first layer of each block."""
        return [{q: one[q] - self._fixed[q] for q in QUANTITIES} for one in self._one]

    @cached_property
    def _more(self) -> list[dict[str, int]]:
        """Cost of one more layer of each block; a tied block has its parameters already."""
        two = [quantities_of(self.definition.architecture((name,) * 2)) for name in self.names]
        return [{q: b[q] - a[q] for q in QUANTITIES} for a, b in zip(self._one, two, strict=True)]

    @cached_property
    def _fixed(self) -> dict[str, int]:
        """Cost of the final norm and the embeddings, whatever the layers: 2·cost(X) - cost(2X)."""
        name, block = next(iter(self.definition.blocks.items()))
        untied = {name: block.model_copy(update={"tied": False})}
        one, two = (
            quantities_of(
                self.definition.architecture((name,) * n).replace(blocks=untied, scales={})
            )
            for n in (1, 2)
        )
        return {q: 2 * one[q] - two[q] for q in QUANTITIES}

    @cached_property
    def _allowed(self) -> list[tuple[int, ...]]:
        vectors = count_vectors(self.slots, len(self.names))
        return [counts for counts in vectors if self._allows_counts(counts)]

    @cached_property
    def _cumulative(self) -> list[int]:
        return list(accumulate(map(multinomial, self._allowed))) or [0]
