"""ListOps: the value, 0 to 9, of a nested expression in prefix form.

Generated exactly as the Long Range Arena does (`listops_trees`), except that a seed decides the
draw: the expressions are distinct and keep the order in which they were drawn; the first ones are
train, then validation, then test.
"""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aira_dsl.data.lra.chosen import choose
from aira_dsl.data.lra.listops_trees import TEXTS, Expressions, draw_expressions
from aira_dsl.data.lra.readers.release import listops_file, read_listops
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.split import SPLITS, Split, SplitName, padded
from aira_dsl.errors import InputError

_NODES = 1 << 18  # nodes of a batch of trees, expected; about 30 MB
_TREES = 1 << 14  # of a batch, at most
_IDLE = 8  # batches in a row without a new expression after which the space counts as exhausted


class ListOpsSettings(LraSettings):
    """Expressions with min_length < tokens < max_length.

    Attributes:
        max_depth: greatest depth of a node; the root has depth 1.
        max_args: most arguments of an operator.
        min_length: tokens that an expression must exceed.
        max_length: tokens that an expression must stay below.
        source: `generated`, or `release`: the files of the Long Range Arena, whose expressions are
            cut to max_length - 1 tokens; the other bounds have no effect.
        data: folder that holds the release; empty for the default one.
    """

    name: Literal["listops"] = "listops"
    max_depth: Annotated[int, Field(strict=True, ge=2, le=12)] = 10
    max_args: Annotated[int, Field(strict=True, ge=2, le=16)] = 10
    min_length: Annotated[int, Field(strict=True, ge=0, le=1 << 14)] = 500
    max_length: Annotated[int, Field(strict=True, ge=2, le=1 << 14)] = 2000

    source: Literal["generated", "release"] = "generated"
    data: str = ""

    vocabulary = len(TEXTS)
    classes = 10

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if self.max_length - self.min_length < 2:
            raise ValueError("max_length must be at least min_length + 2")
        return self

    @property
    def positions(self) -> int:
        """Tokens of the longest expression."""
        return self.max_length - 1

    @property
    def origin(self) -> str:
        """`generated` or the release."""
        return "generated" if self.source == "generated" else "listops of the LRA release"

    @property
    def files(self) -> list[Path]:
        """Files of the data set."""
        return (
            [listops_file(self.data, split) for split in SPLITS] if self.source == "release" else []
        )

    def splits(self) -> Iterator[tuple[SplitName, Split]]:
        """Yield train, validation and test.

        Raises:
            InputError: E0611 if there are too few different expressions, E0653 if a file of the
                release cannot be used.
            UsageError: E0652 if a file of the release is missing.
        """
        yield from self._generated() if self.source == "generated" else self._released()

    def _released(self) -> Iterator[tuple[SplitName, Split]]:
        for split, count in self.counts.items():
            tokens, values = zip(*read_listops(self.data, split), strict=True)
            rows = choose(self.seed, len(tokens), count, self.origin)
            inputs_NL, lengths_N = padded([tokens[row] for row in rows], self.positions)
            yield split, Split(inputs_NL, lengths_N, np.array(values, dtype=np.uint8)[rows])

    def _generated(self) -> Iterator[tuple[SplitName, Split]]:
        total = sum(self.counts.values())
        inputs_NL = np.zeros((total, self.positions), dtype=np.uint8)
        lengths_N = np.zeros(total, dtype=np.int32)
        labels_N = np.zeros(total, dtype=np.uint8)
        done = 0
        for drawn in self._distinct(total):
            rows = slice(done, done + len(drawn.values_K))
            inputs_NL[rows], lengths_N[rows] = drawn.tokens_KL, drawn.lengths_K
            labels_N[rows] = drawn.values_K
            done = rows.stop
        start = 0
        for split in SPLITS:
            rows = slice(start, start + self.counts[split])
            yield split, Split(inputs_NL[rows], lengths_N[rows], labels_N[rows])
            start = rows.stop

    def batches(self) -> Iterator[Expressions]:
        """Yield accepted expressions without end, repeats included."""
        growth = 0.25 * (2 + self.max_args) / 2  # children that a node has on average
        nodes = sum(growth**depth for depth in range(self.max_depth))
        rng = np.random.default_rng(self.seed)
        while True:
            yield draw_expressions(
                rng,
                max(1, min(_TREES, int(_NODES / nodes))),
                max_depth=self.max_depth,
                max_args=self.max_args,
                min_length=self.min_length,
                max_length=self.max_length,
            )

    def _distinct(self, total: int) -> Iterator[Expressions]:
        """Yield `total` expressions in batches, each expression once."""
        seen: set[bytes] = set()
        idle = 0
        for batch in self.batches():
            before = len(seen)
            new: list[int] = []
            for row, tokens_L in enumerate(batch.tokens_KL):
                digest = blake2b(tokens_L.tobytes(), digest_size=16).digest()
                if digest not in seen and len(seen) < total:
                    seen.add(digest)
                    new.append(row)
            if new:
                yield batch.rows(new)
            if len(seen) == total:
                return
            idle = idle + 1 if len(seen) == before else 0
            if idle == _IDLE:
                raise _exhausted(total, before)


def _exhausted(wanted: int, found: int) -> InputError:
    return InputError(
        "E0611",
        f"ListOps has too few different expressions: {wanted:,} are needed, {found:,} were found",
        help="ask for fewer examples, or allow more depth, arguments or length",
    )
