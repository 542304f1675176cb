"""Projections in the dtype of the activations, from parameters in float32."""

from torch import Tensor, nn
from torch.nn import functional as F


def linear(projection: nn.Linear, x: Tensor) -> Tensor:
    """Return the projection of x in its dtype."""
    bias = None if projection.bias is None else projection.bias.to(x.dtype)
    return F.linear(x, projection.weight.to(x.dtype), bias)
