"""The least time that the peak figures of a GPU allow: a lower bound, not a forecast.

A part of the model takes max(FLOPs / peak FLOP/s, bytes / bandwidth), and parts run one after
another (the roofline model, Williams et al. 2009, doi 10.1145/1498765.1498785). There are no
efficiency factors. Every layer counts

- prefill: the FLOPs of all prompts, attention over their causal part; its weights read once, the
  residual stream read and written once, caches and states written once;
- decoding: the FLOPs of one token for each sequence, attention over all tokens that are kept; its
  weights read once, the residual stream read and written once, keys and values read once, states
  read and written once.

The ends are the rows of the embedding and the head, which prefill needs for last tokens only.
Everything between two layers stays on the chip. Weights that no token of a mixture of experts uses
are not read.
"""

from dataclasses import dataclass

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.latency.gpus import Gpu
from aira_dsl.evaluation.latency.memory import memory_of
from aira_dsl.evaluation.latency.options import ELEMENT_BYTES, Precision
from aira_dsl.evaluation.latency.result import ENDS, Bound, Latency, Part, Seconds
from aira_dsl.primitives import Primitive


@dataclass(frozen=True)
class Work:
    """FLOPs and bytes of memory traffic."""

    flops: float
    bytes: float


@dataclass(frozen=True)
class Roof:
    """Peak FLOP/s, and bytes per second of the memory."""

    peak: float
    bandwidth: float

    def seconds(self, work: Work) -> tuple[float, Bound]:
        """Return the least time of some work, and what limits it."""
        compute, traffic = work.flops / self.peak, work.bytes / self.bandwidth
        return (compute, "compute") if compute > traffic else (traffic, "memory")


def roofline(
    architecture: Architecture, gpu: Gpu, *, context: int, batch: int, precision: Precision = "bf16"
) -> Latency:
    """Estimate latency and memory on a GPU.

    Args:
        architecture: what is decoded; it need not fit in the memory.
        gpu: its peak figures.
        context: tokens of each sequence.
        batch: number of sequences.
        precision: of weights, activations and caches.

    Raises:
        UsageError: E1702, the GPU has no figure for the precision.
    """
    roof, size = Roof(gpu.peak(precision), gpu.bandwidth), ELEMENT_BYTES[precision]
    width = architecture.width
    parts = []
    for name in dict.fromkeys(architecture.layers):
        block, layers = architecture.block_of(name), architecture.layers.count(name)
        work = (
            _prefill(block, width, context, batch, size),
            _decode(block, width, context, batch, size),
        )
        parts.append(_part(name, block.kind, layers, work, roof))
    ends = (_ends(architecture, context, batch, size), _ends(architecture, 1, batch, size))
    parts.append(_part(ENDS, "", 1, ends, roof))
    return Latency(
        device=gpu.name,
        title=gpu.title,
        method="roofline",
        precision=precision,
        context=context,
        batch=batch,
        parts=tuple(parts),
        memory=memory_of(
            architecture,
            context=context,
            batch=batch,
            element_bytes=size,
            capacity=int(gpu.memory),
        ),
    )


def _prefill(block: Primitive, width: int, context: int, batch: int, size: int) -> Work:
    """Return the work of one layer for whole prompts."""
    tokens = batch * context
    flops = batch * block.prefill_flops(width, context)
    kept = _kv_bytes(block, width, context, size) + block.state_bytes(width, size)
    weights = _weights(block, width, tokens)
    return Work(flops, size * (weights + 2 * tokens * width) + batch * kept)


def _decode(block: Primitive, width: int, context: int, batch: int, size: int) -> Work:
    """Return the work of one layer for one token of each sequence."""
    flops = batch * block.decode_flops(width, context)
    kept = _kv_bytes(block, width, context, size) + 2 * block.state_bytes(width, size)
    weights = _weights(block, width, batch)
    return Work(flops, size * (weights + 2 * batch * width) + batch * kept)


def _kv_bytes(block: Primitive, width: int, context: int, size: int) -> int:
    """Count the bytes of the keys and values of a sequence."""
    return size * sum(
        part.cached_tokens(context) * part.kv_cache_elements(width) for part in block.parts
    )


def _weights(block: Primitive, width: int, tokens: int) -> int:
    """Count the weights that are read for `tokens` tokens, the norms of the layer included."""
    read = sum(part.read_parameters(width, tokens) for part in block.parts)
    return read + block.layer_norms * width


def _ends(architecture: Architecture, tokens: int, batch: int, size: int) -> Work:
    """Return the work of embedding `tokens` tokens of each sequence, and of one row of logits."""
    width, vocab = architecture.width, architecture.vocab
    return Work(2 * batch * width * vocab, size * width * (vocab + 1 + 2 * batch * tokens))


def _part(name: str, kind: str, layers: int, work: tuple[Work, Work], roof: Roof) -> Part:
    (prefill, first), (decode, second) = map(roof.seconds, work)
    return Part(name, kind, layers, Seconds(prefill, decode) * layers, (first, second))
