"""Which paddle occupies each pixel, in many images at once.

Shapes: B images, N of them that are asked for, K places, D pixels near a
place, H and W pixels with room around for paddles at the border, S side of a paddle's array.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.lra.pathfinder_paddles import Flags, Integers, Paddles

_FREE, _BORDER = 0, 1
FIRST_OWNER = 2
"""Numbers of paddles begin here; they fit in a byte."""
MOST_PADDLES = 256 - FIRST_OWNER


@dataclass
class Canvas:
    """Occupied pixels.

    Attributes:
        paddles: the paddles that are placed.
        window: pixels of a side of an image.
        owners_BHW: 0 free, 1 border, else the number of the paddle that occupies the pixel.
    """

    paddles: Paddles
    window: int
    owners_BHW: NDArray[np.uint8]

    @staticmethod
    def empty(images: int, window: int, padding: int, paddles: Paddles) -> "Canvas":
        """Return images without paddles, with a border of `padding` pixels that stays free."""
        side = window + 2 * paddles.half
        inner = slice(paddles.half + padding, side - paddles.half - padding)
        owners_BHW = np.full((images, side, side), _BORDER, dtype=np.uint8)
        owners_BHW[:, inner, inner] = _FREE
        return Canvas(paddles, window, owners_BHW)

    def rows(self, chosen_N: Integers) -> "Canvas":
        """Return the canvas of the chosen images."""
        return Canvas(self.paddles, self.window, self.owners_BHW[chosen_N])

    @staticmethod
    def join(parts: Sequence["Canvas"]) -> "Canvas":
        """Return the images of all parts, in order."""
        owners_BHW = np.concatenate([part.owners_BHW for part in parts])
        return Canvas(parts[0].paddles, parts[0].window, owners_BHW)

    def blocked(
        self, images_N: Integers, at_N2: Integers, paddles_N: Integers, own: int = _FREE
    ) -> Flags:
        """Tell whether a paddle would touch one that is there, other than the paddle `own`."""
        there_NSS = self.owners_BHW[self._window(images_N, at_N2)]
        taken_NSS = (there_NSS != _FREE) & (there_NSS != own) & self.paddles.areas_ASS[paddles_N]
        return np.asarray(taken_NSS.any((1, 2)))

    def free(self, images_N: Integers, at_NK2: Integers, own: int) -> Flags:
        """Tell for each place (N, K) whether no paddle but `own` is within a margin of it."""
        half, most = self.paddles.half, self.owners_BHW.shape[1] - 1
        at_NKD2 = at_NK2[:, :, None] + half + self.paddles.near_D2
        np.minimum(np.maximum(at_NKD2, 0, out=at_NKD2), most, out=at_NKD2)
        there_NKD = self.owners_BHW[images_N[:, None, None], at_NKD2[..., 0], at_NKD2[..., 1]]
        return np.asarray(np.isin(there_NKD, (_FREE, own)).all(-1))

    def occupy(self, images_N: Integers, at_N2: Integers, paddles_N: Integers, owner: int) -> None:
        """Place one paddle in each of these images."""
        place = self._window(images_N, at_N2)
        areas_NSS = self.paddles.areas_ASS[paddles_N]
        self.owners_BHW[place] = np.where(areas_NSS, np.uint8(owner), self.owners_BHW[place])

    def erase(self, images_N: Integers, owners: range) -> None:
        """Remove these paddles from the images."""
        there_NHW = self.owners_BHW[images_N]
        there_NHW[(there_NHW >= owners.start) & (there_NHW < owners.stop)] = _FREE
        self.owners_BHW[images_N] = there_NHW

    def inside(self, at_N2: Integers) -> Flags:
        """Tell whether places are in the window."""
        return np.asarray(((at_N2 >= 0) & (at_N2 < self.window)).all(-1))

    def _window(
        self, images_N: Integers, at_N2: Integers
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the index of the pixels (N, S, S) of paddles at these anchors."""
        span_S = np.arange(2 * self.paddles.half + 1)
        return (
            images_N[:, None, None],
            at_N2[:, 0, None, None] + span_S[:, None],
            at_N2[:, 1, None, None] + span_S,
        )
