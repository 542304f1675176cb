"""A language model run on the kernels: the same parameters, the same mathematics, less time.

The residual stream and the parameters stay in float32; activations between two products have the
chosen dtype, float32 or bfloat16. Everything runs on one thread: several models at once are
several processes.

Shapes: B batch, L length, D model width, V vocabulary.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aira_dsl.models import LanguageModel
from aira_dsl.models.model import Layer
from aira_dsl.primitives.common.cpu_norm import add_norm
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.parallel.module import Parallel
from aira_dsl.primitives.registry import part

Run = Callable[[Tensor], Tensor]


class FastModel(nn.Module):
    """A language model whose training step runs on the kernels.

    Args:
        model: it is trained in place: its parameters are this module's.
        dtype: of the activations between layers' products: float32 or bfloat16.
    """

    def __init__(self, model: LanguageModel, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.dtype = dtype

    def forward(self, tokens_BL: Tensor) -> Tensor:
        """Return logits_BLV in float32."""
        head = self.model.head
        logits_BLV = F.linear(self.hidden(tokens_BL), head.weight.to(self.dtype))
        return head.scaled(logits_BLV.float())

    def hidden(self, tokens_BL: Tensor) -> Tensor:
        """Return x_BLD after the final norm, in this model's dtype."""
        x_BLD, y_BLD = self.model.embedding(tokens_BL), None
        for layer in self.model.stack:
            x_BLD, y_BLD = run_branch(layer, x_BLD, y_BLD, self.dtype)
        _, normed_BLD = add_norm(self.model.norm, x_BLD, y_BLD, self.dtype)
        return normed_BLD  # type: ignore[no-any-return]


def run_branch(
    layer: Layer, x_BLD: Tensor, y_BLD: Tensor | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Add the branch y of the layer before; return the stream, and this layer's branch."""
    if layer.norms_stream:
        total_BLD = x_BLD if y_BLD is None else x_BLD + y_BLD
        _, x_BLD = add_norm(layer.norm, total_BLD, None, torch.float32)
        normed_BLD = x_BLD.to(dtype)
    else:
        x_BLD, normed_BLD = add_norm(layer.norm, x_BLD, y_BLD, dtype)
    y_BLD = run_mixer(layer.mixer, normed_BLD)
    if not isinstance(layer.post_norm, nn.Identity):
        _, y_BLD = add_norm(layer.post_norm, y_BLD.float(), None, dtype)
    return layer.kept(x_BLD), layer.scaled(y_BLD)


def run_mixer(mixer: Mixer, x_BLD: Tensor) -> Tensor:
    """Run a mixer on the kernels, or its torch module if it has no kernels for its sizes."""
    if isinstance(mixer, Parallel):
        return mixer.add(run_mixer(branch, x_BLD) for branch in mixer.mixers)
    kernels = part(type(mixer), "cpu")
    if kernels is not None and kernels.supports(mixer):
        return kernels.run(mixer, x_BLD)  # type: ignore[no-any-return]
    with torch.autocast("cpu", x_BLD.dtype, enabled=x_BLD.dtype != torch.float32):
        return mixer(x_BLD).to(x_BLD.dtype)  # type: ignore[no-any-return]
