"""Experts: feed-forward layers whose weights are stacked, each run on the tokens that chose it.

The tokens are sorted by expert, so that each expert multiplies one contiguous piece of them; work
and memory grow with tokens · K, whatever the number of experts. The sum over a token's experts is
taken in a fixed order, without atomic additions: the same input gives the same bits.

Shapes: N tokens, K chosen experts of a token, E experts, D width of the experts, F hidden units.
"""

from functools import partial

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.stacked_linear import StackedLinear
from aira_dsl.primitives.mlp import spec as mlp
from aira_dsl.primitives.mlp.activation import gated, plain
from aira_dsl.primitives.moe import spec


class Experts(nn.Module):
    """The routed experts; parameters are those of an MLP, stacked."""

    def __init__(self, block: spec.MoE, width: int) -> None:
        super().__init__()
        self.count, self.activation, self.clamp = block.experts, block.activation, block.clamp
        self.scales_input = block.router == "sigmoid_input"
        linear = partial(StackedLinear, block.experts, bias=block.bias)
        self.is_gated = block.activation in mlp.GATED
        if self.is_gated:
            self.gate_proj = linear(width, block.hidden)
        self.up_proj = linear(width, block.hidden)
        self.down_proj = linear(block.hidden, width)

    # The pieces have other lengths at each call, and torch.compile would compile each of them.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, x_ND: Tensor, weights_NK: Tensor, chosen_NK: Tensor) -> Tensor:
        """Return the weighted sum of the outputs of each token's experts."""
        count, top = chosen_NK.shape
        chosen_M = chosen_NK.flatten()
        order = chosen_M.argsort(stable=True)
        x_NKD = x_ND.unsqueeze(1).expand(-1, top, -1)
        if self.scales_input:
            x_NKD = x_NKD * weights_NK.to(x_ND.dtype).unsqueeze(-1)
        sorted_MD = x_NKD.reshape(count * top, x_ND.shape[-1]).index_select(0, order)
        counts_E = chosen_M.new_zeros(self.count).scatter_add(
            0, chosen_M, torch.ones_like(chosen_M)
        )
        y_MD = self.down_proj(self._hidden(sorted_MD, counts_E), counts_E)
        y_NKD: Tensor = y_MD.index_select(0, order.argsort()).view(count, top, x_ND.shape[-1])
        if not self.scales_input:
            y_NKD = y_NKD * weights_NK.to(y_NKD.dtype).unsqueeze(-1)
        return y_NKD.sum(dim=1)

    def _hidden(self, x_MD: Tensor, counts_E: Tensor) -> Tensor:
        up_MF = self.up_proj(x_MD, counts_E)
        if not self.is_gated:
            return plain(self.activation, up_MF)
        return gated(self.activation, self.gate_proj(x_MD, counts_E), up_MF, self.clamp)

    def init_weights(self, generator: Generator, output_std: float) -> None:
        """Draw the projections; those back have a standard deviation of their own."""
        if self.is_gated:
            self.gate_proj.init_weights(generator)
        self.up_proj.init_weights(generator)
        self.down_proj.init_weights(generator, output_std)
