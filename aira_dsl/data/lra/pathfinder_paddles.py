"""Paddles of Pathfinder contours: short lines as small arrays, one for each direction.

Angles are in radians, with y downwards: a step of length r at angle a is (r sin a, r cos a).
Coordinates are (y, x) in pixels.

Shapes: A paddles, K directions of a next paddle, S side of a paddle's array, N angles.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

FIRST = 360
"""Paddles that a contour may begin with, one a degree; they begin at their anchor."""

_FINE = 8  # subpixels of a pixel in each direction, for anti-aliasing
_COVERED = 0.9  # share of a pixel from which it counts as occupied


@dataclass(frozen=True)
class Paddles:
    """All paddles of one geometry.

    Attributes:
        length: of a paddle, in pixels.
        margin: pixels around a paddle that stay free; two paddles of a contour are 2 margins apart.
        half: pixels between the centre of a paddle's array (its anchor) and its edge.
        lines_ASS: brightness 0 to 1, anti-aliased.
        areas_ASS: pixels that the paddle occupies, margin included.
        steps_K2: from a joint to the far end (the anchor) of each paddle that may follow; paddle
            FIRST + k belongs to step k.
        angles_K: direction of each step.
        near_D2: steps to the pixels within a margin.
    """

    length: int
    margin: int
    half: int
    lines_ASS: NDArray[np.float32]
    areas_ASS: Flags
    steps_K2: Integers
    angles_K: Floats
    near_D2: Integers

    @property
    def reach(self) -> int:
        """Pixels between a joint and the far end of the next paddle."""
        return self.length + self.margin


def make_paddles(length: int, thickness: float, margin: int) -> Paddles:
    """Draw the paddles of one geometry."""
    steps_K2 = _circle(length + margin)
    angles_K = np.arctan2(steps_K2[:, 0], steps_K2[:, 1])
    angles_A = np.concatenate([np.deg2rad(np.arange(FIRST) - 180.0), angles_K + np.pi])
    half = length + margin + int(np.ceil(thickness))
    distances = np.stack([_distances(angle, length, half) for angle in angles_A])
    lines = _pixels(distances <= thickness / 2)
    areas = _pixels(distances <= thickness / 2 + margin) >= _COVERED
    return Paddles(length, margin, half, lines, areas, steps_K2, angles_K, _near(margin))


def disc(radius: float, half: int) -> NDArray[np.float32]:
    """Return an anti-aliased filled circle in an array of side 2 half + 1."""
    return _pixels(_distances(0.0, 0, half) <= radius)


def unit(angles_N: Floats) -> Floats:
    """Return steps (N, 2) of length 1."""
    return np.stack([np.sin(angles_N), np.cos(angles_N)], axis=-1)


def _circle(radius: int) -> Integers:
    """Return the different pixels (K, 2) nearest to a circle around the origin."""
    angles_N = np.linspace(0, 2 * np.pi, 16 * radius, endpoint=False)
    steps_K2: Integers = np.unique(np.rint(radius * unit(angles_N)).astype(np.int64), axis=0)
    return steps_K2


def _near(margin: int) -> Integers:
    """Return the pixels (D, 2) within a distance of the origin."""
    span = np.arange(-margin, margin + 1)
    inside = span[:, None] ** 2 + span**2 <= margin**2
    near_D2: Integers = np.argwhere(inside) - margin
    return near_D2


def _distances(angle: float, length: int, half: int) -> Floats:
    """Return the distance of every subpixel from a line that begins at the centre."""
    count = (2 * half + 1) * _FINE
    places = (np.arange(count) + 0.5) / _FINE - half - 0.5
    y, x = places[:, None], places[None, :]
    along = np.clip(y * np.sin(angle) + x * np.cos(angle), 0, length)
    distances: Floats = np.hypot(y - along * np.sin(angle), x - along * np.cos(angle))
    return distances


def _pixels(fine: Flags) -> NDArray[np.float32]:
    """Return the share of set subpixels of every pixel of one or more square arrays."""
    side = fine.shape[-1] // _FINE
    shares: NDArray[np.float32] = fine.reshape(*fine.shape[:-2], side, _FINE, side, _FINE).mean(
        axis=(-3, -1), dtype=np.float32
    )
    return shares
