"""Position-wise feed-forward layers.

Parameter names are Hugging Face Llama's (gated) and NemotronH's (plain).

Shapes: B batch, L length, D model width, F hidden units.
"""

from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.mlp import spec
from aira_dsl.primitives.mlp.activation import gated, plain


class MLP(Mixer):
    """down(act(up(x))), or down(act(gate(x)) · up(x)) with a gate (arXiv 2002.05202)."""

    def __init__(self, block: spec.MLP, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.activation, self.clamp = block.activation, block.clamp
        self.is_gated = block.activation in spec.GATED
        if self.is_gated:
            self.gate_proj = nn.Linear(width, block.hidden, bias=block.bias)
        self.up_proj = nn.Linear(width, block.hidden, bias=block.bias)
        self.down_proj = nn.Linear(block.hidden, width, bias=block.bias)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Transform every position by itself."""
        return self.down_proj(self._hidden(x_BLD))  # type: ignore[no-any-return]

    def _hidden(self, x_BLD: Tensor) -> Tensor:
        up_BLF: Tensor = self.up_proj(x_BLD)
        if self.is_gated:
            return gated(self.activation, self.gate_proj(x_BLD), up_BLF, self.clamp)
        return plain(self.activation, up_BLF)

    def new_cache(self, batch_size: int) -> None:
        """Return None: a position does not depend on the others."""

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the projections; biases are zero."""
        if self.is_gated:
            init_linear(self.gate_proj, generator)
        init_linear(self.up_proj, generator)
        init_output(self.down_proj, generator, depth)
