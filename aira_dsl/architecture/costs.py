"""What an architecture costs, by formula: nothing is allocated, 3B costs nothing to inspect."""

from collections.abc import Iterable
from dataclasses import dataclass

from aira_dsl.architecture.architecture import Architecture
from aira_dsl.primitives.base import Convention, Primitive

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

_ENDLESS = 1 << 62
"""A context beyond every window."""


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


WEIGHT_BITS = {"bf16": 16, "fp8": 8, "4 bits": 4}
"""Bits of a weight in the precisions in which models are served, without scales of blocks."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of the layers that keep the same tokens.

    Attributes:
        token_bytes: bytes per token of a sequence.
        tokens: the largest number of tokens that are kept, such as a window; None for all.
    """

    token_bytes: int
    tokens: int | None = None

    def bytes(self, context: int) -> int:
        """Bytes that a sequence of `context` tokens keeps."""
        return self.token_bytes * (context if self.tokens is None else min(context, self.tokens))


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one architecture.

    Attributes:
        parameters: learnable parameters without embedding and head.
        embedding_parameters: those of the embedding, and of the head unless it is tied to it.
        input_parameters: those of the embedding alone; 0 if the head is tied to it.
        active_parameters: of all parameters, those that one token uses.
        training_flops: FLOPs per token of a training step at the architecture's context.
        forward_flops: a third of `training_flops`.
        prefill_flops: FLOPs from a prompt of the whole context to the logits after it.
        decode_flops: FLOPs of the token after it, its logits included.
        caches: keys and values, those without a limit first, then by limit.
        kv_cache_bytes: bytes that decoding keeps for each token of a sequence, however long it is:
            caches without a limit.
        state_bytes: bytes that decoding keeps per sequence, however long: recurrent states in
            float32 at least, the inputs of convolutions in the precision of the model.
    """

    parameters: int
    embedding_parameters: int
    input_parameters: int
    active_parameters: int
    training_flops: int
    forward_flops: int
    prefill_flops: int
    decode_flops: int
    caches: tuple[Cache, ...]
    kv_cache_bytes: int
    state_bytes: int

    @property
    def total_parameters(self) -> int:
        """All learnable parameters, embedding and head included."""
        return self.parameters + self.embedding_parameters

    @property
    def active_without_input(self) -> int:
        """Active parameters without the embedding, of which a token reads one row."""
        return self.active_parameters - self.input_parameters

    @property
    def active_without_embeddings(self) -> int:
        """Active parameters of the layers: without embedding and head."""
        return self.active_parameters - self.embedding_parameters

    @property
    def window_bytes(self) -> int:
        """Bytes that caches with a limit keep once a sequence is longer than the limits."""
        return sum(cache.token_bytes * (cache.tokens or 0) for cache in self.caches)

    def weight_bytes(self, bits: int) -> int:
        """Bytes of all weights at this number of bits each."""
        return -(-self.total_parameters * bits // 8)

    def kv_bytes(self, context: int) -> int:
        """Bytes of the keys and values of a sequence of `context` tokens."""
        return sum(cache.bytes(context) for cache in self.caches)

    def cache_bytes(self, context: int, batch: int = 1) -> int:
        """Bytes that decoding keeps for `batch` sequences of `context` tokens, states included."""
        return batch * (self.kv_bytes(context) + self.state_bytes)

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
        convention: how to count FLOPs of training, see `CONVENTIONS`.
    """
    layers = [architecture.block_of(name) for name in architecture.layers]
    blocks = [part for layer in layers for part in layer.parts]
    width, context = architecture.width, context or architecture.context
    embedding = architecture.vocab * width
    training = sum(block.training_flops(width, context, convention) for block in blocks)
    parameters = architecture.stack_parameters(architecture.layers)
    embeddings = embedding if architecture.tie_embeddings else 2 * embedding
    distinct = dict(
        zip(architecture.weight_sets(architecture.layers), layers, strict=True)
    ).values()
    idle = sum(layer.parameters(width) - layer.active_parameters(width) for layer in distinct)
    training += 6 * embedding if convention == "megatron" else 0  # the head
    caches = _caches(blocks, width, element_bytes)
    return Costs(
        parameters=parameters,
        embedding_parameters=embeddings,
        input_parameters=0 if architecture.tie_embeddings else embedding,
        active_parameters=parameters + embeddings - idle,
        training_flops=training,
        forward_flops=training // 3,
        prefill_flops=2 * embedding + sum(b.prefill_flops(width, context) for b in blocks),
        decode_flops=2 * embedding + sum(b.decode_flops(width, context) for b in blocks),
        caches=caches,
        kv_cache_bytes=sum(cache.token_bytes for cache in caches if cache.tokens is None),
        state_bytes=sum(block.state_bytes(width, element_bytes) for block in blocks),
    )


def kept_tokens(block: Primitive) -> int | None:
    """Return the largest number of tokens for which a block keeps keys and values; None for all."""
    limit = block.cached_tokens(_ENDLESS)
    return None if limit == _ENDLESS else limit


def _caches(blocks: Iterable[Primitive], width: int, element_bytes: int) -> tuple[Cache, ...]:
    """Add up the caches of layers that keep the same tokens."""
    found: dict[int | None, int] = {}
    for block in blocks:
        if elements := block.kv_cache_elements(width):
            limit = kept_tokens(block)
            found[limit] = found.get(limit, 0) + element_bytes * elements
    order = sorted(found, key=lambda limit: limit or 0)
    return tuple(Cache(found[limit], limit) for limit in order)
