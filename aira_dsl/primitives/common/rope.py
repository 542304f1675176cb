"""Rotary position embeddings (RoPE, arXiv 2104.09864).

The two halves of a head form the rotated pairs, as in Hugging Face's Llama: channel i turns with
channel i + P/2, by the angle position · θ^(-2i/P).

Shapes: B batch, K heads, L length, P head dimension.
"""

from functools import lru_cache

import torch
from torch import Tensor


def rotate(x_BKLP: Tensor, *, start: int, theta: float) -> Tensor:
    """Rotate queries or keys at positions start, start + 1, … of their sequence."""
    stop = start + x_BKLP.shape[2]
    # Tables grow by powers of two, so that decoding step by step does not make one a step.
    size = 1 << (stop - 1).bit_length()
    cos_LP, sin_LP = _table(size, x_BKLP.shape[3], theta, x_BKLP.dtype, x_BKLP.device)
    left, right = x_BKLP.chunk(2, dim=-1)
    turned = torch.cat((-right, left), dim=-1)
    return x_BKLP * cos_LP[start:stop] + turned * sin_LP[start:stop]


@lru_cache(maxsize=32)
def _table(
    length: int, head_dim: int, theta: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return cosines and signed sines (L, P), computed in float64.

    Kept outside the modules, because it is not a part of their state: moves, dtypes and the meta
    device need no care. Made outside inference mode, so that a later training step may use it.
    """
    with torch.inference_mode(False), torch.no_grad():
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float64, device=device) / head_dim
        positions = torch.arange(length, dtype=torch.float64, device=device)
        angles = torch.outer(positions, theta**-exponents).repeat(1, 2)
        return angles.cos().to(dtype), angles.sin().to(dtype)
