"""Stand-in for CIFAR-10: grey images of ten shapes, anywhere, of any size, turned, with noise.

Shapes: N images, S pixels of a side.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]

_NOISE = (0.05, 0.25)  # standard deviation, of the brightness between shape and background


def _triangle(u: Plane, v: Plane) -> NDArray[np.bool_]:
    return (v > -0.6) & (v < 1 - 1.6 / 0.9 * np.abs(u))


SHAPES: dict[str, Callable[[Plane, Plane], NDArray[np.bool_]]] = {
    "disc": lambda u, v: np.hypot(u, v) < 0.9,
    "ring": lambda u, v: (np.hypot(u, v) < 1) & (np.hypot(u, v) > 0.55),
    "square": lambda u, v: np.maximum(abs(u), abs(v)) < 0.75,
    "frame": lambda u, v: (np.maximum(abs(u), abs(v)) < 0.85) & (np.maximum(abs(u), abs(v)) > 0.45),
    "triangle": _triangle,
    "cross": lambda u, v: (np.minimum(abs(u), abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 1),
    "bar": lambda u, v: (abs(u) < 0.35) & (abs(v) < 1),
    "two bars": lambda u, v: (abs(abs(u) - 0.6) < 0.28) & (abs(v) < 0.9),
    "crescent": lambda u, v: (np.hypot(u, v) < 1) & (np.hypot(u - 0.55, v) > 0.8),
    "corner": lambda u, v: (np.minimum(u, v) < -0.25) & (np.maximum(abs(u), abs(v)) < 0.85),
}
"""Whether a point is in the shape, in coordinates of about -1 to 1."""


def draw_shapes(
    rng: np.random.Generator, labels_N: NDArray[np.uint8], side: int
) -> NDArray[np.uint8]:
    """Draw one image (N, S, S) of the shape of each label, in the order of `SHAPES`.

    The shape is darker than the background in half of the images, so that brightness says little.
    """
    pixels_NSS = np.empty((len(labels_N), side, side), dtype=np.uint8)
    for label, shape in enumerate(SHAPES.values()):
        (chosen,) = np.nonzero(labels_N == label)
        pixels_NSS[chosen] = _draw(rng, shape, len(chosen), side)
    return pixels_NSS


def _draw(
    rng: np.random.Generator,
    shape: Callable[[Plane, Plane], NDArray[np.bool_]],
    count: int,
    side: int,
) -> NDArray[np.uint8]:
    size, turn = rng.uniform(0.2, 0.4, count), rng.uniform(0, 2 * np.pi, count)
    y, x = rng.uniform(0.4, 0.6, (2, count))
    fine = (np.arange(2 * side) + 0.5) / (2 * side)
    down = (fine[None, :, None] - y[:, None, None]) / size[:, None, None]
    right = (fine[None, None, :] - x[:, None, None]) / size[:, None, None]
    cosine, sine = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    inside = shape(cosine * right - sine * down, sine * right + cosine * down)
    covered_NSS = inside.reshape(count, side, 2, side, 2).mean(axis=(2, 4))
    return _shade(rng, covered_NSS)


def _shade(rng: np.random.Generator, covered_NSS: Plane) -> NDArray[np.uint8]:
    """Give shape and background random brightness, and add noise."""
    count = len(covered_NSS)
    contrast = rng.uniform(0.3, 0.8, count) * rng.choice([-1, 1], count)
    background = np.where(contrast > 0, 0.1, 0.9) + rng.uniform(-0.1, 0.1, count)
    noise = rng.normal(size=covered_NSS.shape) * rng.uniform(*_NOISE, count)[:, None, None]
    bright = background[:, None, None] + contrast[:, None, None] * covered_NSS
    noisy = bright + noise * np.abs(contrast)[:, None, None]
    pixels_NSS: NDArray[np.uint8] = np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
    return pixels_NSS
