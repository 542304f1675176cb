"""Gated short convolution, if a model has any."""

import math

import torch
from torch import Tensor, nn


class ShortConv(nn.Module):
    """out(c · conv(b · x)): a causal convolution of each channel between two gates."""

    def __init__(self, width: int, eps: float, *, conv: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, 3 * inner, bias=bias)
        self.conv = nn.Conv1d(inner, inner, conv, groups=inner, bias=bias)
        self.out_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Convolve these tokens and the last ones in the cache, which then holds the new ones."""
        before, after, x = self.in_proj(x_BLD).chunk(3, dim=-1)
        past = self.conv.kernel_size[0] - 1
        earlier = cache.get("inputs", x.new_zeros(len(x), past, x.shape[2]))
        inputs = torch.cat((earlier, before * x), dim=1)
        cache["inputs"] = inputs[:, inputs.shape[1] - past :]
        return self.out_proj(after * self.conv(inputs.transpose(1, 2)).transpose(1, 2))

    def init_weights(self, depth: int) -> None:
        """Draw out_proj by depth; biases of the projections are zero."""
        for projection in (self.in_proj, self.out_proj):
            if projection.bias is not None:
                nn.init.zeros_(projection.bias)
        nn.init.normal_(self.out_proj.weight, std=0.02 / math.sqrt(depth))
