"""Three splits that share no example.

Each split has a random stream of its own. The test split is drawn first, then validation, then
train, and an input row that was drawn before (in this split or another) is replaced by a fresh
draw. So the test split does not depend on how many other examples are asked for, nor the validation
split on how many to train on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.data.task import Examples, TaskSettings
from aira_dsl.data.text.corpus import SplitName
from aira_dsl.errors import InputError

MAX_TOKENS = 1 << 27
"""Tokens of all splits together: 2 GiB of inputs and targets."""

_CHUNK = 1 << 10  # examples drawn at a time, so that intermediate arrays stay small
_ORDER: tuple[SplitName, ...] = ("test", "validation", "train")

Count = Annotated[int, Field(strict=True, ge=1, le=1 << 27)]


class SplitSizes(BaseModel):
    """How many examples each split holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Count
    validation: Count
    test: Count


@dataclass(frozen=True)
class Splits:
    """Train (training form), validation and test (evaluation form); no input row occurs twice."""

    train: Examples
    validation: Examples
    test: Examples


def make_splits(task: TaskSettings, sizes: SplitSizes, seed: int) -> Splits:
    """Draw the three splits of a task; equal arguments give equal splits.

    Args:
        task: any task.
        sizes: examples a split.
        seed: 0 or above.

    Raises:
        InputError: E0611 if the task has too few different examples; E0612 if the sizes are too
            large for memory or the seed is negative; E0613 to E0620 for a corpus.
        UsageError: E0618 if reading the corpus needs a package that is not installed.
    """
    _check(task, sizes, seed)
    source = task.source()
    streams = np.random.SeedSequence(seed).spawn(len(_ORDER))
    taken: set[int] = set()
    drawn: dict[SplitName, Examples] = {}
    for split, stream in zip(_ORDER, streams, strict=True):
        draw = partial(source, split, np.random.default_rng(stream))
        drawn[split] = _draw_distinct(draw, getattr(sizes, split), taken, f"{task.name}, {split}")
    return Splits(**drawn)


def _check(task: TaskSettings, sizes: SplitSizes, seed: int) -> None:
    tokens = (sizes.train + sizes.validation + sizes.test) * task.length
    if tokens > MAX_TOKENS:
        raise InputError(
            "E0612",
            f"{task.name}: the splits would hold {tokens:,} tokens, the limit is {MAX_TOKENS:,}",
            help="ask for fewer examples or a smaller length",
        )
    if seed < 0:
        raise InputError("E0612", f"a seed must be 0 or above, not {seed}")


def _draw_distinct(
    draw: Callable[[int], Examples], count: int, taken: set[int], what: str
) -> Examples:
    """Draw until `count` rows are found whose hash is not in `taken`; add theirs to it."""
    parts: list[Examples] = []
    missing, budget = count, 50 * count + 10_000
    while missing and budget > 0:
        batch = draw(min(_CHUNK, max(2 * missing, 64) if parts else missing))
        budget -= len(batch)
        fresh = _fresh_rows(batch, missing, taken)
        parts.append(Examples(batch.inputs[fresh], batch.targets[fresh]))
        missing -= len(fresh)
    if missing:
        raise InputError(
            "E0611",
            f"{what}: {count:,} different examples were asked for, "
            f"only {count - missing:,} are possible besides those of the other splits",
            help="ask for fewer examples, or a larger vocab or length (or more text)",
        )
    return Examples(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.targets for part in parts]),
    )


def _fresh_rows(batch: Examples, limit: int, taken: set[int]) -> list[int]:
    """Return the first `limit` rows whose inputs are new, and remember them."""
    fresh: list[int] = []
    for row, key in enumerate(_row_hashes(batch).tolist()):
        if len(fresh) < limit and key not in taken:
            taken.add(key)
            fresh.append(row)
    return fresh


def _row_hashes(batch: Examples) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Hash input rows to 64 bits: a dot product with fixed random odd numbers, modulo 2^64.

    Two different rows collide with a probability below 2^-45, and a collision costs a redraw only.
    """
    multipliers_L = np.random.default_rng(0).integers(
        1 << 64, size=batch.inputs.shape[1], dtype=np.uint64
    ) | np.uint64(1)
    hashes: np.ndarray[tuple[int], np.dtype[np.uint64]] = (
        batch.inputs.astype(np.uint64) @ multipliers_L
    )
    return hashes
