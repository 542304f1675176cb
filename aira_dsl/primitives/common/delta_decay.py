"""Products of readers and sources of a chunk under the decay between them.

For the delta rule (`delta_rule.py`) a reader i of a chunk and a source j, j ≤ i, have the score

    score_ij = sum_k x_ik · y_jk · exp(c_ik - c_jk)

where c is the running sum of log decays within the chunk, thus c_i ≤ c_j. Both classes exponentiate
differences only: exp(-c_j) by itself overflows after a few tokens of strong decay.

- One decay a token (Gated DeltaNet): the exponential is a factor of the whole score.
- One decay a channel (KDA): the exponential is inside the sum. It is split at a reference r:
  exp(c_i - c_r)·exp(c_r - c_j). A chunk is halved again and again; readers in the second half and
  sources in the first half have r between them, so both exponents are at most zero. Blocks of
  `BLOCK` tokens are not halved: r is in their middle, and an exponent is BLOCK / 2 log decays at
  most, each of which is at least `least_log_decay`.

Shapes: M chunks of all heads and sequences, C tokens of a chunk, K key size, W tokens of a block,
G blocks of a chunk, H readers or sources of a block. A leading 2 is keys, then queries.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 8


def least_log_decay(dtype: torch.dtype) -> float:
    """Return the log decay below which a state counts as forgotten.

    -20 in float32: exp(-20) = 2e-9 is below its precision, and exp(20·BLOCK / 2) is finite.
    """
    return -math.floor(math.log(torch.finfo(dtype).max) / (BLOCK / 2 + 0.4))


def between(sums_MCD: Tensor) -> "Decay":
    """Return the decay within chunks: by token if the sums have one channel, else by channel."""
    return TokenDecay(sums_MCD) if sums_MCD.shape[-1] == 1 else ChannelDecay(sums_MCD)


class TokenDecay:
    """exp(c_i - c_j) for j ≤ i, else 0."""

    def __init__(self, sums_MC1: Tensor) -> None:
        size = sums_MC1.shape[1]
        ahead_CC = sums_MC1.new_full((size, size), -torch.inf).triu_(1)
        self.factor_MCC = ((sums_MC1 + ahead_CC) - sums_MC1.mT).exp_()

    def scores(self, readers_2MCK: Tensor, sources_MCK: Tensor) -> Tensor:
        """Return scores_2MCC; those of later sources are zero."""
        factor_MCC = self.factor_MCC
        scores_2MCC = factor_MCC.new_empty(2, *factor_MCC.shape)
        for readers_MCK, scores_MCC in zip(readers_2MCK, scores_2MCC, strict=True):
            torch.bmm(readers_MCK, sources_MCK.mT, out=scores_MCC)
        return scores_2MCC.mul_(factor_MCC)

    def add_gradients(
        self,
        grad_2MCC: Tensor,
        readers_2MCK: Tensor,
        sources_MCK: Tensor,
        into: tuple[Tensor, Tensor],
    ) -> None:
        """Add the gradients of readers and sources to `into`; overwrites that of the scores."""
        grad_readers_2MCK, grad_sources_MCK = into
        grad_2MCC.mul_(self.factor_MCC)
        for grad_MCC, readers_MCK, grad_readers_MCK in zip(
            grad_2MCC, readers_2MCK, grad_readers_2MCK, strict=True
        ):
            grad_readers_MCK.baddbmm_(grad_MCC, sources_MCK)
            grad_sources_MCK.baddbmm_(grad_MCC.mT, readers_MCK)


class _Span(NamedTuple):
    """Which readers and sources of every block of one size, and their decays from a reference."""

    size: int
    readers: slice
    sources: slice
    left_MGHK: Tensor
    right_MGHK: Tensor


class ChannelDecay:
    """exp(c_ik - c_jk) for j ≤ i, a factor for every channel, by blocks of a chunk."""

    def __init__(self, sums_MCK: Tensor) -> None:
        self.spans = []
        size = sums_MCK.shape[1]
        while size > BLOCK:
            half = size // 2
            self.spans.append(_span(sums_MCK, size, (slice(half, size), slice(half)), half - 1))
            size = half
        self.spans.append(_span(sums_MCK, size, (slice(size), slice(size)), size // 2))

    def scores(self, readers_2MCK: Tensor, sources_MCK: Tensor) -> Tensor:
        """Return scores_2MCC; those of later sources are zero."""
        chunks, size, _ = sources_MCK.shape
        scores_2MCC = sources_MCK.new_zeros(2, chunks, size, size)
        for span in self.spans:
            left, right = _scaled(span, readers_2MCK, sources_MCK)
            products = torch.unflatten(torch.bmm(left, right.mT), 0, (chunks, -1))
            block_2MHHG = _diagonal_blocks(scores_2MCC, span)
            block_2MHHG.copy_(torch.unflatten(products, 2, (2, -1)).permute(2, 0, 3, 4, 1))
        # A product of a block with a later source may be infinite; it is overwritten.
        return scores_2MCC.tril_()

    def add_gradients(
        self,
        grad_2MCC: Tensor,
        readers_2MCK: Tensor,
        sources_MCK: Tensor,
        into: tuple[Tensor, Tensor],
    ) -> None:
        """Add the gradients of readers and sources to `into`; overwrites that of the scores."""
        grad_readers_2MCK, grad_sources_MCK = into
        grad_2MCC.tril_()
        for span in self.spans:
            left, right = _scaled(span, readers_2MCK, sources_MCK)
            grad = _diagonal_blocks(grad_2MCC, span).permute(1, 4, 0, 2, 3).flatten(2, 3)
            grad = grad.flatten(0, 1)
            to_readers = torch.bmm(grad, right).view(_pair_shape(span))
            to_sources = torch.bmm(grad.mT, left).view(span.right_MGHK.shape)
            _blocks(grad_readers_2MCK, span.size)[..., span.readers, :].addcmul_(
                to_readers.permute(2, 0, 1, 3, 4), span.left_MGHK
            )
            _blocks(grad_sources_MCK, span.size)[..., span.sources, :].addcmul_(
                to_sources, span.right_MGHK
            )


Decay = TokenDecay | ChannelDecay


def _span(sums_MCK: Tensor, size: int, parts: tuple[slice, slice], reference: int) -> _Span:
    readers, sources = parts
    sums_MGWK = _blocks(sums_MCK, size)
    at_MG1K = sums_MGWK[:, :, reference : reference + 1]
    left_MGHK = (sums_MGWK[:, :, readers] - at_MG1K).exp_()
    right_MGHK = (at_MG1K - sums_MGWK[:, :, sources]).exp_()
    return _Span(size, readers, sources, left_MGHK, right_MGHK)


def _scaled(span: _Span, readers_2MCK: Tensor, sources_MCK: Tensor) -> tuple[Tensor, Tensor]:
    """Return keys over queries (M·G, 2·H, K), and sources (M·G, H, K), scaled by the decays."""
    readers_MG2HK = _blocks(readers_2MCK, span.size)[..., span.readers, :].permute(1, 2, 0, 3, 4)
    # Contiguous first: torch.compile loses the layout of `out`.
    left_MG2HK = readers_MG2HK.clone(memory_format=torch.contiguous_format)
    left_MG2HK.mul_(span.left_MGHK.unsqueeze(2))
    right_MGHK = _blocks(sources_MCK, span.size)[..., span.sources, :] * span.right_MGHK
    return left_MG2HK.flatten(2, 3).flatten(0, 1), right_MGHK.flatten(0, 1)


def _pair_shape(span: _Span) -> tuple[int, ...]:
    chunks, blocks, half, key_dim = span.left_MGHK.shape
    return chunks, blocks, 2, half, key_dim


def _blocks(x_MCK: Tensor, size: int) -> Tensor:
    """Cut chunks (…, C, K) into blocks (…, G, W, K)."""
    return torch.unflatten(x_MCK, -2, (-1, size))


def _diagonal_blocks(x_2MCC: Tensor, span: _Span) -> Tensor:
    """Return a view (2, M, H, H, G) of the scores of a span's readers and sources."""
    x_2MCGW = torch.unflatten(x_2MCC, 3, (-1, span.size))
    x_2MGWGW = torch.unflatten(x_2MCGW, 2, (-1, span.size))
    return x_2MGWGW.diagonal(dim1=2, dim2=4)[:, :, span.readers, span.sources]
