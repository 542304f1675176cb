"""What the data of every Long Range Arena task have in common: frozen settings that make splits."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.data.lra.split import Split, SplitName

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
    def counts(self) -> dict[SplitName, int]:
        """Examples of each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}
