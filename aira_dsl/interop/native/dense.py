"""Families of attention and gated feed-forward layers: Llama and those that follow it."""

from aira_dsl.interop.native.outline import Outline, Settings
from aira_dsl.interop.native.parts import (
    FULL,
    SLIDING,
    attention,
    bias,
    feed_forward,
    heads,
    require_heads_divide_width,
    require_no_scaling,
    rope,
    rope_of,
    windows,
)
from aira_dsl.primitives import Attention


def llama(outline: Outline) -> Settings:
    """Write Llama; every other family differs in a few settings."""
    require_heads_divide_width(outline)
    return {**with_biases(outline), **bias(outline.mlp, "mlp_bias")}


def plain(outline: Outline) -> Settings:
    """Write heads, positions and the mlp."""
    return {**attention(outline), **feed_forward(outline.mlp)}


def with_biases(outline: Outline) -> Settings:
    """Write the same with or without biases of attention (OLMo 2)."""
    return {**plain(outline), **bias(outline.attention)}


def phi3(outline: Outline) -> Settings:
    """Write Phi 3, which does not scale positions in a way that the language has."""
    require_no_scaling(outline)
    return one_window(outline)


def one_window(outline: Outline) -> Settings:
    """Write the window that all layers have, or none (Mistral)."""
    block = outline.attention
    return {**plain(outline), "sliding_window": block and block.window}


def listed_windows(outline: Outline) -> Settings:
    """Write the window of the layers that a list names (Ministral)."""
    return {**plain(outline), **windows(outline)}


def qwen(outline: Outline) -> Settings:
    """Write Qwen: windows are off unless the config uses them."""
    return {**plain(outline), **qwen_windows(outline)}


def qwen_windows(outline: Outline) -> Settings:
    """Write the windows of Qwen layers."""
    return {**windows(outline), "use_sliding_window": outline.near is not None}


def qwen3(outline: Outline) -> Settings:
    """Write Qwen 3."""
    return {**qwen(outline), **bias(outline.attention)}


def smollm3(outline: Outline) -> Settings:
    """Write SmolLM 3, with the layers that have positions."""
    rotated = [int(getattr(mixer, "rope", None) is not None) for mixer in outline.mixers]
    return {**qwen3(outline), **bias(outline.mlp, "mlp_bias"), "no_rope_layers": rotated}


def olmo3(outline: Outline) -> Settings:
    """Write OLMo 3: positions by kind of layer, of which only full ones are scaled."""
    return {
        **heads(outline.attention),
        **feed_forward(outline.mlp),
        **bias(outline.attention),
        **windows(outline),
        **_rope_by_kind(outline),
    }


def _rope_by_kind(outline: Outline) -> Settings:
    """Write positions of full layers and of those with windows."""
    kinds = {FULL: rope_of(outline.full), SLIDING: rope_of(outline.near)}
    found = {kind: each or {"rope_type": "default"} for kind, each in kinds.items()}
    return {"rope_parameters": found}


def exaone4(outline: Outline) -> Settings:
    """Write EXAONE 4: with windows, full layers have no positions."""
    near = outline.near
    return {**plain(outline), **windows(outline), "sliding_window": near and near.window}


def granite(outline: Outline) -> Settings:
    """Write Granite: Llama with four multipliers."""
    return {**with_biases(outline), **bias(outline.mlp, "mlp_bias"), **multipliers(outline)}


def multipliers(outline: Outline) -> Settings:
    """Write Granite's multipliers of embeddings, residuals, scores, and the divisor of logits."""
    architecture, block = outline.architecture, outline.attention
    scored = {} if block is None else {"attention_multiplier": score_factor(block)}
    return {
        "embedding_multiplier": architecture.embedding_scale,
        "logits_scaling": 1 / architecture.logit_scale,
        "residual_multiplier": outline.mixers[0].parts[0].residual_scale,
        **scored,
    }


def score_factor(block: Attention) -> float:
    """Return the factor of scores, one over the root of the head size if the block does not say."""
    return block.scale or float(block.head_dim or 1) ** -0.5


def gemma(outline: Outline) -> Settings:
    """Write Gemma, whose embeddings are scaled by the root of the width."""
    return with_biases(outline)


def gemma2(outline: Outline) -> Settings:
    """Write Gemma 2: soft caps, and one base of positions."""
    block = outline.attention
    softcap = block and block.softcap
    return {**_gemma_windows(outline), **rope(block), "attn_logit_softcapping": softcap}


def gemma3(outline: Outline) -> Settings:
    """Write Gemma 3: positions by kind of layer."""
    return {**_gemma_windows(outline), **_rope_by_kind(outline)}


def _gemma_windows(outline: Outline) -> Settings:
    require_heads_divide_width(outline)
    block = outline.attention
    scored: Settings = {}
    if block is not None:
        channels = round(score_factor(block) ** -2)  # the class takes whole numbers only
        scored = {"query_pre_attn_scalar": channels}
    return {
        **heads(block),
        **bias(block),
        **windows(outline),
        **feed_forward(outline.mlp, activation="hidden_activation"),
        **scored,
        "final_logit_softcapping": outline.architecture.softcap,
    }


def cohere2(outline: Outline) -> Settings:
    """Write Cohere 2, whose heads always make up the width."""
    found = {**plain(outline), **bias(outline.attention), **windows(outline)}
    found.pop("head_dim", None)
    return {**found, "logit_scale": outline.architecture.logit_scale}
