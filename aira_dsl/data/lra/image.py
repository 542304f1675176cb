"""Image: which of ten classes is a grey image, given pixel by pixel?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aira_dsl.data.lra.chosen import choose
from aira_dsl.data.lra.readers.cifar import NAME, SIDE, cifar_files, read_cifar
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.shapes import SHAPES, draw_shapes
from aira_dsl.data.lra.split import SPLITS, Split, SplitName


class ImageSettings(LraSettings):
    """Images of CIFAR-10, or generated shapes as a stand-in.

    Attributes:
        source: `cifar-10`: train and validation are drawn from its 50,000 training images, test
            from its 10,000 test images. `stand-in`: ten shapes.
        data: folder that holds cifar-10-batches-bin; empty for the default one.
        side: pixels of a side; CIFAR-10 has 32.
    """

    name: Literal["image"] = "image"
    source: Literal["cifar-10", "stand-in"] = "cifar-10"
    data: str = ""
    side: Annotated[int, Field(strict=True, ge=8, le=64)] = SIDE

    vocabulary = 256
    classes = len(SHAPES)

    @model_validator(mode="after")
    def _check_side(self) -> Self:
        if self.source == "cifar-10" and self.side != SIDE:
            raise ValueError(f"the images of CIFAR-10 have a side of {SIDE}")
        return self

    @property
    def positions(self) -> int:
        """Pixels of an image."""
        return self.side**2

    @property
    def origin(self) -> str:
        """`cifar-10`, or the stand-in."""
        return NAME if self.source == NAME else "stand-in: generated images of ten shapes"

    @property
    def files(self) -> list[Path]:
        """Files of the data set."""
        return (
            [file for half in ("train", "test") for file in cifar_files(self.data, half)]
            if self.source == NAME
            else []
        )

    def splits(self) -> Iterator[tuple[SplitName, Split]]:
        """Yield the splits; classes of the stand-in are equally frequent.

        Raises:
            InputError: E0611 if there are too few images, E0653 if a file cannot be used.
            UsageError: E0652 if files are missing.
        """
        if self.source == "stand-in":
            yield from self._shapes()
        else:
            yield from self._photographs()

    def _photographs(self) -> Iterator[tuple[SplitName, Split]]:
        pixels_NL, labels_N = read_cifar(self.data, "train")
        rows = choose(self.seed, len(labels_N), self.train + self.validation, self.origin)
        chosen = rows[: self.train]
        yield "train", _split(pixels_NL[chosen], labels_N[chosen])
        chosen = rows[self.train :]
        yield "validation", _split(pixels_NL[chosen], labels_N[chosen])
        pixels_NL, labels_N = read_cifar(self.data, "test")
        chosen = choose(self.seed, len(labels_N), self.test, self.origin)
        yield "test", _split(pixels_NL[chosen], labels_N[chosen])

    def _shapes(self) -> Iterator[tuple[SplitName, Split]]:
        for number, split in enumerate(SPLITS):
            rng = np.random.default_rng((self.seed, number))
            count = self.counts[split]
            labels_N = rng.permutation(np.arange(count) % self.classes).astype(np.uint8)
            pixels_NSS = draw_shapes(rng, labels_N, self.side)
            yield split, _split(pixels_NSS.reshape(count, -1), labels_N)


def _split(pixels_NL: np.ndarray, labels_N: np.ndarray) -> Split:
    return Split(pixels_NL, np.full(len(labels_N), pixels_NL.shape[1], dtype=np.int32), labels_N)
