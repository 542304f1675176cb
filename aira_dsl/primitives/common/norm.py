"""Norms of layers, and Mamba-2's gated one.

Shapes: D normalized channels, G groups of channels.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from aira_dsl.primitives.base import NormKind


def make_norm(kind: NormKind, width: int, eps: float) -> nn.Module:
    """Return a norm over the last dimension: RMSNorm, or LayerNorm (arXiv 1607.06450)."""
    if kind == "rms":
        return RMSNorm(width, eps)
    return nn.LayerNorm(width, eps, bias=kind == "layer")


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · weight over the last dimension (arXiv 1910.07467)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x_D: Tensor) -> Tensor:
        """Normalize the last dimension, in the weight's precision at least (autocast lowers x)."""
        x_D = x_D.to(torch.promote_types(x_D.dtype, self.weight.dtype))
        return nn.functional.rms_norm(x_D, self.weight.shape, self.weight, self.eps)


class GatedRMSNorm(nn.Module):
    """RMSNorm of y · silu(z), each group of channels by itself: Mamba-2's, gate first.

    With `gate_first` false it is RMSNorm(y) · silu(z), and with the activation sigmoid σ(z) takes
    the place of silu(z). Computed in float32 at least, since the product of two activations has a
    wide range.
    """

    def __init__(
        self,
        width: int,
        groups: int,
        eps: float,
        *,
        gate_first: bool = True,
        activation: Literal["silu", "sigmoid"] = "silu",
    ) -> None:
        super().__init__()
        self.activation = torch.sigmoid if activation == "sigmoid" else nn.functional.silu
        self.groups = groups
        self.eps = eps
        self.gate_first = gate_first
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, y_D: Tensor, gate_D: Tensor) -> Tensor:
        """Gate and normalize; the result has the gate's dtype."""
        wide = torch.promote_types(gate_D.dtype, torch.float32)
        y_D, factor_D = y_D.to(wide), self.activation(gate_D.to(wide))
        y_D = (
            self._normalize(y_D * factor_D) if self.gate_first else self._normalize(y_D) * factor_D
        )
        return y_D.to(gate_D.dtype)

    def _normalize(self, y_D: Tensor) -> Tensor:
        y_GD = torch.unflatten(y_D, -1, (self.groups, -1))
        y_GD = nn.functional.rms_norm(y_GD, y_GD.shape[-1:], eps=self.eps)
        return y_GD.flatten(-2) * self.weight


class Gate(nn.Module):
    """y · silu(z): what is left of a gated norm without the norm."""

    def forward(self, y_D: Tensor, gate_D: Tensor) -> Tensor:
        """Gate, in float32 at least; the result has the gate's dtype."""
        wide = torch.promote_types(gate_D.dtype, torch.float32)
        return (y_D.to(wide) * nn.functional.silu(gate_D.to(wide))).to(gate_D.dtype)
