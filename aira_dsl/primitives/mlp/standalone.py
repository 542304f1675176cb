"""Feed-forward layers, if a model has any."""

import math

import torch.nn.functional as F
from torch import Tensor, nn


class MLP(nn.Module):
    """down(act(up(x))), or down(silu(gate(x)) · up(x)) for SwiGLU."""

    def __init__(self, width: int, eps: float, *, hidden: int, activation: str) -> None:
        super().__init__()
        self.activation = activation
        if activation == "swiglu":
            self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Transform each position by itself; there is nothing to remember."""
        up = self.up_proj(x_BLD)
        if self.activation == "swiglu":
            up = F.silu(self.gate_proj(x_BLD)) * up
        elif self.activation == "gelu":
            up = F.gelu(up)
        else:
            up = F.relu(up).square() if self.activation == "relu2" else F.relu(up)
        return self.down_proj(up)

    def init_weights(self, depth: int) -> None:
        """Draw the projection into the residual stream, smaller the deeper the model is."""
        nn.init.normal_(self.down_proj.weight, std=0.02 / math.sqrt(depth))
