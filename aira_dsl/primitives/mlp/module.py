"""Position-wise feed-forward layers.

Parameter names are Hugging Face Llama's (gated) and NemotronH's (plain); no biases.

Shapes: B batch, L length, D model width, F hidden units.
"""

from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.mlp import spec


class MLP(Mixer):
    """down(act(up(x))), or down(silu(gate(x)) · up(x)) with SwiGLU (arXiv 2002.05202)."""

    def __init__(self, block: spec.MLP, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.activation = block.activation
        if block.activation == "swiglu":
            self.gate_proj = nn.Linear(width, block.hidden, bias=False)
        self.up_proj = nn.Linear(width, block.hidden, bias=False)
        self.down_proj = nn.Linear(block.hidden, width, bias=False)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Transform every position by itself."""
        return self.down_proj(self._hidden(x_BLD))  # type: ignore[no-any-return]

    def _hidden(self, x_BLD: Tensor) -> Tensor:
        up_BLF: Tensor = self.up_proj(x_BLD)
        match self.activation:
            case "swiglu":
                return nn.functional.silu(self.gate_proj(x_BLD)) * up_BLF
            case "relu":
                return nn.functional.relu(up_BLF)
            case "relu2":
                return nn.functional.relu(up_BLF).square()
            case "gelu":
                return nn.functional.gelu(up_BLF)

    def new_cache(self, batch_size: int) -> None:
        """Return None: a position does not depend on the others."""

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the projections."""
        if self.activation == "swiglu":
            init_linear(self.gate_proj, generator)
        init_linear(self.up_proj, generator)
        init_output(self.down_proj, generator, depth)
