"""Architecture -> the arguments of Megatron-LM's hybrid models.

The layer pattern (`M` Mamba-2, `*` attention, `-` MLP; after `/` the layers of multi-token
prediction) has no repeats and no settings for single layers, so a kind has one set of dimensions;
those are arguments of their own. Flags are those of Megatron-LM's own example scripts.
"""

from collections.abc import Sequence

from aira_dsl.architecture import Architecture
from aira_dsl.interop.expressible import (
    kinds_without_a_form,
    only_of_kind,
    require_expressible,
)
from aira_dsl.primitives import MLP, Attention, Mamba2

SYMBOLS = {"mamba2": "M", "attention": "*", "mlp": "-"}
ACTIVATIONS = {"swiglu": "--swiglu", "relu2": "--squared-relu", "gelu": None}
"""The flag of an activation; gelu is Megatron-LM's default."""

_KINDS = ("attention", "mlp", "mamba2")


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
    attention, mlp, mamba = (only_of_kind(architecture, kind, []) for kind in _KINDS)
    lines += _attention(attention) if isinstance(attention, Attention) else _no_attention()
    if isinstance(mlp, MLP):
        flag = ACTIVATIONS[mlp.activation]
        lines += [f"--ffn-hidden-size {mlp.hidden}", *([flag] if flag else [])]
    if isinstance(mamba, Mamba2):
        lines += [
            f"--mamba-num-heads {mamba.heads}",
            f"--mamba-head-dim {mamba.head_dim}",
            f"--mamba-state-dim {mamba.state}",
            f"--mamba-num-groups {mamba.groups}",
        ]
    return "".join(f"{line}\n" for line in lines)


def unsupported(architecture: Architecture) -> list[str]:
    """Return why Megatron's hybrid models cannot express an architecture; empty if they can."""
    reasons = kinds_without_a_form(architecture, SYMBOLS, mtp=True)
    attention, mlp, mamba = (only_of_kind(architecture, kind, reasons) for kind in _KINDS)
    if isinstance(mlp, MLP) and mlp.activation not in ACTIVATIONS:
        reasons.append(f"its mlp uses {mlp.activation}, for which there is no flag")
    if isinstance(mamba, Mamba2) and mamba.conv != 4:
        reasons.append(f"its mamba2 convolves over {mamba.conv} tokens, and 4 is fixed there")
    if isinstance(attention, Attention) and attention.rope and not attention.rope.is_integer():
        reasons.append(f"its rotary base {attention.rope} is not whole")
    return reasons


def _symbols(architecture: Architecture, layers: Sequence[str]) -> str:
    return "".join(SYMBOLS[architecture.blocks[name].kind] for name in layers)


def _attention(block: Attention) -> list[str]:
    lines = [f"--num-attention-heads {block.heads}"]
    if block.kv_heads != block.heads:
        lines += ["--group-query-attention", f"--num-query-groups {block.kv_heads}"]
    lines.append(f"--kv-channels {block.head_dim}")
    if block.rope is None:
        return [*lines, "--position-embedding-type none"]
    return [*lines, "--position-embedding-type rope", f"--rotary-base {block.rope:.0f}"]


def _no_attention() -> list[str]:
    return ["--num-attention-heads 1", "--position-embedding-type none"]
