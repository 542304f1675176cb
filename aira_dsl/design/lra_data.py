"""Data of the Long Range Arena as a task of design has them: arrays in train, validation and test.

inputs.npy   tokens, uint8, (N, L), or (N, 2, L) for pairs
lengths.npy  tokens of each sequence, int32, (N,) or (N, 2)
labels.npy   classes, uint8, (N,)
"""

from pathlib import Path
from typing import TypeVar

import numpy as np

from aira_dsl.data.lra.settings import VERSION, LraSettings
from aira_dsl.design.data import DataFolder
from aira_dsl.design.metadata import Size

S = TypeVar("S", bound=LraSettings)


def settings(kind: type[S], size: Size, seed: int = 0) -> S:
    """Return the settings of the data at a size, which stand in its `settings` under `data`."""
    return kind(**size.settings["data"], seed=seed)


def made_from(chosen: LraSettings) -> list[str | Path]:
    """Return what data are made from beside their settings (`aira_dsl.design.data`)."""
    return [f"lra {VERSION}", *chosen.files]


def write(chosen: LraSettings, data: DataFolder, *, renumbered: bool = False) -> None:
    """Make and write all splits.

    Args:
        chosen: settings of the data.
        data: where they are written.
        renumbered: shuffle the numbers of the tokens by the seed of the data. What a token means
            can then be learned, and cannot be known beforehand.

    Raises:
        AiraError: what the makers and readers of the data raise (`LraSettings.splits`).
    """
    numbers = np.arange(chosen.vocabulary, dtype=np.uint8)
    if renumbered:
        np.random.default_rng((data.seed, 1)).shuffle(numbers[1:])  # 0 is padding
    for name, split in chosen.splits():
        folder = data.split(name)
        np.save(folder / "inputs.npy", numbers[split.inputs], allow_pickle=False)
        np.save(folder / "lengths.npy", split.lengths, allow_pickle=False)
        np.save(folder / "labels.npy", split.labels, allow_pickle=False)
