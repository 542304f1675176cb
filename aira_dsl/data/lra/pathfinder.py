"""Pathfinder: do the two marked tips belong to the same contour?

Images of 32 x 32 (Pathfinder) or 128 x 128 (Path-X) grey pixels, row by row, generated as Linsley
et al. (2018) and the Long Range Arena describe: two long dashed contours, shorter ones as
distractors, and two discs, one at the first tip of a contour, the other at the last tip of the same
contour (class 1) or of the other (class 0). The parameters are those of the Long Range Arena.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from aira_dsl.data.lra.chosen import choose
from aira_dsl.data.lra.pathfinder_canvas import FIRST_OWNER, MOST_PADDLES, Canvas
from aira_dsl.data.lra.pathfinder_contours import Contours, grow_distractor, grow_targets
from aira_dsl.data.lra.pathfinder_drawing import Brush, Images, draw_images
from aira_dsl.data.lra.pathfinder_paddles import Paddles, make_paddles
from aira_dsl.data.lra.readers.release import pathfinder_metadata, read_pathfinder
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.split import SPLITS, Split, SplitName
from aira_dsl.errors import InputError

_BATCH = 512  # images whose distractors grow together, at least
_BEGUN = 2048  # images that are begun together, at most
_DRAWS = 32  # images begun for one that is needed; of the paper's size 1 in 20 ends well
_PIXELS = 1 << 23  # of these images
_IDLE = 16  # batches in a row without an image after which the settings count as impossible

Small = Annotated[int, Field(strict=True, ge=1, le=64)]
Positive = Annotated[float, Field(gt=0, le=16)]


class PathfinderSettings(LraSettings):
    """Images of one geometry; lengths are in pixels.

    Attributes:
        window: side of an image.
        contour_length: paddles of each of the two long contours (6 easy, 9 intermediate, 14 hard).
        distractor_length: paddles of a distractor; a third of `contour_length` in the original.
        distractors: their greatest number; one that finds no place is left out.
        paddle_length: length of a paddle.
        thickness: width of a paddle.
        margins: pixels around a paddle that stay free; each image has one of these.
        padding: width of the border that stays free.
        marker_radius: radius of the two discs.
        seed_distance: between the first tips of the two contours; the first one is at least twice
            this from the border.
        continuity: 1 allows turns below 90 degrees, c turns below 90/c degrees.
        target_contrast: brightness of the contours where a disc has 1.
        distractor_contrast: brightness of the distractors.
        source: `generated`, or `release`: the hard images of the Long Range Arena; of the other
            fields only `window` has an effect.
        data: folder that holds the release; empty for the default one.
    """

    name: Literal["pathfinder"] = "pathfinder"
    window: Annotated[int, Field(strict=True, ge=8, le=256)] = 32
    contour_length: Annotated[int, Field(strict=True, ge=2, le=64)] = 14
    distractor_length: Small = 4
    distractors: Annotated[int, Field(strict=True, ge=0, le=64)] = 5
    paddle_length: Small = 2
    thickness: Positive = 0.5
    margins: Annotated[tuple[Small, ...], Field(min_length=1)] = (1,)
    padding: Small = 1
    marker_radius: Positive = 1.5
    seed_distance: Small = 7
    continuity: Annotated[float, Field(ge=1, le=16)] = 1.0
    target_contrast: Positive = 1.5
    distractor_contrast: Positive = 2.0

    source: Literal["generated", "release"] = "generated"
    data: str = ""

    vocabulary = 256
    classes = 2

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        if self.window <= 4 * self.seed_distance:
            raise ValueError("window must be greater than 4 times seed_distance")
        paddles = 2 * self.contour_length + self.distractors * self.distractor_length
        if paddles > MOST_PADDLES:
            raise ValueError(f"an image can hold {MOST_PADDLES} paddles, not {paddles}")
        return self

    @property
    def positions(self) -> int:
        """Pixels of an image."""
        return self.window**2

    @property
    def origin(self) -> str:
        """`generated` or the release."""
        return "generated" if self.source == "generated" else "pathfinder of the LRA release"

    @property
    def files(self) -> list[Path]:
        """Files of the release that list its images, which are too many to be looked at."""
        return pathfinder_metadata(self.data, self.window) if self.source == "release" else []

    def splits(self) -> Iterator[tuple[SplitName, Split]]:
        """Yield train, validation and test.

        Generated splits have a random stream each. The release has no splits: a seeded permutation
        of its images is divided.

        Raises:
            InputError: E0611 if the contours find no room in the window, or the release has too few
                images; E0653 if a file of the release cannot be used.
            UsageError: E0652 if a file of the release is missing.
        """
        yield from self._generated() if self.source == "generated" else self._released()

    def _released(self) -> Iterator[tuple[SplitName, Split]]:
        pixels_NL, labels_N = read_pathfinder(self.data, self.window)
        rows = choose(self.seed, len(labels_N), sum(self.counts.values()), self.origin)
        for split, count in self.counts.items():
            lengths_N = np.full(count, self.positions, dtype=np.int32)
            yield split, Split(pixels_NL[rows[:count]], lengths_N, labels_N[rows[:count]])
            rows = rows[count:]

    def _generated(self) -> Iterator[tuple[SplitName, Split]]:
        for number, split in enumerate(SPLITS):
            rng = np.random.default_rng((self.seed, number))
            images = self.draw(rng, self.counts[split])
            inputs_NL = images.pixels_BHW.reshape(-1, self.positions)
            lengths_N = np.full(len(inputs_NL), self.positions, dtype=np.int32)
            yield split, Split(inputs_NL, lengths_N, images.labels_B)

    def draw(self, rng: np.random.Generator, count: int) -> Images:
        """Draw images; every margin and both classes equally often, in random order.

        Raises:
            InputError: E0611 if the contours find no room in the window.
        """
        parts: list[Images] = []
        for number, margin in enumerate(self.margins):
            share = len(range(number, count, len(self.margins)))
            labels_B = rng.permutation(np.arange(share) % 2).astype(np.uint8)
            parts.extend(self._draw(rng, margin, labels_B))
        return Images.join(parts).rows(rng.permutation(count))

    def _draw(
        self, rng: np.random.Generator, margin: int, labels_B: NDArray[np.uint8]
    ) -> Iterator[Images]:
        """Yield images of one margin in batches."""
        paddles = make_paddles(self.paddle_length, self.thickness, margin)
        brush = Brush(
            self.window, self.marker_radius, self.target_contrast, self.distractor_contrast
        )
        while len(labels_B):
            canvas, targets = self._targets(rng, paddles, len(labels_B))
            distractors = self._distractors(rng, canvas)
            used = len(canvas.owners_BHW)
            yield draw_images(rng, brush, paddles, targets, distractors, labels_B[:used])
            labels_B = labels_B[used:]

    def _targets(
        self, rng: np.random.Generator, paddles: Paddles, most: int
    ) -> tuple[Canvas, list[Contours]]:
        """Grow both long contours in a batch of at most `most` images."""
        begun = max(1, min(_BEGUN, _DRAWS * most, _PIXELS // self.positions))
        parts: list[tuple[Canvas, list[Contours]]] = []
        done = idle = 0
        while done < min(most, _BATCH):
            canvas = Canvas.empty(begun, self.window, self.padding, paddles)
            targets = grow_targets(
                rng, canvas, self.contour_length, self.seed_distance, self.continuity
            )
            kept = np.flatnonzero(targets[0].drawn_B)[: most - done]
            parts.append((canvas.rows(kept), [contour.rows(kept) for contour in targets]))
            done += len(kept)
            idle = 0 if len(kept) else idle + 1
            if idle == _IDLE:
                raise _no_room(self)
        canvases, contours = zip(*parts, strict=True)
        pairs = zip(*contours, strict=True)
        return Canvas.join(canvases), [Contours.join(each) for each in pairs]

    def _distractors(self, rng: np.random.Generator, canvas: Canvas) -> list[Contours]:
        length = self.distractor_length
        first = FIRST_OWNER + 2 * self.contour_length
        return [
            grow_distractor(rng, canvas, length, self.continuity, first + number * length)
            for number in range(self.distractors)
        ]


def _no_room(settings: PathfinderSettings) -> InputError:
    return InputError(
        "E0611",
        f"two contours of {settings.contour_length} paddles find no room in "
        f"{settings.window} x {settings.window} pixels",
        help="choose a larger window, or shorter contours",
    )


PATH_X = {
    "window": 128,
    "paddle_length": 5,
    "thickness": 1.5,
    "margins": (2, 3),
    "marker_radius": 3.0,
    "seed_distance": 20,
    "continuity": 1.8,
    "distractors": 8,
    "target_contrast": 0.9,
    "distractor_contrast": 0.9,
}
"""Fields of PathfinderSettings that make the images of Path-X."""
