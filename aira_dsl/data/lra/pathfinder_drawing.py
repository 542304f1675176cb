"""Pathfinder images drawn from their contours.

Shapes: B images, P paddles of a contour, H and W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.lra.pathfinder_contours import Contours
from aira_dsl.data.lra.pathfinder_paddles import Integers, Paddles, disc


@dataclass(frozen=True)
class Images:
    """Generated images with what decided them.

    Attributes:
        pixels_BHW: grey values 0 to 255; the brightest pixel of each image has 255.
        labels_B: 1 if both discs are at one contour.
        discs_B22: (y, x) of the first tip and of the last tip that are marked.
    """

    pixels_BHW: NDArray[np.uint8]
    labels_B: NDArray[np.uint8]
    discs_B22: Integers

    @staticmethod
    def join(parts: Sequence["Images"]) -> "Images":
        """Return the images of all parts, in order."""
        names = [field.name for field in fields(Images)]
        return Images(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def rows(self, chosen: Integers) -> "Images":
        """Return the chosen images."""
        return Images(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True)
class Brush:
    """How contours become pixels.

    Attributes:
        window: side of an image.
        marker_radius: of the two discs, whose brightness is 1.
        target_contrast: brightness of the two long contours.
        distractor_contrast: brightness of the others.
    """

    window: int
    marker_radius: float
    target_contrast: float
    distractor_contrast: float


def draw_images(  # noqa: PLR0913, PLR0917
    rng: np.random.Generator,
    brush: Brush,
    paddles: Paddles,
    targets: Sequence[Contours],
    distractors: Sequence[Contours],
    labels_B: NDArray[np.uint8],
) -> Images:
    """Draw one image for each label; the first tip of either target is marked."""
    count, half = len(labels_B), int(np.ceil(brush.marker_radius)) + paddles.half
    side = brush.window + 2 * half
    bright_BHW = np.zeros((count, side, side), dtype=np.float32)
    for contour in targets:
        _draw_contour(bright_BHW, contour, paddles, brush.target_contrast, half)
    for contour in distractors:
        _draw_contour(bright_BHW, contour, paddles, brush.distractor_contrast, half)
    tips_B222 = np.stack([contour.at_BP2[:, [0, -1]] for contour in targets], axis=1)
    images_B = np.arange(count)
    chosen_B = rng.integers(2, size=count)
    ends_B = np.where(labels_B == 1, chosen_B, 1 - chosen_B)
    discs_B22 = np.stack([tips_B222[images_B, chosen_B, 0], tips_B222[images_B, ends_B, 1]], axis=1)
    shape_SS = disc(brush.marker_radius, half)
    for at_B2 in (discs_B22[:, 0], discs_B22[:, 1]):
        _brighten(bright_BHW, images_B, at_B2, np.broadcast_to(shape_SS, (count, *shape_SS.shape)))
    inner = bright_BHW[:, half : half + brush.window, half : half + brush.window]
    scaled = inner * (255 / inner.max(axis=(1, 2), keepdims=True))
    return Images(np.rint(scaled).astype(np.uint8), labels_B, discs_B22)


def _draw_contour(
    bright_BHW: NDArray[np.float32], contour: Contours, paddles: Paddles, contrast: float, half: int
) -> None:
    (images_N,) = np.nonzero(contour.drawn_B)
    around = half - paddles.half
    for number in range(contour.paddles_BP.shape[1]):
        lines_NSS = contrast * paddles.lines_ASS[contour.paddles_BP[images_N, number]]
        _brighten(bright_BHW, images_N, contour.at_BP2[images_N, number] + around, lines_NSS)


def _brighten(
    bright_BHW: NDArray[np.float32],
    images_N: Integers,
    corners_N2: Integers,
    shapes_NSS: NDArray[np.float32],
) -> None:
    """Raise the pixels of a square to those of a shape, in each image."""
    span_S = np.arange(shapes_NSS.shape[-1])
    rows_NS1 = corners_N2[:, 0, None, None] + span_S[:, None]
    columns_N1S = corners_N2[:, 1, None, None] + span_S
    place = (images_N[:, None, None], rows_NS1, columns_N1S)
    bright_BHW[place] = np.maximum(bright_BHW[place], shapes_NSS)
