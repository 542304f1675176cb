"""Linear layers of equal shape whose weights are one tensor: those of experts.

Shapes: E layers, M rows, D inputs of a layer, F outputs.
"""

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.mixer import INIT_STD

_ALIGNMENT = 8
"""Of bfloat16 rows in grouped products: 16 bytes."""


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

    def forward(self, x_MD: Tensor, counts_E: Tensor) -> Tensor:
        """Return the products of the rows with their layers.

        In bfloat16 on a GPU of the Hopper or Blackwell architecture that is one kernel.

        Args:
            x_MD: rows, those of the first layer first.
            counts_E: rows of each layer.
        """
        dtype = _dtype_of_products(x_MD)
        if dtype == torch.bfloat16 and self._is_aligned() and has_grouped_kernel(x_MD.device):
            return self.grouped(x_MD.to(dtype), counts_E)
        # One unbind: indexing would add up a gradient of the whole stack for each layer.
        weights_E = self.weight.unbind()
        biases_E = [None] * len(weights_E) if self.bias is None else self.bias.unbind()
        lengths = _lengths(counts_E, len(x_MD))
        pieces = torch.split(x_MD, lengths)
        used = [layer for layer, length in enumerate(lengths) if length] or [0]
        return torch.cat([nn.functional.linear(pieces[i], weights_E[i], biases_E[i]) for i in used])

    def grouped(self, x_MD: Tensor, counts_E: Tensor) -> Tensor:
        """Return the same by one product of groups, in the dtype of x; float32 or bfloat16."""
        ends_E = counts_E.cumsum(0, dtype=torch.int32)
        weight_EDF = self.weight.to(x_MD.dtype).mT
        y_MF: Tensor = torch._grouped_mm(x_MD, weight_EDF, offs=ends_E)
        if self.bias is None:
            return y_MF
        bias_EF = self.bias.to(x_MD.dtype)
        return y_MF + bias_EF.repeat_interleave(counts_E, dim=0, output_size=len(x_MD))

    def init_weights(self, generator: Generator, std: float = INIT_STD) -> None:
        """Draw the weights from a normal distribution; biases are zero."""
        nn.init.normal_(self.weight, std=std, generator=generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _is_aligned(self) -> bool:
        _, outputs, inputs = self.weight.shape
        return outputs % _ALIGNMENT == inputs % _ALIGNMENT == 0


def has_grouped_kernel(device: torch.device) -> bool:
    """Return whether a device computes products of groups in bfloat16 by a kernel of its own."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] in (9, 10)


def _dtype_of_products(x_MD: Tensor) -> torch.dtype:
    device = x_MD.device.type
    is_autocast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if is_autocast else x_MD.dtype


def _lengths(counts_E: Tensor, rows: int) -> list[int]:
    """Return the counts; on the meta device, which has no values, as even ones as possible."""
    if not counts_E.is_meta:
        lengths: list[int] = counts_E.tolist()
        return lengths
    each, rest = divmod(rows, len(counts_E))
    return [each + (index < rest) for index in range(len(counts_E))]
