"""Norms, which every exported model has."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · weight, over the last dimension."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize the last dimension."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


def make_norm(kind: str, width: int, eps: float) -> nn.Module:
    """Return RMSNorm (`rms`), or LayerNorm with a bias (`layer`) or without."""
    if kind == "rms":
        return RMSNorm(width, eps)
    return nn.LayerNorm(width, eps, bias=kind == "layer")
