"""A diagonal linear recurrence, h_t = a_t·h_(t-1) + x_t for every channel, in plain PyTorch.

The sequence of L tokens is cut into about sqrt(L) chunks:

1. Inside chunks: the recurrence from zero over the tokens of a chunk, of all chunks at once.
2. Between chunks: the recurrence over chunks gives the state before each of them.
3. That state, decayed until each token, is added.

Both loops have about sqrt(L) steps. A chunk of one token is the recurrence itself, so decoding
needs no code of its own. Decays are given by their logarithms, which are at most zero, and only
sums of them are exponentiated: nothing overflows.

Shapes: B batch, L length, S chunks, Q tokens of a chunk, E channels.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def scan(log_decay_BLE: Tensor, x_BLE: Tensor, state_BE: Tensor) -> tuple[Tensor, Tensor]:
    """Run the recurrence over a whole sequence of any length.

    Args:
        log_decay_BLE: logarithms of a, at most 0.
        x_BLE: inputs, of the same dtype.
        state_BE: the state before the first token.

    Returns:
        h_BLE, and the state after the last token.
    """
    length = x_BLE.shape[1]
    log_decay_BSQE, x_BSQE = (_chunks(each, math.isqrt(length)) for each in (log_decay_BLE, x_BLE))
    inside_BSQE = torch.stack(
        _recur(log_decay_BSQE.exp().unbind(2), x_BSQE.unbind(2), torch.zeros_like(x_BSQE[:, :, 0])),
        dim=2,
    )
    left_BSQE = log_decay_BSQE.cumsum(2).exp()  # of the state before the chunk
    after = _recur(left_BSQE[:, :, -1].unbind(1), inside_BSQE[:, :, -1].unbind(1), state_BE)
    before_BSE = torch.stack([state_BE, *after[:-1]], dim=1)
    h_BSQE = torch.addcmul(inside_BSQE, left_BSQE, before_BSE.unsqueeze(2))
    return h_BSQE.flatten(1, 2)[:, :length], after[-1]


def _chunks(x_BLE: Tensor, chunk: int) -> Tensor:
    """Cut (B, L, E) into (B, S, Q, E).

    The last chunk is filled with zeros: a decay of one and no input leave the state as it is.
    """
    x_BLE = nn.functional.pad(x_BLE, (0, 0, 0, -x_BLE.shape[1] % chunk))
    return torch.unflatten(x_BLE, 1, (-1, chunk))


def _recur(decays: Sequence[Tensor], inputs: Sequence[Tensor], state: Tensor) -> list[Tensor]:
    """Return the states after every step."""
    states = []
    for decay, x in zip(decays, inputs, strict=True):
        state = torch.addcmul(x, decay, state)
        states.append(state)
    return states
