"""The selective scan of Mamba-1 in plain PyTorch (arXiv 2312.00752, §3.2 and algorithm 2).

For every channel, with a decay for each element of its state:

    h_t = exp(dt_t·A) ⊙ h_(t-1) + dt_t·x_t · B_t        y_t = C_t · h_t + D · x_t

The decays differ by element, so that no matrix product does this (Mamba-2's single decay a head
allows one, `common/ssd.py`). The sequence of L tokens is cut into about sqrt(L) chunks:

1. The state that each chunk adds: what its inputs leave at its end, one weighted sum.
2. Between chunks: the recurrence over chunks gives the state before each of them.
3. Inside chunks: the recurrence over the tokens of a chunk, of all chunks at once.

Both loops have about sqrt(L) steps. A chunk of one token is the recurrence itself, so decoding
needs no code of its own.

Numerical choices: everything is float32 at least (the caller converts); every exponent is a sum of
negative terms, so nothing overflows, whatever dt and A are.

Shapes: B batch, L length, S chunks, Q tokens of a chunk, E channels, N state size.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Operands(NamedTuple):
    """Inputs of the scan; all of one dtype.

    Attributes:
        x_BLE: inputs.
        dt_BLE: step sizes, positive.
        A_EN: decay rates, negative.
        B_BLN: input maps.
        C_BLN: output maps.
        D_E: weights of the direct path from input to output.
    """

    x_BLE: Tensor
    dt_BLE: Tensor
    A_EN: Tensor
    B_BLN: Tensor
    C_BLN: Tensor
    D_E: Tensor


def selective_scan(operands: Operands, state_BEN: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Run the recurrence over a whole sequence of any length.

    Args:
        operands: inputs, step sizes, decay rates and maps.
        state_BEN: the state before the first token; None for zero.

    Returns:
        y_BLE, and the state after the last token.
    """
    x_BLE, dt_BLE, A_EN, B_BLN, C_BLN, D_E = operands
    length = x_BLE.shape[1]
    dt_BSQE, Bx_BSQEN, C_BSQN = (
        _chunks(each, math.isqrt(length))
        for each in (dt_BLE, (dt_BLE * x_BLE).unsqueeze(-1) * B_BLN.unsqueeze(2), C_BLN)
    )
    if state_BEN is None:
        state_BEN = torch.zeros_like(Bx_BSQEN[:, 0, 0])
    state_BSEN = _before_chunks(dt_BSQE, A_EN, Bx_BSQEN, state_BEN)
    y_BSQE, state_BSEN = _inside_chunks(dt_BSQE, A_EN, Bx_BSQEN, C_BSQN, state_BSEN)
    y_BLE = y_BSQE.flatten(1, 2)[:, :length]
    return torch.addcmul(y_BLE, D_E, x_BLE), state_BSEN[:, -1]


def _chunks(x_BL: Tensor, chunk: int) -> Tensor:
    """Cut (B, L, ...) into (B, S, Q, ...).

    The last chunk is filled with zeros. A step of dt 0 neither decays the state nor adds to it.
    """
    missing = -x_BL.shape[1] % chunk
    if missing:
        x_BL = nn.functional.pad(x_BL, (0, 0) * (x_BL.dim() - 2) + (0, missing))
    return torch.unflatten(x_BL, 1, (-1, chunk))


def _before_chunks(dt_BSQE: Tensor, A_EN: Tensor, Bx_BSQEN: Tensor, state_BEN: Tensor) -> Tensor:
    """Return the state before every chunk."""
    # The sums of the steps after each one are added up from the end: no difference of large sums.
    later_BSQE = nn.functional.pad(dt_BSQE[:, :-1, 1:], (0, 0, 0, 1)).flip(2).cumsum(2).flip(2)
    to_end_BSQEN = (later_BSQE.unsqueeze(-1) * A_EN).exp()
    added_BSEN = (to_end_BSQEN * Bx_BSQEN[:, :-1]).sum(2)
    decay_BSEN = (dt_BSQE[:, :-1].sum(2).unsqueeze(-1) * A_EN).exp()
    states = [state_BEN]
    # unbind, not indexing: the gradient of an index is a tensor of zeros as large as the whole.
    for decay_BEN, added_BEN in zip(decay_BSEN.unbind(1), added_BSEN.unbind(1), strict=True):
        states.append(torch.addcmul(added_BEN, decay_BEN, states[-1]))
    return torch.stack(states, 1)


def _inside_chunks(
    dt_BSQE: Tensor, A_EN: Tensor, Bx_BSQEN: Tensor, C_BSQN: Tensor, state_BSEN: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the outputs of every step, without D·x, and the state after every chunk."""
    decay_BSQEN = (dt_BSQE.unsqueeze(-1) * A_EN).exp()
    steps = zip(decay_BSQEN.unbind(2), Bx_BSQEN.unbind(2), C_BSQN.unbind(2), strict=True)
    outputs = []
    for decay_BSEN, Bx_BSEN, C_BSN in steps:
        state_BSEN = torch.addcmul(Bx_BSEN, decay_BSEN, state_BSEN)
        outputs.append((state_BSEN @ C_BSN.unsqueeze(-1)).squeeze(-1))
    return torch.stack(outputs, 2), state_BSEN
