"""Linear layers of equal shape whose weights are one tensor: those of experts.

Shapes: E layers, M rows of one layer.
"""

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.mixer import INIT_STD


class StackedLinear(nn.Module):
    """Linear layers of equal shape, each for rows of its own.

    Attributes:
        weight: (layers, outputs, inputs).
        bias: (layers, outputs), or None.
    """

    def __init__(self, layers: int, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(layers, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(layers, outputs)) if bias else None

    def forward(self, pieces_E: list[Tensor]) -> list[Tensor]:
        """Return the product of each layer with its rows, of which there may be none."""
        # One unbind: indexing would add up a gradient of the whole stack for each layer.
        weights_E = self.weight.unbind()
        biases_E = [None] * len(weights_E) if self.bias is None else self.bias.unbind()
        return [
            nn.functional.linear(piece_MD, weight_FD, bias_F)
            for piece_MD, weight_FD, bias_F in zip(pieces_E, weights_E, biases_E, strict=True)
        ]

    def init_weights(self, generator: Generator, std: float = INIT_STD) -> None:
        """Draw the weights from a normal distribution; biases are zero."""
        nn.init.normal_(self.weight, std=std, generator=generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
