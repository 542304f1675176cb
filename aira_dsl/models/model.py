"""The language model that an architecture describes.

    x = embedding(tokens);   x = x + mixer_i(norm_i(x)) for every layer;   logits = head(norm(x))

Residual layers with one mixer each; a block may have its norm after the mixer, on both sides, of
the residual stream itself, or none. The head is the embedding's matrix if the architecture ties
them. There is no dropout and no position embedding besides RoPE.

Shapes: B batch, L length, D model width, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from aira_dsl.architecture import Architecture, Design
from aira_dsl.primitives import Primitive
from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.mixer import INIT_STD
from aira_dsl.primitives.common.norm import make_norm
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
    """One residual layer: a·x + s · post_norm(mixer(norm(x))); norms that a block lacks do nothing.

    With `norm stream`, norm(x) takes the place of x.

    Args:
        block: what the layer computes, and where its norms are.
        design: gives width and norms.
    """

    def __init__(self, block: Primitive, design: Design) -> None:
        super().__init__()
        before, after = block.norm not in ("post", None), block.norm in ("post", "sandwich")
        self.norms_stream = block.norm == "stream"
        self.scale, self.stream_scale = block.residual_scale, block.stream_scale
        self.norm = _norm(design) if before else nn.Identity()
        self.mixer = make_mixer(block, design.width, design.norm_eps)
        self.post_norm = _norm(design) if after else nn.Identity()

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Add the mixer's output to the stream."""
        normed_BLD = self.norm(x_BLD)
        y_BLD = self.scaled(self.post_norm(self.mixer(normed_BLD, cache)))
        return self.kept(normed_BLD if self.norms_stream else x_BLD) + y_BLD

    def scaled(self, y_BLD: Tensor) -> Tensor:
        """Return what is added to the stream for an output of the last norm or mixer."""
        return y_BLD if self.scale == 1.0 else self.scale * y_BLD

    def kept(self, x_BLD: Tensor) -> Tensor:
        """Return what the mixer's output is added to, for the stream or its norm."""
        return x_BLD if self.stream_scale == 1.0 else self.stream_scale * x_BLD


class Embedding(nn.Embedding):
    """Token embedding, times a factor."""

    def __init__(self, vocab: int, width: int, scale: float) -> None:
        super().__init__(vocab, width)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        """Return x_BLD of tokens_BL."""
        x_BLD = super().forward(input)
        return x_BLD if self.scale == 1.0 else self.scale * x_BLD


class Head(nn.Linear):
    """Projection to logits, times a factor, then bounded by softcap·tanh(logits / softcap)."""

    def __init__(self, design: Design) -> None:
        super().__init__(design.width, design.vocab, bias=False)
        self.scale = design.logit_scale
        self.softcap = design.softcap

    def forward(self, input: Tensor) -> Tensor:
        """Return logits_BLV of x_BLD."""
        return self.scaled(super().forward(input))

    def scaled(self, logits_V: Tensor) -> Tensor:
        """Scale and bound what the matrix gives."""
        if self.scale != 1.0:
            logits_V = self.scale * logits_V
        if self.softcap is None:
            return logits_V
        return self.softcap * torch.tanh(logits_V / self.softcap)


def _norm(design: Design) -> nn.Module:
    return make_norm(design.norm_kind, design.width, design.norm_eps)


def _init_norm(norm: nn.Module) -> None:
    for name, parameter in norm.named_parameters():
        nn.init.constant_(parameter, 0.0 if name == "bias" else 1.0)


class LanguageModel(nn.Module):
    """A causal language model; make one with `build` or `load_model`.

    Attributes:
        architecture: its architecture, with the vocabulary of the model.
        seed: the seed of its initial weights.
        order: for each layer the number of its module in `layers`; a tied block has one module.
    """

    def __init__(self, architecture: Architecture, seed: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.seed = seed
        scale = architecture.embedding_scale
        self.embedding = Embedding(architecture.vocab, architecture.width, scale)
        self.order = architecture.weight_sets(architecture.layers)
        first_uses = dict(zip(reversed(self.order), reversed(architecture.layers), strict=True))
        self.layers = nn.ModuleList(
            Layer(architecture.block_of(first_uses[index]), architecture)
            for index in range(len(first_uses))
        )
        self.norm = _norm(architecture)
        self.head = Head(architecture)
        self.restore_links()

    def forward(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return logits_BLV for the token after each; with a cache, continue its sequences."""
        return self.head(self.hidden(tokens_BL, cache))  # type: ignore[no-any-return]

    def hidden(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return x_BLD after the final norm, which the head reads."""
        x_BLD = self.embedding(tokens_BL)
        for index, layer in enumerate(self.stack):
            x_BLD = layer(x_BLD, None if cache is None else cache.layers[index])
        return self.norm(x_BLD)  # type: ignore[no-any-return]

    def new_cache(self, batch_size: int) -> Cache:
        """Return the cache of `batch_size` sequences that have not begun."""
        return Cache([layer.mixer.new_cache(batch_size) for layer in self.stack])

    def restore_links(self) -> None:
        """Tie the head and mark parameters again after their tensors were replaced."""
        if self.architecture.tie_embeddings:
            self.head.weight = self.embedding.weight
        for layer in self.distinct_layers:
            layer.mixer.mark_no_decay()

    @torch.no_grad()
    def init_weights(self, generator: Generator) -> None:
        """Draw every parameter: the embedding, the layers in order, the head unless tied.

        Embedding and projections are normal with standard deviation 0.02; projections back into
        the stream are divided by sqrt(depth); gains of norms are one, their biases zero; Mamba-2's
        own parameters are drawn as mamba_ssm draws them (`aira_dsl.primitives.mamba2.module`).
        """
        nn.init.normal_(self.embedding.weight, std=INIT_STD, generator=generator)
        _init_norm(self.norm)
        for layer in self.distinct_layers:
            _init_norm(layer.norm)
            layer.mixer.init_weights(generator, self.architecture.depth)
            _init_norm(layer.post_norm)
        if not self.architecture.tie_embeddings:
            nn.init.normal_(self.head.weight, std=INIT_STD, generator=generator)

    @property
    def stack(self) -> list[Layer]:
        """The layers, in order; those of a tied block are one module."""
        layers = self.distinct_layers
        return [layers[index] for index in self.order]

    @property
    def distinct_layers(self) -> list[Layer]:
        """The layers with weights of their own, in the order of their first uses."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]
