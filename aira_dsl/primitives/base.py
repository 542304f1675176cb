"""What every primitive can say about itself.

A primitive is one residual layer's mixer. Its spec is immutable; `resolve` fills in the defaults
that follow from the model width, so that two ways of writing the same block become equal.

Two conventions of counting FLOPs, printed wherever a cost is printed. Both take a multiply-add for
2 FLOPs, a training step for 3 forward passes, and leave out norms, activations and the embedding.

- `paper` (arXiv 2605.15871 §4.3): attention over the full square of the context, Mamba-2 with its
  convolution; the head is not counted.
- `megatron` (Megatron-LM's hybrid models): attention over the causal half, Mamba-2 without its
  convolution and 7 FLOPs for each element of the state; the head is counted. Megatron takes the
  inner width for twice the model's; here it is the real one.
"""

from abc import abstractmethod
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Size = Annotated[int, Field(strict=True, ge=1, le=1 << 20)]
"""A tensor dimension or a count of heads: a whole number from 1 to 1,048,576."""


Convention = Literal["paper", "megatron"]
"""How FLOPs are counted."""


class Primitive(BaseModel):
    """One kind of block: its parameters (the pydantic fields), its rules and its costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str

    @abstractmethod
    def resolve(self, width: int) -> Self:
        """Return the same block with every default that depends on the width filled in."""

    @abstractmethod
    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Return broken rules as (field, message, help); empty if the block is legal.

        Called on a resolved block.
        """

    @abstractmethod
    def parameters(self, width: int) -> int:
        """Count the learnable parameters of the mixer, without the layer's norm."""

    @abstractmethod
    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """Count training FLOPs per token (forward and backward) at this context length."""

    def kv_cache_elements(self) -> int:
        """Count the elements that decoding keeps for every token of a sequence."""
        return 0

    def state_elements(self) -> int:
        """Count the elements that decoding keeps for a sequence, however long it is."""
        return 0
