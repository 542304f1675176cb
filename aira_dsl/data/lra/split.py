"""Examples of one split of a Long Range Arena task, as plain arrays.

Shapes: N examples, L positions; a pair task has two sequences an example.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Sequences with their classes.

    Attributes:
        inputs: tokens, uint8, (N, L), or (N, 2, L) for pairs; 0 after the end of a sequence.
        lengths: tokens of each sequence, int32, (N,) or (N, 2), 1 to L.
        labels: classes, uint8, (N,).
    """

    inputs: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    labels: NDArray[np.uint8]


def padded(sequences: list[bytes], length: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return sequences cut to `length` as an array (N, L), 0 after the end, and the lengths."""
    inputs_NL = np.zeros((len(sequences), length), dtype=np.uint8)
    for row_L, sequence in zip(inputs_NL, sequences, strict=True):
        kept = sequence[:length]
        row_L[: len(kept)] = np.frombuffer(kept, dtype=np.uint8)
    lengths_N = np.array([min(len(each), length) for each in sequences], dtype=np.int32)
    return inputs_NL, lengths_N
