"""From an architecture to a model with weights.

The modules are laid out on the meta device first, which costs nothing and draws nothing, then
given memory once and filled from a generator of their own. So the global random state stays as it
was, the same seed gives the same weights whatever ran before, and inspecting 3B parameters with
`device="meta"` is a matter of milliseconds.
"""

import torch

from aira_dsl.architecture import Architecture
from aira_dsl.models.limits import require_memory
from aira_dsl.models.model import LanguageModel


def build(
    architecture: Architecture,
    *,
    seed: int = 0,
    vocab: int | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> LanguageModel:
    """Build the model that an architecture describes, with freshly drawn weights.

    Args:
        architecture: what to build.
        seed: decides the weights, together with the architecture; any device or dtype starts from
            the same numbers, drawn in float32 on the CPU.
        vocab: number of token ids, if not the architecture's.
        device: where to put the model; "meta" for shapes without memory.
        dtype: dtype of the parameters.

    Raises:
        RunError: E0501, the weights do not fit in free memory.
    """
    if vocab is not None:
        architecture = architecture.replace(vocab=vocab)
    if torch.device(device).type == "meta":
        return lay_out(architecture, seed).to(dtype)
    require_memory(architecture, element_bytes=max(4, dtype.itemsize))
    model = lay_out(architecture, seed).to_empty(device="cpu")
    model.restore_links()
    model.init_weights(torch.Generator().manual_seed(seed))
    return model.to(device=device, dtype=dtype)


def lay_out(architecture: Architecture, seed: int) -> LanguageModel:
    """Return the model on the meta device: all shapes, no memory."""
    with torch.device("meta"):
        return LanguageModel(architecture, seed)
