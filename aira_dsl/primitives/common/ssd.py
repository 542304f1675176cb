"""The state-space dual form of Mamba-2's recurrence, in plain PyTorch (arXiv 2405.21060, §6).

For every head, with one scalar decay a step:

    h_t = exp(dt_t·A) · h_(t-1) + dt_t · B_t ⊗ x_t        y_t = C_t · h_t + D · x_t

The sequence is cut into chunks, and the output is computed in the four steps of the paper (§6, and
its listing 1):

1. Inside each chunk, from its own inputs: a masked matrix product, like attention without softmax.
2. The state that each chunk adds: what its inputs leave at its end.
3. Between chunks: the recurrence over chunks gives the state before each of them.
4. Inside each chunk, from the state before it.

A chunk of one token is the recurrence itself, so decoding needs no code of its own.

Numerical choices: everything is float32 at least (the caller converts); only sums of dt·A over
later steps are exponentiated, so every exponent is at most zero and nothing overflows, whatever dt
and A are; later tokens get the exponent -inf, thus an exact zero with a zero gradient.

For speed, dt, D and the decays are multiplied into the Q×Q weights and into B and C, which are
narrow, rather than into x and y.

Shapes: B batch, L length, S chunks, Q tokens of a chunk (also as source position), H heads,
P head dimension, G groups, R heads of a group (H = G·R), N state size.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Operands(NamedTuple):
    """Inputs of the recurrence; all of one dtype.

    Attributes:
        x_BLHP: inputs.
        dt_BLH: step sizes, positive.
        A_H: decay rates, negative.
        B_BLGN: input maps of each group.
        C_BLGN: output maps of each group.
        D_H: weights of the direct path from input to output.
    """

    x_BLHP: Tensor
    dt_BLH: Tensor
    A_H: Tensor
    B_BLGN: Tensor
    C_BLGN: Tensor
    D_H: Tensor


def ssd(
    operands: Operands,
    *,
    chunk: int,
    state_BHPN: Tensor | None = None,
    want_state: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Run the recurrence over a whole sequence of any length.

    Args:
        operands: inputs, step sizes, decay rates and maps.
        chunk: tokens of a chunk, at least 1; changes speed and rounding only.
        state_BHPN: the state before the first token; None for zero.
        want_state: whether to return the state after the last token.

    Returns:
        y_BLHP, and the last state, or None if not wanted.
    """
    x_BLHP, dt_BLH, A_H, B_BLGN, C_BLGN, D_H = operands
    length, groups = B_BLGN.shape[1:3]
    chunk = min(chunk, length)
    x_BSGRQP = _heads(_chunks(x_BLHP, chunk), groups)
    dt_BSGRQ = _heads(_chunks(dt_BLH, chunk), groups)
    sums_BSGRQ = _heads(_chunks(dt_BLH * A_H, chunk), groups).cumsum(-1)
    B_BSGQN, C_BSGQN = _chunks(B_BLGN, chunk), _chunks(C_BLGN, chunk)

    # 1. Outputs of each chunk from its own inputs; D·x is the diagonal of the same product.
    weights_BSGRQQ = _weights(C_BSGQN @ B_BSGQN.mT, dt_BSGRQ, sums_BSGRQ)
    direct_GRQQ = D_H.view(groups, -1, 1, 1) * torch.eye(chunk, dtype=D_H.dtype, device=D_H.device)
    y_BSGRQP = (weights_BSGRQQ + direct_GRQQ) @ x_BSGRQP
    last_BHPN = None
    if state_BHPN is not None or want_state or x_BSGRQP.shape[1] > 1:
        # 2. The state that each chunk adds: inputs, decayed until the chunk's end.
        to_end_BSGRQ = dt_BSGRQ * (sums_BSGRQ[..., -1:] - sums_BSGRQ).exp()
        added_BSGRNP = (B_BSGQN.mT.unsqueeze(3) * to_end_BSGRQ.unsqueeze(-2)) @ x_BSGRQP
        # 3. The state before each chunk.
        first = None if state_BHPN is None else _split(state_BHPN.mT, 1, groups)
        states_BSGRNP, last_BGRNP = _carry(added_BSGRNP, sums_BSGRQ[..., -1].exp(), first)
        # 4. Outputs of each chunk from the state before it, decayed until each token.
        reading_BSGRQN = C_BSGQN.unsqueeze(3) * sums_BSGRQ.exp().unsqueeze(-1)
        y_BSGRQP = y_BSGRQP + reading_BSGRQN @ states_BSGRNP
        last_BHPN = last_BGRNP.flatten(1, 2).mT if want_state else None
    y_BLHP = y_BSGRQP.flatten(2, 3).transpose(2, 3).flatten(1, 2)
    return y_BLHP[:, :length], last_BHPN


def _chunks(x_BLG: Tensor, chunk: int) -> Tensor:
    """Cut (B, L, G, ...) into (B, S, G, Q, ...).

    The last chunk is filled with zeros. A step of dt 0 neither decays the state nor adds to it.
    """
    missing = -x_BLG.shape[1] % chunk
    if missing:
        x_BLG = nn.functional.pad(x_BLG, (0, 0) * (x_BLG.dim() - 2) + (0, missing))
    return torch.unflatten(x_BLG, 1, (-1, chunk)).transpose(2, 3)


def _heads(x_BSH: Tensor, groups: int) -> Tensor:
    """Split heads into groups; copied, since every later step reads it in this order."""
    return _split(x_BSH.contiguous(), 2, groups)


def _split(x: Tensor, dim: int, groups: int) -> Tensor:
    return torch.unflatten(x, dim, (groups, -1))


def _weights(scores_BSGQQ: Tensor, dt_BSGRQ: Tensor, sums_BSGRQ: Tensor) -> Tensor:
    """Return how much every input of a chunk contributes to every output of it."""
    size = sums_BSGRQ.shape[-1]
    ahead_QQ = sums_BSGRQ.new_full((size, size), -torch.inf).triu(1)
    exponents_BSGRQQ = (sums_BSGRQ.unsqueeze(-1) + ahead_QQ) - sums_BSGRQ.unsqueeze(-2)
    return scores_BSGQQ.unsqueeze(3) * exponents_BSGRQQ.exp() * dt_BSGRQ.unsqueeze(-2)


def _carry(
    added_BSGRNP: Tensor, decay_BSGR: Tensor, first_BGRNP: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the states before every chunk, and the one after the last."""
    state = torch.zeros_like(added_BSGRNP[:, 0]) if first_BGRNP is None else first_BGRNP
    states = []
    # unbind, not indexing: the gradient of an index is a tensor of zeros as large as the whole.
    decays = decay_BSGR[..., None, None].unbind(1)
    for decay, contribution in zip(decays, added_BSGRNP.unbind(1), strict=True):
        states.append(state)
        state = torch.addcmul(contribution, decay, state)
    return torch.stack(states, 1), state
