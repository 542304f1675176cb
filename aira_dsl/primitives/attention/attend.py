"""Weighted means of values: over all earlier tokens, a window of them, or the token's chunk.

Windows and chunks are computed in blocks, so that time and memory grow with the window and not with
the context. Without sinks and bounded scores PyTorch's scaled_dot_product_attention does the work.

Shapes: B batch, L new tokens, S kept and new tokens, H heads, K key/value heads, P channels of a
key, V of a value, N blocks of Q queries, T keys of a block.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

CPU_HEAD_DIM = 16
"""SDPA's CPU kernel works on vectors of 16 floats. The paper's heads of 8, filled up with zeros to
16, train a fifth faster (docs/compiler.md) with the same result."""

SMALLEST_BLOCK = 64
"""Queries of a block at least, however small the window is."""


class Heads(NamedTuple):
    """Queries of new tokens, keys and values of kept and new tokens, and scores of sinks."""

    q_BHLP: Tensor
    k_BKSP: Tensor
    v_BKSV: Tensor
    sinks_H: Tensor | None

    @property
    def length(self) -> int:
        """Number of new tokens."""
        return self.q_BHLP.shape[2]

    @property
    def kept(self) -> int:
        """Number of tokens before the new ones."""
        return self.k_BKSP.shape[2] - self.length


@dataclass(frozen=True, slots=True)
class Attending:
    """What a token attends to, and how.

    Attributes:
        scale: factor of the scores.
        window: tokens that are seen, the token itself included; None for all earlier ones.
        chunk: length of the pieces that do not see each other; None for one piece.
        softcap: bound of the scores; None for no bound.
    """

    scale: float
    window: int | None = None
    chunk: int | None = None
    softcap: float | None = None

    @property
    def reach(self) -> int | None:
        """Tokens that decoding has to keep; None for all."""
        return self.window or self.chunk


def attend(heads: Heads, past: int, how: Attending) -> Tensor:
    """Return y_BHLV; `past` tokens of the sequences come before the new ones.

    The kept tokens are the latest of these `past` tokens: all that can be reached, at least.
    """
    if how.chunk is not None:
        return _in_chunks(heads, past % how.chunk, how)
    if how.window is not None and heads.kept + heads.length > how.window:
        return _in_windows(heads, how.window, how)
    mask_LS = None
    if past and heads.length > 1:  # SDPA's own causal mask would align the first tokens
        every = heads.q_BHLP.new_ones(heads.length, past + heads.length, dtype=torch.bool)
        mask_LS = every.tril(diagonal=past)
    return _mean(heads, mask_LS, how)


def _in_chunks(heads: Heads, offset: int, how: Attending) -> Tensor:
    """Attend within chunks; the first `offset` tokens of the first one are among the kept."""
    assert how.chunk is not None
    q_BHLP, k_BKSP, v_BKSV, sinks_H = heads
    total, whole = offset + heads.length, Attending(how.scale, softcap=how.softcap)
    k_BKSP, v_BKSV = k_BKSP[:, :, -total:], v_BKSV[:, :, -total:]
    if total <= how.chunk:
        return attend(Heads(q_BHLP, k_BKSP, v_BKSV, sinks_H), offset, whole)
    # Queries before the first new token are padding: every chunk is then a causal square.
    end = -total % how.chunk
    padded = _padded(q_BHLP, offset, end), _padded(k_BKSP, 0, end), _padded(v_BKSV, 0, end)
    q_NHQP, k_NKQP, v_NKQV = (_blocks(x, how.chunk) for x in padded)
    y_NHQV = attend(Heads(q_NHQP, k_NKQP, v_NKQV, sinks_H), 0, whole)
    return _joined(y_NHQV, len(q_BHLP)).narrow(2, offset, heads.length)


def _in_windows(heads: Heads, window: int, how: Attending) -> Tensor:
    """Attend from blocks of Q queries, each to its own keys and the window - 1 before them."""
    q_BHLP, k_BKSP, v_BKSV, sinks_H = heads
    batch, length, before = len(q_BHLP), heads.length, window - 1
    if length == 1:
        return _mean(
            Heads(q_BHLP, k_BKSP[:, :, -window:], v_BKSV[:, :, -window:], sinks_H), None, how
        )
    size = min(max(window, SMALLEST_BLOCK), length)
    end = -length % size
    q_NHQP = _blocks(_padded(q_BHLP, 0, end), size)
    k_NKTP, v_NKTV = (
        _padded(x, before - heads.kept, end)
        .unfold(2, before + size, size)
        .permute(0, 2, 1, 4, 3)
        .flatten(0, 1)
        for x in (k_BKSP, v_BKSV)
    )
    padding = max(0, before - heads.kept)
    mask_N1QT = _window_mask(len(q_NHQP) // batch, size, before, padding, q_BHLP.device)
    inner = Heads(q_NHQP, k_NKTP, v_NKTV, sinks_H)
    y_NHQV = _mean(inner, mask_N1QT.repeat(batch, 1, 1, 1), how)
    return _joined(y_NHQV, batch)[:, :, :length]


def _window_mask(blocks: int, size: int, before: int, padding: int, device: torch.device) -> Tensor:
    """Return which of the before + Q keys each of Q queries sees: (N, 1, Q, before + Q).

    Query i of a block is key before + i there. The first `padding` keys of all belong to no token.
    """
    query_Q1 = torch.arange(size, device=device)[:, None]
    key_T = torch.arange(before + size, device=device)
    start_N1 = torch.arange(blocks, device=device)[:, None] * size
    band_QT = (key_T >= query_Q1) & (key_T <= query_Q1 + before)
    real_NT = start_N1 + key_T >= padding
    return (band_QT & real_NT[:, None])[:, None]


def _padded(x_BHLP: Tensor, before: int, end: int) -> Tensor:
    """Add zeros at both ends of the sequence; a negative number of them cuts tokens off."""
    return nn.functional.pad(x_BHLP, (0, 0, before, end))


def _blocks(x_BHLP: Tensor, size: int) -> Tensor:
    """Make sequences of blocks: (B, H, n·Q, P) to (B·n, H, Q, P)."""
    return torch.unflatten(x_BHLP, 2, (-1, size)).transpose(1, 2).flatten(0, 1)


def _joined(x_NHQP: Tensor, batch: int) -> Tensor:
    """Undo `_blocks`."""
    return torch.unflatten(x_NHQP, 0, (batch, -1)).transpose(1, 2).flatten(2, 3)


def _mean(heads: Heads, mask_LS: Tensor | None, how: Attending) -> Tensor:
    """Return the means; without a mask, several new tokens are all there is, in causal order."""
    q_BHLP, k_BKSP, v_BKSV, sinks_H = heads
    if sinks_H is not None or how.softcap is not None:
        return _written_out(heads, mask_LS, how)
    channels = v_BKSV.shape[-1]
    if q_BHLP.is_cpu and q_BHLP.shape[-1] == channels < CPU_HEAD_DIM and heads.length > 1:
        missing = (0, CPU_HEAD_DIM - channels)
        q_BHLP, k_BKSP, v_BKSV = (nn.functional.pad(x, missing) for x in (q_BHLP, k_BKSP, v_BKSV))
    y_BHLV = nn.functional.scaled_dot_product_attention(
        q_BHLP,
        k_BKSP,
        v_BKSV,
        attn_mask=mask_LS,
        is_causal=mask_LS is None and heads.kept == 0,
        scale=how.scale,
        enable_gqa=q_BHLP.shape[1] != k_BKSP.shape[1],
    )
    return y_BHLV[..., :channels]


def _written_out(heads: Heads, mask_LS: Tensor | None, how: Attending) -> Tensor:
    """Compute what SDPA has no argument for; the softmax in float32 at least."""
    q_BHLP, k_BKSP, v_BKSV, sinks_H = heads
    if mask_LS is None:
        mask_LS = q_BHLP.new_ones(heads.length, k_BKSP.shape[2], dtype=torch.bool).tril(heads.kept)
    group = q_BHLP.shape[1] // k_BKSP.shape[1]
    k_BHSP, v_BHSV = (x.repeat_interleave(group, dim=1) for x in (k_BKSP, v_BKSV))
    scores_BHLS = (q_BHLP @ k_BHSP.mT) * how.scale
    scores_BHLS = scores_BHLS.to(torch.promote_types(scores_BHLS.dtype, torch.float32))
    if how.softcap is not None:
        scores_BHLS = how.softcap * torch.tanh(scores_BHLS / how.softcap)
    scores_BHLS = scores_BHLS.masked_fill(~mask_LS, -torch.inf)
    if sinks_H is not None:
        sinks_BHL1 = sinks_H[:, None, None].expand(*scores_BHLS.shape[:3], 1)
        scores_BHLS = torch.cat((scores_BHLS, sinks_BHL1.to(scores_BHLS.dtype)), dim=-1)
    weights_BHLS = scores_BHLS.softmax(dim=-1)[..., : k_BKSP.shape[2]]
    return weights_BHLS.to(v_BHSV.dtype) @ v_BHSV
