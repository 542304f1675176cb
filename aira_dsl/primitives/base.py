"""The interface of a primitive's spec: what a block may say, and what follows from it.

A primitive is the mixer of one residual layer. Its spec is immutable and free of torch; `resolve`
fills in the defaults that follow from the model width, so that two ways of writing the same block
become equal. Everything else that depends on the kind of a block (costs, drawings, warnings, the
YAML schema, the editor, exports) asks the spec.

Two conventions of counting FLOPs, printed wherever a cost is printed. Both take a multiply-add for
2 FLOPs, a training step for 3 forward passes, and leave out norms, activations and the embedding.

- `paper` (arXiv 2605.15871 §4.3): attention over the full square of the context, Mamba-2 with its
  convolution; the head is not counted.
- `megatron` (Megatron-LM's hybrid models): attention over the causal half, Mamba-2 without its
  convolution and 7 FLOPs for each element of the state; the head is counted. Megatron assumes an
  inner width of twice the model width; here the real one is counted.
"""

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.utils.documented import Documented
from aira_dsl.utils.unused import OPTION, OmitsUnused

Size = Annotated[int, Field(strict=True, ge=1, le=1 << 20)]
"""A tensor dimension or a count of heads: a whole number from 1 to 1,048,576."""

Convention = Literal["paper", "megatron"]
"""How FLOPs are counted."""

Color = Literal[
    "red", "green", "yellow", "blue", "magenta", "cyan", "bright_red", "bright_green",
    "bright_yellow", "bright_blue", "bright_magenta", "bright_cyan",
]  # fmt: skip
"""A color by its terminal name; the SVG has a light and a dark variant of each."""

NormKind = Literal["rms", "layer", "layer_no_bias"]
"""RMSNorm, or LayerNorm with or without bias."""

Weights = dict[str, tuple[int, ...]]
"""Shapes of weights by the names that the torch module's state dict gives them."""


_ANY_WIDTH = 1
"""Whether a block keeps anything does not depend on the width."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimensions of a model size, from which each kind takes those that it needs.

    Attributes:
        heads, kv_heads, head_dim, rope: of attention.
        hidden: of gated MLPs.
        inner, state, ssm_head_dim, conv: of state-space models.
    """

    heads: int
    kv_heads: int
    head_dim: int
    rope: float
    hidden: int
    inner: int
    state: int
    ssm_head_dim: int
    conv: int


class Primitive(Documented, OmitsUnused, BaseModel):
    """One kind of block: its parameters (the pydantic fields), its rules and its costs.

    The docstring below a field describes it in the YAML schema, in the editor and in the docs.
    Costs, caches and properties are asked of resolved blocks only.

    A field that a kind gets later is marked `Annotated[…, OPTION]` (`utils.unused`): a block that
    does not use it keeps its identity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    norm: Annotated[Literal["pre", "post", "sandwich", "stream"] | None, OPTION] = "pre"
    """Norm before the mixer, after it, on both sides, of the residual stream itself, or none."""
    residual_scale: Annotated[float, Field(gt=0.0, le=1e6), OPTION] = 1.0
    """Factor of the mixer's output, before it is added to the residual stream."""
    stream_scale: Annotated[float, Field(gt=0.0, le=1e6), OPTION] = 1.0
    """Factor of the residual stream, before the mixer's output is added to it."""
    tied: Annotated[bool, OPTION] = False
    """Whether all layers of this block have the same weights, norms included."""

    symbol: ClassVar[str]
    """One or two letters that stand for the kind in drawings."""
    color: ClassVar[Color]
    """The color of the kind in drawings."""
    fixed_shapes: ClassVar[bool] = True
    """Whether all shapes in the module follow from its input's; a CUDA graph needs that."""

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the parameters: the kind's own ones, then those of every kind."""
        names = [name for name in cls.model_fields if name != "kind"]
        return sorted(names, key=Primitive.model_fields.__contains__)

    @property
    def layer_norms(self) -> int:
        """Number of norms of the layer, over the width of the model."""
        return {"pre": 1, "post": 1, "sandwich": 2, "stream": 1, None: 0}[self.norm]

    @property
    def parts(self) -> "tuple[Primitive, ...]":
        """The blocks that the layer is made of: this one, or the branches of a parallel layer."""
        return (self,)

    def resolve(self, width: int) -> Self:
        """Return the same block with every default that depends on the width filled in."""
        return self

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Return broken rules as (field, message, help); empty if the block is legal.

        Called on a resolved block.
        """
        return []

    @abstractmethod
    def weights(self, width: int) -> Weights:
        """Return name and shape of every weight of the torch module, without the layer's norms."""

    def parameters(self, width: int) -> int:
        """Count the learnable parameters of the mixer, without the layer's norms."""
        return sum(prod(shape) for shape in self.weights(width).values())

    def active_parameters(self, width: int) -> int:
        """Count the parameters that one token uses; fewer than all in a mixture of experts."""
        return self.parameters(width)

    def read_parameters(self, width: int, tokens: int) -> int:
        """Count the parameters that are read to compute `tokens` tokens at once.

        In a mixture of experts, whose tokens choose different ones, that is an expectation.
        """
        return self.parameters(width)

    @abstractmethod
    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """Count training FLOPs per token (forward and backward) at this context length."""

    def kv_cache_elements(self, width: int) -> int:
        """Count the elements that decoding keeps for every token of a sequence."""
        return 0

    def cached_tokens(self, context: int) -> int:
        """Count the tokens of a context for which decoding keeps `kv_cache_elements`.

        Either all of them, or all up to a limit such as a window.
        """
        return context

    def prefill_flops(self, width: int, context: int) -> int:
        """Count the forward FLOPs of a whole prompt, attention over the causal part only."""
        return context * self.training_flops(width, context, "megatron") // 3

    def decode_flops(self, width: int, context: int) -> int:
        """Count the FLOPs of one token that attends to `context` tokens, itself included."""
        return self.training_flops(width, context, "paper") // 3

    def recurrent_elements(self, width: int) -> int:
        """Count the elements of the recurrent state of a sequence, kept in float32 at least."""
        return 0

    def convolution_elements(self, width: int) -> int:
        """Count the past inputs of convolutions that decoding keeps for a sequence."""
        return 0

    def state_bytes(self, width: int, element_bytes: int = 2) -> int:
        """Count the bytes that decoding keeps for a sequence, however long it is.

        Args:
            width: the model's width.
            element_bytes: bytes of an element of the model (2 for bfloat16). Recurrent states take
                4 at least: errors of a rounded state would accumulate over the sequence.
        """
        recurrent = max(4, element_bytes) * self.recurrent_elements(width)
        return recurrent + element_bytes * self.convolution_elements(width)

    @property
    def mixes_tokens(self) -> bool:
        """Whether an output depends on earlier tokens; decoding then has to keep something."""
        return self.recalls or self.knows_order

    @property
    def recalls(self) -> bool:
        """Whether every earlier token can be looked up exactly."""
        return self.kv_cache_elements(_ANY_WIDTH) > 0

    @property
    def knows_order(self) -> bool:
        """Whether the order of earlier tokens matters; it does to a recurrence or convolution."""
        elements = self.recurrent_elements(_ANY_WIDTH) + self.convolution_elements(_ANY_WIDTH)
        return elements > 0

    def at(self, dimensions: Dimensions) -> Self | None:
        """Return this block at another model size, or None if the kind has no rule for it.

        `enlarge` is what callers use.
        """
        return None

    def enlarge(self, dimensions: Dimensions) -> Self | None:
        """Return this block at another model size with the norm and the scales of its layer."""
        block = self.at(dimensions)
        kept = {name: getattr(self, name) for name in Primitive.model_fields if name != "kind"}
        return block and block.model_copy(update=kept)
