"""What the data of every Long Range Arena task have in common: frozen settings that make splits."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.data.lra.split import Split, SplitName

VERSION = 1
"""Raised when code of this package makes other examples of the same settings and seed, so that
data which are kept are made again."""

Count = Annotated[int, Field(strict=True, ge=1, le=1 << 20)]
"""Examples of a split: 1 to 1,048,576."""

Seed = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]


class LraSettings(BaseModel, ABC):
    """Data of one task: equal settings give equal splits.

    Attributes:
        train: examples to train on.
        validation: examples that a search may score on.
        test: examples that only the winners are scored on.
        seed: of everything that is drawn.
        vocabulary: number of token ids, 0 for padding included; ids are below it.
        classes: number of classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    train: Count
    validation: Count
    test: Count
    seed: Seed = 0

    vocabulary: ClassVar[int]
    classes: ClassVar[int]

    @property
    @abstractmethod
    def positions(self) -> int:
        """Width L of the input arrays."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """Where the examples come from: `generated`, a data set, or `stand-in: …`."""

    @abstractmethod
    def splits(self) -> Iterator[tuple[SplitName, Split]]:
        """Yield each split once; no example is in two of them."""

    @property
    def files(self) -> list[Path]:
        """Files of a data set that the splits are read from; none if the examples are generated.

        Raises:
            AiraError: E0652, E0653, as `splits`.
        """
        return []

    @property
    def counts(self) -> dict[SplitName, int]:
        """Examples of each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}
