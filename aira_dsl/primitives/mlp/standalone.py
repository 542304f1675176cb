"""Feed-forward layers, if a model has any."""

import math

import torch.nn.functional as F
from torch import Tensor, nn


class MLP(nn.Module):
    """down(act(up(x))), or down(act(gate(x)) · up(x)) with a gate."""

    def __init__(
        self, width: int, eps: float, *, hidden: int, activation: str, bias: bool = False,
        clamp: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.activation, self.clamp = activation, clamp
        self.is_gated = "glu" in activation
        if self.is_gated:
            self.gate_proj = nn.Linear(width, hidden, bias=bias)
        self.up_proj = nn.Linear(width, hidden, bias=bias)
        self.down_proj = nn.Linear(hidden, width, bias=bias)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Transform each position by itself; there is nothing to remember."""
        up = self.up_proj(x_BLD)
        if not self.is_gated:
            squared = self.activation == "relu2"
            return self.down_proj(
                F.relu(up).square() if squared else getattr(F, self.activation)(up)
            )
        gate = self.gate_proj(x_BLD)
        if self.clamp is not None:
            gate, up = gate.clamp(max=self.clamp), up.clamp(-self.clamp, self.clamp)
        if self.activation == "swiglu_clamped":
            return self.down_proj(gate * (1.702 * gate).sigmoid() * (up + 1))
        if self.activation == "swiglu":
            gate = F.silu(gate)
        elif self.activation == "reglu":
            gate = F.relu(gate)
        else:
            gate = F.gelu(gate, approximate="tanh" if self.activation == "geglu" else "none")
        return self.down_proj(gate * up)

    def init_weights(self, depth: int) -> None:
        """Draw the projection into the residual stream, smaller the deeper the model is."""
        nn.init.normal_(self.down_proj.weight, std=0.02 / math.sqrt(depth))
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
