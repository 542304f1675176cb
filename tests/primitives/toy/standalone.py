"""The decaying average, as exported code."""

import math

import torch
from torch import Tensor, nn


class DecayingAverage(nn.Module):
    """A mean of all tokens so far that fades at a learned rate for each channel."""

    def __init__(self, width: int, eps: float, *, inner: int, gate: bool) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.zeros(inner))
        self.in_proj = nn.Linear(width, inner, bias=False)
        self.gate_proj = nn.Linear(width, inner, bias=False) if gate else None
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Average from the cached averages, or from zero; the cache then holds the new ones."""
        inputs = self.in_proj(x)
        average, averages = cache.get("average", torch.zeros_like(inputs[:, 0])), []
        for value in inputs.unbind(1):
            average = torch.lerp(value, average, self.decay.sigmoid())
            averages.append(average)
        cache["average"] = average
        out = torch.stack(averages, 1)
        return self.out_proj(out if self.gate_proj is None else out * self.gate_proj(x))

    def init_weights(self, depth: int) -> None:
        """Draw the decays, and the projection into the residual stream by depth."""
        nn.init.uniform_(self.decay, -1, 1)
        nn.init.normal_(self.out_proj.weight, std=0.02 / math.sqrt(depth))
