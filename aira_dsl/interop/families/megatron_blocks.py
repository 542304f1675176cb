"""Blocks -> the arguments of Megatron-LM's hybrid models, and what these cannot say of a block.

Flags are those of Megatron-LM's own example scripts, layers those of its `hybrid_stack_spec`.
Attention has no norms of queries and keys there, and latent attention no norms of its latents.
"""

from collections.abc import Iterator
from typing import Any

from aira_dsl.primitives import MLP, Attention, Mamba2, MoE, Primitive
from aira_dsl.primitives.gated_delta_net.spec import GatedDeltaNet

ACTIVATIONS = {"swiglu": "--swiglu", "relu2": "--squared-relu", "gelu": None}
"""The flag of an activation; gelu is Megatron-LM's default."""

OPTIONS = {"attention": ("rotary", "gate", "bias")}
"""Options that have a flag, at least for some of their values."""

ADDED = {"sigmoid": 2, "softmax": 1}
"""How many of a group's best experts are its score here; top / top_groups are in Megatron-LM."""


def lines_of(block: Primitive) -> list[str]:
    """Return the arguments of a block that can be expressed."""
    match block:
        case Attention():
            return list(_attention(block))
        case MLP():
            return [f"--ffn-hidden-size {block.hidden}", *_activation(block.activation)]
        case MoE():
            return list(_experts(block))
        case Mamba2():
            return [
                f"--mamba-num-heads {block.heads}",
                f"--mamba-head-dim {block.head_dim}",
                f"--mamba-state-dim {block.state}",
                f"--mamba-num-groups {block.groups}",
            ]
        case GatedDeltaNet():
            return [
                f"--linear-conv-kernel-dim {block.conv}",
                f"--linear-key-head-dim {block.key_dim}",
                f"--linear-value-head-dim {block.value_dim}",
                f"--linear-num-key-heads {block.key_heads}",
                f"--linear-num-value-heads {block.value_heads}",
            ]
    raise AssertionError(f"{block.kind} has a symbol but no arguments")


def reasons_of(block: Primitive) -> list[str]:
    """Return what cannot be said of a block whose kind and options have a form."""
    match block:
        case Attention():
            return list(_attention_reasons(block))
        case MLP():
            return _activation_reasons("mlp", block.activation)
        case MoE():
            return [*_activation_reasons("moe", block.activation), *_expert_reasons(block)]
        case Mamba2() if block.conv != 4:
            return [f"its mamba2 convolves over {block.conv} tokens, and 4 is fixed there"]
        case GatedDeltaNet():
            return _other_values(block, negative_eigenvalues=False, norm_eps=None)
    return []


def _attention(block: Attention) -> Iterator[str]:
    yield f"--num-attention-heads {block.heads}"
    if block.kv_heads != block.heads:
        yield from ("--group-query-attention", f"--num-query-groups {block.kv_heads}")
    yield f"--kv-channels {block.head_dim}"
    if block.bias:
        yield "--add-qkv-bias"
    if block.gate:
        yield "--attention-output-gate"
    if block.rope is None:
        yield "--position-embedding-type none"
    else:
        yield from ("--position-embedding-type rope", f"--rotary-base {block.rope:.0f}")
    if block.rope is not None and block.rotary != 1:
        yield f"--rotary-percent {block.rotary!r}"


def _attention_reasons(block: Attention) -> Iterator[str]:
    if block.rope and not block.rope.is_integer():
        yield f"its rotary base {block.rope} is not whole"
    if block.gate == "head":
        yield "its attention has gate head"
    if block.bias in ("output", "all"):
        yield f"its attention has bias {block.bias}"


def _activation(name: str) -> list[str]:
    flag = ACTIVATIONS[name]
    return [flag] if flag else []


def _activation_reasons(kind: str, name: str) -> list[str]:
    known = name in ACTIVATIONS
    return [] if known else [f"its {kind} uses {name}, for which there is no flag"]


def _experts(block: MoE) -> Iterator[str]:
    yield f"--num-experts {block.experts}"
    yield f"--moe-router-topk {block.top}"
    yield f"--moe-ffn-hidden-size {block.hidden}"
    yield from _activation(block.activation)
    if block.router == "sigmoid":
        yield "--moe-router-score-function sigmoid"
    elif not block.renormalize:
        yield "--moe-router-pre-softmax"
    if block.scale != 1:
        yield f"--moe-router-topk-scaling-factor {block.scale!r}"
    if block.groups:
        yield f"--moe-router-num-groups {block.groups}"
        yield f"--moe-router-group-topk {block.top_groups}"
    if block.correction_bias:
        yield "--moe-router-enable-expert-bias"
    if block.shared:
        yield f"--moe-shared-expert-intermediate-size {block.shared}"
    if block.shared_gate:
        yield "--moe-shared-expert-gate"
    if block.latent:
        yield f"--moe-latent-size {block.latent}"


def _expert_reasons(block: MoE) -> Iterator[str]:
    yield from _other_values(block, bias=False, router_bias=False, clamp=None)
    if block.router == "sigmoid_input":
        yield "its moe has router sigmoid_input"
    elif not weights_are_megatrons(block):
        said = (
            f"router {block.router}, top {block.top}, renormalize {str(block.renormalize).lower()}"
        )
        yield f"its moe has {said}"
    if block.correction_bias and block.router != "sigmoid":
        yield f"its moe has a correction bias with router {block.router}"
    if (added := added_in_groups(block)) not in (None, ADDED.get(block.router)):
        yield f"a group of its experts has the score of its best {ADDED[block.router]}, not {added}"


def weights_are_megatrons(block: MoE) -> bool:
    """Whether the chosen experts are weighed as there: by sums if there are several.

    One expert has its softmax or its sigmoid as its weight.
    """
    if block.router == "sigmoid":
        return block.renormalize == (block.top > 1)
    return block.top > 1 or not block.renormalize


def added_in_groups(block: MoE) -> int | None:
    """Return how many experts Megatron-LM adds up for the score of a group, None without groups."""
    return block.top // block.top_groups if block.groups and block.top_groups else None


def _other_values(block: Primitive, **expressible: Any) -> list[str]:
    """Return a reason for every field that does not have the one value that can be written."""
    return [
        f"its {block.kind} has {name} {str(getattr(block, name)).lower()}"
        for name, value in expressible.items()
        if getattr(block, name) != value
    ]
