"""Settings that many families share, written from blocks; a block that is missing says nothing."""

from typing import Any

from aira_dsl.interop.native.outline import Outline, Settings
from aira_dsl.primitives import MLP, Attention, Mamba2, MoE
from aira_dsl.primitives.base import Primitive

FULL, LINEAR = "full_attention", "linear_attention"
SLIDING, CHUNKED = "sliding_attention", "chunked_attention"

_LEAST_HEAD = 8
"""Channels of a head of which every class can rotate a part."""

_ACTIVATIONS = {
    "swiglu": "silu", "reglu": "relu", "geglu_exact": "gelu", "geglu": "gelu_pytorch_tanh",
}  # fmt: skip
"""Names that transformers has for the gated ones; the importer reads them back."""


def attention(outline: Outline) -> Settings:
    """Write the heads of the first attention, and its rotary positions."""
    block = outline.attention
    return {**heads(block), **rope(outline.first(Attention, lambda each: each.rope is not None))}


def heads(block: Attention | None) -> Settings:
    """Write heads and their size; without attention they only have to be legal."""
    block = block or Attention(heads=1).resolve(_LEAST_HEAD)
    return {
        "num_attention_heads": block.heads,
        "num_key_value_heads": block.kv_heads,
        "head_dim": block.head_dim,
    }


def rope(block: Attention | None, *, partial: bool = False) -> Settings:
    """Write rotary positions that all layers have; nothing without them."""
    found = rope_of(block, partial=partial)
    return {"rope_parameters": found} if found else {}


def rope_of(block: Any, *, partial: bool = False) -> Settings:
    """Return the rope_parameters of a block (attention or mla); none are empty.

    Args:
        block: the block.
        partial: whether the class rotates a part of a head; others do not read it.
    """
    if block is None or block.rope is None:
        return {}
    found = {"rope_type": block.rope_scaling or "default", "rope_theta": block.rope}
    if partial:
        found["partial_rotary_factor"] = block.rotary
    return {**found, **_scaling(block)}


def _scaling(block: Any) -> Settings:
    match block.rope_scaling:
        case "linear":
            return {"factor": block.rope_factor}
        case "llama3":
            return {
                "factor": block.rope_factor,
                "original_max_position_embeddings": block.rope_original,
                "low_freq_factor": block.rope_low,
                "high_freq_factor": block.rope_high,
            }
        case "yarn":
            return {
                "factor": block.rope_factor,
                "original_max_position_embeddings": block.rope_original,
                "beta_slow": block.rope_low,
                "beta_fast": block.rope_high,
                "attention_factor": block.rope_attention,
                "truncate": getattr(block, "rope_truncate", True),
            }
    return {}


def bias(block: Primitive | None, key: str = "attention_bias") -> Settings:
    """Write whether projections have biases."""
    return {key: bool(getattr(block, "bias", None))}


def windows(outline: Outline) -> Settings:
    """Write a window, and which layers have it."""
    block = outline.near
    kinds = [SLIDING if _has_window(mixer) else FULL for mixer in outline.mixers]
    found: Settings = {"layer_types": kinds}
    return found if block is None else {**found, "sliding_window": block.window}


def _has_window(mixer: Primitive) -> bool:
    return any(getattr(part, "window", None) is not None for part in mixer.parts)


def feed_forward(
    block: MLP | None, *, hidden: str = "intermediate_size", activation: str = "hidden_act"
) -> Settings:
    """Write the hidden width and the activation of an mlp."""
    if block is None:
        return {}
    return {hidden: block.hidden, activation: activation_of(block)}


def activation_of(block: MLP | MoE) -> str:
    """Return the name in transformers of the activation of gated projections."""
    return _ACTIVATIONS.get(block.activation, "silu")


def experts(block: MoE | None, *, count: str, hidden: str) -> Settings:
    """Write number, choice and width of experts, under the keys of a family."""
    if block is None:
        return {}
    return {count: block.experts, "num_experts_per_tok": block.top, hidden: block.hidden}


def mamba2(outline: Outline, *, expands: bool = True) -> Settings:
    """Write Mamba-2 as Bamba, Granite and Falcon-H1 name its settings.

    Args:
        outline: the layers.
        expands: whether the class wants the inner width to be a multiple of the width.
    """
    width = outline.architecture.width
    block = outline.first(Mamba2) or Mamba2(inner=width, head_dim=width)
    return {
        "mamba_n_heads": block.heads,
        "mamba_d_head": block.head_dim,
        "mamba_n_groups": block.groups,
        "mamba_d_state": block.state,
        "mamba_d_conv": block.conv,
        "mamba_conv_bias": block.conv_bias,
        "mamba_proj_bias": block.bias,
        **(expansion(outline, block.inner) if expands else {"mamba_d_ssm": block.inner}),
        **step_limits(block),
    }


def step_limits(block: Mamba2) -> Settings:
    """Write the limits of the step size, if there are any."""
    if block.dt_min is None and block.dt_max is None:
        return {}
    return {"time_step_limit": [block.dt_min or 0.0, block.dt_max or 1e9]}


def expansion(outline: Outline, inner: int, key: str = "mamba_expand") -> Settings:
    """Write the inner width as a multiple of the width, the only ones that the class has."""
    width = outline.architecture.width
    outline.require(
        inner % width == 0,
        f"its inner width {inner} is not a multiple of the width {width} ({key} is a whole number)",
    )
    return {key: max(1, inner // width)}


def require_no_scaling(outline: Outline, *refused: str) -> None:
    """Add a reason if positions are scaled, by the given rules or else by any."""
    rules = refused or ("llama3", "yarn", "linear", "proportional")
    used = outline.first(Attention, lambda block: block.rope_scaling in rules)
    if used is not None:
        outline.reasons.append(f"its attention has rope_scaling {used.rope_scaling}")


def require_heads_divide_width(outline: Outline) -> None:
    """Add a reason if heads do not divide the width, as some classes want it."""
    width, block = outline.architecture.width, outline.attention
    if block is not None:
        reason = f"its width {width} is not a multiple of its heads {block.heads}"
        outline.require(width % block.heads == 0, reason)
