"""The functions between the projections of feed-forward layers.

Shapes: F hidden units; any number of dimensions before them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.primitives.mlp.spec import Activation

GPT_OSS_SLOPE = 1.702
"""Of the sigmoid in `swiglu_clamped`; x·sigmoid(1.702·x) approximates GELU (arXiv 1606.08415)."""


def plain(activation: Activation, up_F: Tensor) -> Tensor:
    """Return the hidden units of a layer without a gate.

    Raises:
        ValueError: the activation is gated.
    """
    match activation:
        case "relu":
            return F.relu(up_F)
        case "relu2":
            return F.relu(up_F).square()
        case "gelu":
            return F.gelu(up_F)
        case "silu":
            return F.silu(up_F)
    raise ValueError(f"{activation} has a gate")


def gated(activation: Activation, gate_F: Tensor, up_F: Tensor, clamp: float | None) -> Tensor:
    """Return the hidden units of a gated layer; the formulas are those of the spec.

    Raises:
        ValueError: the activation has no gate.
    """
    if clamp is not None:
        gate_F, up_F = gate_F.clamp(max=clamp), up_F.clamp(-clamp, clamp)
    match activation:
        case "swiglu":
            return F.silu(gate_F) * up_F
        case "geglu":
            return F.gelu(gate_F, approximate="tanh") * up_F
        case "geglu_exact":
            return F.gelu(gate_F) * up_F
        case "reglu":
            return F.relu(gate_F) * up_F
        case "swiglu_clamped":
            return gate_F * torch.sigmoid(GPT_OSS_SLOPE * gate_F) * (up_F + 1)
    raise ValueError(f"{activation} has no gate")
