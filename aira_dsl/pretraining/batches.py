"""What a process computes of a batch: parts of equal work, or documents one by one.

With `documents separate` a row is cut where documents begin, and each piece is a sequence of its
own, padded at its end. No model reads later tokens, so attention and states of any block stay
inside documents, with kernels that know nothing of documents. Pieces of similar length share a
part, so that padding costs little.

Shapes: B rows, S = T + 1 tokens of a row, P pieces, L positions of the longest.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aira_dsl.data.tokens.rows import Batch
from aira_dsl.pretraining.network import IGNORE

RATIO, SHORTEST = 4, 16
"""Pieces share a part if the longest has at most four times the length of the shortest, or 16."""

Part = tuple[Tensor, Tensor]
"""Tokens and targets of one pass, (P, L) each."""


def parts_of(batch: Batch, accumulate: int, *, even: bool) -> list[Part]:
    """Return the passes over a process's share of a batch; each target is in one of them.

    Args:
        batch: the rows of this process.
        accumulate: number of groups of rows, at least; a divisor of the number of rows.
        even: whether every batch must have the same number of parts, as processes that exchange
            parameters in every pass need; missing parts have no targets.
    """
    tokens_BS, segments_BS = batch.tokens_BS, batch.segments_BS
    size = len(tokens_BS) // accumulate
    groups = [slice(start, start + size) for start in range(0, len(tokens_BS), size)]
    if segments_BS is None:
        return [_part(tokens_BS[rows, :-1], tokens_BS[rows, 1:]) for rows in groups]
    return [
        part for rows in groups for part in _pieces(tokens_BS[rows], segments_BS[rows], even=even)
    ]


def _pieces(
    tokens_BS: NDArray[np.int64], segments_BS: NDArray[np.int32], *, even: bool
) -> Iterator[Part]:
    """Yield the documents of rows, the shortest first."""
    borders = [_borders(segments_S) for segments_S in segments_BS[:, :-1]]
    spans = [(row, a, b) for row, edges in enumerate(borders) for a, b in edges]
    longest = segments_BS.shape[1] - 1
    low = 0
    for high in _limits(longest):
        chosen = [span for span in spans if low < span[2] - span[1] <= high]
        low = high
        if chosen or even:
            yield _padded(tokens_BS, chosen)


def _borders(segments_T: NDArray[np.int32]) -> list[tuple[int, int]]:
    inner = (np.flatnonzero(np.diff(segments_T)) + 1).tolist()
    return list(zip([0, *inner], [*inner, len(segments_T)], strict=True))


def _limits(longest: int) -> list[int]:
    """Return the lengths up to which pieces share a part, in ascending order."""
    limits = [longest]
    while limits[-1] > SHORTEST:
        limits.append(max(SHORTEST, limits[-1] // RATIO))
    return limits[::-1]


def _padded(tokens_BS: NDArray[np.int64], spans: list[tuple[int, int, int]]) -> Part:
    length = max((stop - start for _, start, stop in spans), default=1)
    inputs_PL = np.zeros((max(1, len(spans)), length), np.int64)
    targets_PL = np.full_like(inputs_PL, IGNORE)
    for place, (row, start, stop) in enumerate(spans):
        inputs_PL[place, : stop - start] = tokens_BS[row, start:stop]
        targets_PL[place, : stop - start] = tokens_BS[row, start + 1 : stop + 1]
    return _part(inputs_PL, targets_PL)


def _part(inputs_PL: NDArray[np.int64], targets_PL: NDArray[np.int64]) -> Part:
    return torch.from_numpy(inputs_PL), torch.from_numpy(targets_PL)
