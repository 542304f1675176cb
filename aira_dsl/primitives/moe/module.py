"""Mixture of experts in torch; the formulas are those of the spec.

Nothing here balances the experts: `pretraining.balance` does.

Shapes: B batch, L length, D model width, N tokens.
"""

import math

from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.mixer import INIT_STD, Mixer, init_linear, init_output
from aira_dsl.primitives.mlp.module import MLP
from aira_dsl.primitives.moe import spec
from aira_dsl.primitives.moe.experts import Experts
from aira_dsl.primitives.moe.router import Router


class MoE(Mixer):
    """Routed experts, within a latent space if there is one, and a shared expert."""

    def __init__(self, block: spec.MoE, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.block = block
        self.router = Router(block, width)
        self.experts = Experts(block, block.latent or width)
        if block.latent is not None:
            self.latent_in = nn.Linear(width, block.latent, bias=False)
            self.latent_out = nn.Linear(block.latent, width, bias=False)
        if block.shared is not None:
            self.shared_expert = MLP(block.expert(block.shared), width)
        if block.shared_gate:
            self.shared_gate = nn.Linear(width, 1, bias=False)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Transform every position by itself."""
        x_ND = x_BLD.flatten(0, 1)
        weights_NK, chosen_NK = self.router.choose(self.router(x_ND))
        if self.block.latent is None:
            y_ND = self.experts(x_ND, weights_NK, chosen_NK)
        else:
            y_ND = self.latent_out(self.experts(self.latent_in(x_ND), weights_NK, chosen_NK))
        y_BLD: Tensor = y_ND.view_as(x_BLD)
        if self.block.shared is None:
            return y_BLD.clone()  # a layer that is sharded must not return a view
        return y_BLD + self._shared(x_BLD)

    def _shared(self, x_BLD: Tensor) -> Tensor:
        y_BLD: Tensor = self.shared_expert(x_BLD)
        return y_BLD * self.shared_gate(x_BLD).sigmoid() if self.block.shared_gate else y_BLD

    def new_cache(self, batch_size: int) -> None:
        """Return None: a position does not depend on the others."""

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw router, experts, latent projections and the shared expert, in this order."""
        self.router.init_weights(generator)
        into_stream = INIT_STD / math.sqrt(depth)
        self.experts.init_weights(generator, INIT_STD if self.block.latent else into_stream)
        if self.block.latent is not None:
            init_linear(self.latent_in, generator)
            init_output(self.latent_out, generator, depth)
        else:
            self.experts.down_proj.writes_to_stream = True  # type: ignore[assignment]
        if self.block.shared is not None:
            self.shared_expert.init_weights(generator, depth)
        if self.block.shared_gate:
            init_linear(self.shared_gate, generator)
