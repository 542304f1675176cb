"""What an architecture costs, by formula: nothing is allocated, 3B costs nothing to inspect."""

from dataclasses import dataclass

from aira_dsl.architecture.architecture import Architecture
from aira_dsl.primitives.base import Convention

CONVENTIONS: dict[Convention, str] = {
    "paper": (
        "a multiply-add is 2 FLOPs, training is 3 forward passes, attention over the full square "
        "of the context; embedding, head, norms and activations not counted (arXiv 2605.15871 §4.3)"
    ),
    "megatron": (
        "a multiply-add is 2 FLOPs, training is 3 forward passes, attention over the causal half "
        "of the context, the head counted; embedding, norms, activations and the convolution of "
        "Mamba-2 not (as Megatron-LM counts hybrid models, with the real inner width)"
    ),
}
"""Each convention in words, printed wherever FLOPs are printed."""

BATCH_TOKENS = 524_288
"""Tokens of one training step in the paper (§3.2)."""

ELEMENT_BYTES = 2
"""Bytes of an element where caches are reported: bfloat16."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The use of a model for which costs are counted.

    Attributes:
        context: tokens of a sequence; None for the architecture's own.
        batch: sequences decoded at once.
        convention: how FLOPs are counted.
        budget: training FLOPs to spend, or None.
    """

    context: int | None = None
    batch: int = 1
    convention: Convention = "paper"
    budget: int | None = None


AS_WRITTEN = Workload()
"""One sequence of the architecture's own context, by the paper's convention."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one architecture.

    Attributes:
        parameters: learnable parameters without embedding and head.
        embedding_parameters: those of the embedding, and of the head unless it is tied to it.
        active_parameters: of all parameters, those that one token uses.
        training_flops: FLOPs per token of a training step at the architecture's context.
        forward_flops: a third of `training_flops`.
        kv_cache_bytes: bytes that decoding keeps per token of a sequence.
        state_bytes: bytes that decoding keeps per sequence, however long: recurrent states in
            float32 at least, the inputs of convolutions in the precision of the model.
    """

    parameters: int
    embedding_parameters: int
    active_parameters: int
    training_flops: int
    forward_flops: int
    kv_cache_bytes: int
    state_bytes: int

    @property
    def total_parameters(self) -> int:
        """All learnable parameters, embedding and head included."""
        return self.parameters + self.embedding_parameters

    def cache_bytes(self, context: int, batch: int = 1) -> int:
        """Bytes that decoding keeps for `batch` sequences of `context` tokens."""
        return batch * (context * self.kv_cache_bytes + self.state_bytes)

    def tokens(self, budget: int) -> int:
        """Tokens that a budget of training FLOPs pays for."""
        return budget // self.training_flops

    def steps(self, budget: int, batch_tokens: int = BATCH_TOKENS) -> int:
        """Whole training steps that a budget pays for (paper §4.3)."""
        return budget // (self.training_flops * batch_tokens)


def cost(
    architecture: Architecture,
    *,
    element_bytes: int = 2,
    context: int | None = None,
    convention: Convention = "paper",
) -> Costs:
    """Count what an architecture costs.

    Args:
        architecture: any valid architecture.
        element_bytes: bytes of an element of the model (2 for bfloat16, 4 for float32); recurrent
            states take at least 4.
        context: tokens of a sequence; None for the architecture's own.
        convention: how to count FLOPs, see `CONVENTIONS`.
    """
    blocks = [architecture.blocks[name] for name in architecture.layers]
    width, context = architecture.width, context or architecture.context
    embedding = architecture.vocab * width
    training = sum(block.training_flops(width, context, convention) for block in blocks)
    parameters = architecture.stack_parameters(architecture.layers)
    embeddings = embedding if architecture.tie_embeddings else 2 * embedding
    idle = sum(block.parameters(width) - block.active_parameters(width) for block in blocks)
    training += 6 * embedding if convention == "megatron" else 0  # the head
    return Costs(
        parameters=parameters,
        embedding_parameters=embeddings,
        active_parameters=parameters + embeddings - idle,
        training_flops=training,
        forward_flops=training // 3,
        kv_cache_bytes=element_bytes * sum(block.kv_cache_elements(width) for block in blocks),
        state_bytes=sum(block.state_bytes(width, element_bytes) for block in blocks),
    )
