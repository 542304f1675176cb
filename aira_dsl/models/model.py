"""The language model that an architecture describes.

    x = embedding(tokens);   x = x + mixer_i(norm_i(x)) for every layer;   logits = head(norm(x))

Pre-norm residual layers with one mixer each. The head is the embedding's matrix if the
architecture ties them. There is no dropout and no position embedding besides RoPE.

Shapes: B batch, L length, D model width, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from aira_dsl.architecture import Architecture
from aira_dsl.primitives import Primitive
from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.mixer import INIT_STD
from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.registry import make_mixer


@dataclass(slots=True)
class Cache:
    """State of decoding for a batch of sequences: one entry per layer, None if it keeps nothing."""

    layers: list[LayerCache]

    @property
    def nbytes(self) -> int:
        """Bytes of all remembered elements."""
        return sum(layer.nbytes for layer in self.layers if layer is not None)


class Layer(nn.Module):
    """One residual layer: x + mixer(norm(x))."""

    def __init__(self, block: Primitive, width: int, eps: float) -> None:
        super().__init__()
        self.norm = RMSNorm(width, eps)
        self.mixer = make_mixer(block, width, eps)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Add the mixer's output to the stream."""
        return x_BLD + self.mixer(self.norm(x_BLD), cache)  # type: ignore[no-any-return]


class LanguageModel(nn.Module):
    """A causal language model; make one with `build` or `load_model`.

    Attributes:
        architecture: its architecture, with the vocabulary of the model.
        seed: the seed of its initial weights.
    """

    def __init__(self, architecture: Architecture, seed: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.seed = seed
        width, eps = architecture.width, architecture.norm_eps
        self.embedding = nn.Embedding(architecture.vocab, width)
        self.layers = nn.ModuleList(
            Layer(architecture.blocks[name], width, eps) for name in architecture.layers
        )
        self.norm = RMSNorm(width, eps)
        self.head = nn.Linear(width, architecture.vocab, bias=False)
        self.restore_links()

    def forward(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return logits_BLV for the token after each; with a cache, continue its sequences."""
        return self.head(self.hidden(tokens_BL, cache))  # type: ignore[no-any-return]

    def hidden(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return x_BLD after the final norm, which the head reads."""
        x_BLD = self.embedding(tokens_BL)
        for index, layer in enumerate(self.layers):
            x_BLD = layer(x_BLD, None if cache is None else cache.layers[index])
        return self.norm(x_BLD)  # type: ignore[no-any-return]

    def new_cache(self, batch_size: int) -> Cache:
        """Return the cache of `batch_size` sequences that have not begun."""
        return Cache([layer.mixer.new_cache(batch_size) for layer in self.stack])

    def restore_links(self) -> None:
        """Tie the head and mark parameters again after their tensors were replaced."""
        if self.architecture.tie_embeddings:
            self.head.weight = self.embedding.weight
        for layer in self.stack:
            layer.mixer.mark_no_decay()

    @torch.no_grad()
    def init_weights(self, generator: Generator) -> None:
        """Draw every parameter: the embedding, the layers in order, the head unless tied.

        Embedding and projections are normal with standard deviation 0.02; projections back into
        the stream are divided by sqrt(depth); gains are one; Mamba-2's own parameters are drawn
        as mamba_ssm draws them (`aira_dsl.primitives.mamba2.module`).
        """
        nn.init.normal_(self.embedding.weight, std=INIT_STD, generator=generator)
        for layer in self.stack:
            nn.init.ones_(layer.norm.weight)
            layer.mixer.init_weights(generator, self.architecture.depth)
        nn.init.ones_(self.norm.weight)
        if not self.architecture.tie_embeddings:
            nn.init.normal_(self.head.weight, std=INIT_STD, generator=generator)

    @property
    def stack(self) -> list[Layer]:
        """The layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]
