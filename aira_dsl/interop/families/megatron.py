"""Architecture -> the arguments of Megatron-LM's hybrid models.

The layer pattern (`M` Mamba-2, `*` attention, `-` MLP, `E` experts, `G` gated delta net; after `/`
the layers of multi-token prediction) has no repeats and no settings for single layers, so a kind
has one set of dimensions; those are arguments of their own (`megatron_blocks`).
"""

from collections.abc import Sequence

from aira_dsl.architecture import Architecture
from aira_dsl.interop.expressible import (
    kinds_without_a_form,
    only_of_kind,
    require_expressible,
)
from aira_dsl.interop.families.megatron_blocks import OPTIONS, lines_of, reasons_of
from aira_dsl.primitives import MLP, MoE, Primitive

SYMBOLS = {"mamba2": "M", "attention": "*", "mlp": "-", "moe": "E", "gated_delta_net": "G"}
_NO_ATTENTION = ["--num-attention-heads 1", "--position-embedding-type none"]


def to_megatron(architecture: Architecture) -> str:
    """Return the arguments of Megatron-LM for an architecture, one a line.

    Raises:
        InputError: E0510, Megatron's hybrid models cannot express it.
    """
    reasons = unsupported(architecture)
    require_expressible("Megatron-LM", architecture, reasons, "use --emit python or hf")
    pattern = _symbols(architecture, architecture.layers)
    pattern += f"/{_symbols(architecture, architecture.mtp)}" if architecture.mtp else ""
    lines = [
        f'--hybrid-layer-pattern "{pattern}"',
        "--spec megatron.core.models.hybrid.hybrid_layer_specs hybrid_stack_spec",
        f"--hidden-size {architecture.width}",
        f"--vocab-size {architecture.vocab}",
        "--make-vocab-size-divisible-by 1",
        f"--seq-length {architecture.context}",
        f"--max-position-embeddings {architecture.context}",
        "--normalization RMSNorm",
        f"--norm-epsilon {architecture.norm_eps!r}",
        "--disable-bias-linear",
        "--attention-dropout 0.0",
        "--hidden-dropout 0.0",
    ]
    lines += [] if architecture.tie_embeddings else ["--untie-embeddings-and-output-weights"]
    blocks = _blocks(architecture, reasons)
    lines += [line for block in blocks for line in lines_of(block)]
    lines += [] if any(block.kind == "attention" for block in blocks) else _NO_ATTENTION
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def unsupported(architecture: Architecture) -> list[str]:
    """Return why Megatron's hybrid models cannot express an architecture; empty if they can."""
    reasons = kinds_without_a_form(architecture, SYMBOLS, mtp=True, options=OPTIONS)
    blocks = _blocks(architecture, reasons)
    reasons += [reason for block in blocks for reason in reasons_of(block)]
    activations = [block.activation for block in blocks if isinstance(block, MLP | MoE)]
    if len(set(activations)) > 1:
        reasons.append(f"its mlp uses {activations[0]} and its experts {activations[1]}")
    return reasons


def _blocks(architecture: Architecture, reasons: list[str]) -> list[Primitive]:
    """Return the block of every kind; several of a kind are a reason."""
    kinds = ("attention", "mlp", "moe", "mamba2", "gated_delta_net")
    found = [only_of_kind(architecture, kind, reasons) for kind in kinds]
    return [block for block in found if block is not None]


def _symbols(architecture: Architecture, layers: Sequence[str]) -> str:
    return "".join(SYMBOLS[architecture.blocks[name].kind] for name in layers)
