"""What an architecture costs, by formula: nothing is allocated, 3B costs nothing to inspect."""

from dataclasses import dataclass

from aira_dsl.architecture.value import Architecture


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one architecture.

    Attributes:
        parameters: learnable parameters without embedding and head.
        embedding_parameters: embedding, and the head unless tied to it.
        training_flops: FLOPs per token of a training step at the architecture's context, by the
            paper's convention (§4.3: full-square attention, embedding and head not counted).
        forward_flops: a third of `training_flops`.
        kv_cache_bytes: bytes that decoding keeps per token of a sequence.
        state_bytes: bytes that decoding keeps per sequence, however long.
    """

    parameters: int
    embedding_parameters: int
    training_flops: int
    forward_flops: int
    kv_cache_bytes: int
    state_bytes: int

    @property
    def total_parameters(self) -> int:
        """All learnable parameters."""
        return self.parameters + self.embedding_parameters


def cost(architecture: Architecture, *, element_bytes: int = 2) -> Costs:
    """Count what an architecture costs.

    Args:
        architecture: any valid architecture.
        element_bytes: bytes of one cached element (2 for bfloat16, 4 for float32).
    """
    blocks = [architecture.blocks[name] for name in architecture.layers]
    width, context = architecture.width, architecture.context
    training = sum(block.training_flops(width, context) for block in blocks)
    embedding = architecture.vocab * width
    return Costs(
        # One norm before every layer, one before the head; each has a gain per channel.
        parameters=sum(block.parameters(width) + width for block in blocks) + width,
        embedding_parameters=embedding if architecture.tie_embeddings else 2 * embedding,
        training_flops=training,
        forward_flops=training // 3,
        kv_cache_bytes=element_bytes * sum(block.kv_cache_elements() for block in blocks),
        state_bytes=element_bytes * sum(block.state_elements() for block in blocks),
    )
