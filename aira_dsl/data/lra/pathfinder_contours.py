"""Contours of Pathfinder images, grown paddle by paddle in many images at once.

A contour begins with a paddle of any direction. A joint follows one margin after its end; the next
paddle begins one margin after the joint, in a direction drawn with the weight
max(0, cos(min(continuity |turn|, pi/2)))^2 among those whose far end is free. It may not touch
another paddle than the one before it (Linsley et al. 2018; Kim et al. 2020).

The two target contours of an image grow in turn. The first begins near the centre, the second at a
fixed distance from it. An image where a paddle of them finds no place is dropped; a distractor that
finds none is left out.

Shapes: B images, N of them that are still growing, P paddles of a contour, K directions, T tries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from aira_dsl.data.lra.pathfinder_canvas import FIRST_OWNER, Canvas
from aira_dsl.data.lra.pathfinder_paddles import FIRST, Flags, Floats, Integers, unit

_TRIES = 3  # directions drawn for a paddle before it counts as impossible
_PLACES = 32  # places drawn for the first paddle of a distractor
_RESTARTS = 5  # of a distractor


@dataclass
class Contours:
    """One contour an image.

    Attributes:
        at_BP2: anchor of each paddle: the tip of the first, the far end of the others.
        paddles_BP: which paddle it is.
        drawn_B: whether the image has this contour.
    """

    at_BP2: Integers
    paddles_BP: Integers
    drawn_B: Flags

    @staticmethod
    def join(parts: Sequence["Contours"]) -> "Contours":
        """Return the contours of all parts, in order."""
        names = [field.name for field in fields(Contours)]
        return Contours(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
        )

    def rows(self, chosen_N: Integers) -> "Contours":
        """Return the contours of the chosen images."""
        return Contours(self.at_BP2[chosen_N], self.paddles_BP[chosen_N], self.drawn_B[chosen_N])


class _Growth:
    """A contour in each image while it grows; its paddles are numbered from `owner`."""

    def __init__(self, canvas: Canvas, length: int, owner: int) -> None:
        count = len(canvas.owners_BHW)
        self.canvas = canvas
        self.owners = range(owner, owner + length)
        self.at_BP2 = np.zeros((count, length, 2), dtype=np.int64)
        self.paddles_BP = np.zeros((count, length), dtype=np.int64)
        self.joints_B2 = np.zeros((count, 2), dtype=np.int64)
        self.angles_B = np.zeros(count)

    def begin(self, images_N: Integers, tips_N2: Integers, degrees_N: Integers) -> Flags:
        """Place the first paddle; tell where that worked."""
        paddles = self.canvas.paddles
        angles_N = np.deg2rad(degrees_N - 180.0)
        joints_N2 = tips_N2 + _rounded(paddles.reach * unit(angles_N))
        works_N = self.canvas.inside(joints_N2) & self.canvas.inside(tips_N2)
        tips_N2 = np.clip(tips_N2, 0, self.canvas.window - 1)
        works_N &= ~self.canvas.blocked(images_N, tips_N2, degrees_N)
        self._place(0, images_N[works_N], tips_N2[works_N], degrees_N[works_N])
        self._continue(images_N[works_N], joints_N2[works_N], angles_N[works_N])
        return works_N

    def extend(
        self, rng: np.random.Generator, number: int, images_N: Integers, continuity: float
    ) -> Flags:
        """Place the next paddle; tell where that worked."""
        paddles, joints_N2 = self.canvas.paddles, self.joints_B2[images_N]
        own = self.owners[number - 1]
        weights_NK = _weights(paddles.angles_K - self.angles_B[images_N, None], continuity)
        ends_NK2 = joints_N2[:, None] + paddles.steps_K2
        weights_NK *= self.canvas.free(images_N, ends_NK2, own) & self.canvas.inside(ends_NK2)
        works_N = np.zeros(len(images_N), dtype=bool)
        choice_N = np.zeros(len(images_N), dtype=np.int64)
        for _ in range(_TRIES):
            (open_T,) = np.nonzero(~works_N & (weights_NK.sum(1) > 1e-4))
            drawn_T = _draw(rng, weights_NK[open_T])
            ends_T2 = ends_NK2[open_T, drawn_T]
            blocked_T = self.canvas.blocked(images_N[open_T], ends_T2, FIRST + drawn_T, own)
            works_N[open_T] = ~blocked_T
            choice_N[open_T] = drawn_T
        self._choose(number, images_N[works_N], choice_N[works_N])
        return works_N

    def _choose(self, number: int, images_N: Integers, choice_N: Integers) -> None:
        paddles, joints_N2 = self.canvas.paddles, self.joints_B2[images_N]
        ends_N2 = joints_N2 + paddles.steps_K2[choice_N]
        self._place(number, images_N, ends_N2, FIRST + choice_N)
        angles_N = paddles.angles_K[choice_N]
        step_N2 = _rounded((paddles.reach + paddles.margin) * unit(angles_N))
        self._continue(images_N, joints_N2 + step_N2, angles_N)

    def _place(self, number: int, images_N: Integers, at_N2: Integers, paddles_N: Integers) -> None:
        self.at_BP2[images_N, number] = at_N2
        self.paddles_BP[images_N, number] = paddles_N
        self.canvas.occupy(images_N, at_N2, paddles_N, self.owners[number])

    def _continue(self, images_N: Integers, joints_N2: Integers, angles_N: Floats) -> None:
        self.joints_B2[images_N] = joints_N2
        self.angles_B[images_N] = angles_N


def grow_targets(
    rng: np.random.Generator, canvas: Canvas, length: int, distance: int, continuity: float
) -> tuple[Contours, Contours]:
    """Grow two contours of `length` paddles, whose first tips are `distance` apart, in each image.

    Returns:
        The contours; `drawn_B` tells, for both alike, which images have both.
    """
    images_N = np.arange(len(canvas.owners_BHW))
    pair = [_Growth(canvas, length, FIRST_OWNER + each * length) for each in (0, 1)]
    for growth, tips_N2 in zip(pair, _first_tips(rng, images_N, canvas, distance), strict=True):
        degrees_N = rng.integers(FIRST, size=len(images_N))
        images_N = images_N[growth.begin(images_N, tips_N2[images_N], degrees_N)]
    for number in range(1, length):
        for growth in pair:
            images_N = images_N[growth.extend(rng, number, images_N, continuity)]
    drawn_B = np.zeros(len(canvas.owners_BHW), dtype=bool)
    drawn_B[images_N] = True
    first, second = (Contours(each.at_BP2, each.paddles_BP, drawn_B) for each in pair)
    return first, second


def grow_distractor(
    rng: np.random.Generator, canvas: Canvas, length: int, continuity: float, owner: int
) -> Contours:
    """Grow a contour of `length` paddles anywhere in each image, where it finds a place."""
    growth = _Growth(canvas, length, owner)
    drawn_B = np.zeros(len(canvas.owners_BHW), dtype=bool)
    for _ in range(_RESTARTS):
        started_N = images_N = _begin_anywhere(rng, growth, np.flatnonzero(~drawn_B))
        for number in range(1, length):
            images_N = images_N[growth.extend(rng, number, images_N, continuity)]
        drawn_B[images_N] = True
        canvas.erase(started_N[~drawn_B[started_N]], growth.owners)
    return Contours(growth.at_BP2, growth.paddles_BP, drawn_B)


def _begin_anywhere(rng: np.random.Generator, growth: _Growth, images_N: Integers) -> Integers:
    """Begin a contour at a random free place; return the images where one was found."""
    started: list[Integers] = [np.zeros(0, dtype=np.int64)]
    for _ in range(_PLACES):
        if not len(images_N):
            break
        tips_N2 = rng.integers(growth.canvas.window, size=(len(images_N), 2))
        begun_N = growth.begin(images_N, tips_N2, rng.integers(FIRST, size=len(images_N)))
        started.append(images_N[begun_N])
        images_N = images_N[~begun_N]
    return np.concatenate(started)


def _first_tips(
    rng: np.random.Generator, images_N: Integers, canvas: Canvas, distance: int
) -> tuple[Integers, Integers]:
    """Draw the first tips: at least two distances from the border, and one distance from that."""
    count, most = len(images_N), canvas.window - 2 * distance
    first_N2 = rng.integers(2 * distance, most, size=(count, 2))
    turns_N = rng.uniform(0, 2 * np.pi, size=count)
    return first_N2, first_N2 + _rounded(distance * unit(turns_N))


def _weights(turns_NK: Floats, continuity: float) -> Floats:
    """Return the weight of each turn, in radians, from 0 to 1."""
    turns_NK = np.abs((turns_NK + np.pi) % (2 * np.pi) - np.pi)
    weights_NK: Floats = np.cos(np.minimum(continuity * turns_NK, np.pi / 2)) ** 2
    return weights_NK


def _draw(rng: np.random.Generator, weights_NK: Floats) -> Integers:
    """Draw a place in each row by its weights, which are not all zero."""
    sums_NK = np.cumsum(weights_NK, axis=1)
    limit_N = rng.random(len(sums_NK)) * sums_NK[:, -1]
    drawn_N: Integers = (sums_NK > limit_N[:, None]).argmax(axis=1)
    return drawn_N


def _rounded(steps_N2: Floats) -> Integers:
    return np.rint(steps_N2).astype(np.int64)
