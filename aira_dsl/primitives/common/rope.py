"""Rotary position embeddings (RoPE, arXiv 2104.09864).

The two halves of a head form the rotated pairs, as in Hugging Face's Llama: channel i turns with
channel i + P/2, by the angle position · θ^(-2i/P). `RopeOptions` says what may differ from that.

Shapes: B batch, K heads, L length, P head dimension, R rotated channels.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from aira_dsl.primitives.common.rope_options import RopeOptions

PLAIN = RopeOptions()


def rotate(x_BKLP: Tensor, *, start: int, theta: float, options: RopeOptions = PLAIN) -> Tensor:
    """Rotate queries or keys at positions start, start + 1, … of their sequence."""
    head_dim = x_BKLP.shape[3]
    channels = options.channels(head_dim)
    if channels < head_dim:
        turned_BKLR = _turn(x_BKLP[..., :channels], start, theta, options)
        return torch.cat((turned_BKLR, x_BKLP[..., channels:]), dim=-1)
    return _turn(x_BKLP, start, theta, options)


def _turn(x_BKLR: Tensor, start: int, theta: float, options: RopeOptions) -> Tensor:
    stop = start + x_BKLR.shape[2]
    # Tables grow by powers of two, so that decoding step by step does not make one a step.
    size = 1 << (stop - 1).bit_length()
    kind = x_BKLR.dtype, x_BKLR.device
    cos_LR, sin_LR = _table(size, x_BKLR.shape[3], theta, options, kind)
    if options.interleaved:
        left, right = x_BKLR[..., ::2], x_BKLR[..., 1::2]
        turned = torch.stack((-right, left), dim=-1).flatten(-2)
    else:
        left, right = x_BKLR.chunk(2, dim=-1)
        turned = torch.cat((-right, left), dim=-1)
    return x_BKLR * cos_LR[start:stop] + turned * sin_LR[start:stop]


@lru_cache(maxsize=32)
def _table(
    length: int,
    channels: int,
    theta: float,
    options: RopeOptions,
    kind: tuple[torch.dtype, torch.device],
) -> tuple[Tensor, Tensor]:
    """Return cosines and signed sines (L, R), computed in float64.

    Kept outside the modules, because it is not a part of their state: moves, dtypes and the meta
    device need no care. Made outside inference mode, so that a later training step may use it.
    """
    dtype, device = kind
    with torch.inference_mode(False), torch.no_grad():
        positions = torch.arange(length, dtype=torch.float64, device=device)
        angles = torch.outer(positions, frequencies(channels, theta, options, device))
        angles = angles.repeat_interleave(2, 1) if options.interleaved else angles.repeat(1, 2)
        gain = options.attention
        return (gain * angles.cos()).to(dtype), (gain * angles.sin()).to(dtype)


def frequencies(
    channels: int, theta: float, options: RopeOptions, device: torch.device | None = None
) -> Tensor:
    """Return the angle (R / 2), in radians, by which each pair turns from one token to the next."""
    exponents = torch.arange(0, channels, 2, dtype=torch.float64, device=device) / channels
    plain = theta**-exponents
    match options.scaling:
        case None:
            return plain
        case "linear":
            return plain / options.factor
        case "proportional":
            still = torch.arange(len(plain), device=device) >= int(options.rotary * channels // 2)
            return plain.masked_fill(still, 0.0) / options.factor
        case "llama3":
            turns = options.original * plain / (2 * math.pi)
            kept = (turns - options.low) / (options.high - options.low)
        case "yarn":
            kept = 1 - _yarn_ramp(channels, theta, options, device)
    kept = kept.clamp(0, 1)
    return plain * kept + plain / options.factor * (1 - kept)


def _yarn_ramp(
    channels: int, theta: float, options: RopeOptions, device: torch.device | None
) -> Tensor:
    """Return 0 for pairs that turn `high` times over the original context, 1 for `low` times.

    Pair i turns original / (2π·θ^(2i/R)) times; between the two ends the ramp is linear in i.
    """

    def pair(turns: float) -> float:
        span = math.log(options.original / (turns * 2 * math.pi))
        return channels * span / (2 * math.log(theta))

    first, last = pair(options.high), pair(options.low)
    if options.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, channels - 1)
    pairs = torch.arange(channels // 2, dtype=torch.float64, device=device)
    return ((pairs - first) / max(last - first, 0.001)).clamp(0, 1)
