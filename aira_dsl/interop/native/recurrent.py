"""Families of one mixer, Mamba and Mamba-2; MiniMax and RecurrentGemma."""

from aira_dsl.interop.native.outline import Outline, Settings
from aira_dsl.interop.native.parts import (
    FULL,
    LINEAR,
    activation_of,
    attention,
    expansion,
    experts,
    require_no_scaling,
    rope,
    step_limits,
)
from aira_dsl.primitives import MLP, Attention, Mamba1, Mamba2
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.linear_attention.spec import LinearAttention
from aira_dsl.primitives.rg_lru.spec import RGLRU


def mamba(outline: Outline) -> Settings:
    """Write Mamba."""
    block = outline.first(Mamba1)
    if block is None:
        return {}
    return {
        "intermediate_size": block.inner,
        **expansion(outline, block.inner, "expand"),
        "state_size": block.state,
        "conv_kernel": block.conv,
        "time_step_rank": block.dt_rank,
        "use_conv_bias": block.conv_bias,
        "use_bias": block.bias,
    }


def falcon_mamba(outline: Outline) -> Settings:
    """Write Falcon Mamba, whose norms have an epsilon of their own."""
    block = outline.first(Mamba1)
    epsilon = outline.architecture.norm_eps
    if block is not None and block.norm_eps is not None:
        epsilon = block.norm_eps
    return {**mamba(outline), "mixer_rms_eps": epsilon}


def mamba2(outline: Outline) -> Settings:
    """Write Mamba-2."""
    block = outline.first(Mamba2)
    if block is None:
        return {}
    return {
        **expansion(outline, block.inner, "expand"),
        "num_heads": block.heads,
        "head_dim": block.head_dim,
        "state_size": block.state,
        "conv_kernel": block.conv,
        "n_groups": block.groups,
        "use_conv_bias": block.conv_bias,
        "use_bias": block.bias,
        **step_limits(block),
    }


def minimax(outline: Outline) -> Settings:
    """Write MiniMax: both kinds of attention have the same heads, rates fall with the depth."""
    block, net, mixture = outline.attention, outline.first(LinearAttention), outline.moe
    sizes = {} if net is None else {"num_attention_heads": net.heads, "head_dim": net.head_dim}
    words = {"attention": FULL, "linear_attention": LINEAR}
    return {
        **(sizes if block is None else attention(outline)),
        **experts(mixture, count="num_local_experts", hidden="intermediate_size"),
        **({} if mixture is None else {"hidden_act": activation_of(mixture)}),
        **_residual(block, "full_attn"),
        **_residual(net, "linear_attn"),
        **_residual(mixture, "mlp"),
        "layer_types": outline.words(words),
    }


def _residual(block: Primitive | None, part: str) -> Settings:
    if block is None:
        return {}
    factors = {"alpha": block.stream_scale, "beta": block.residual_scale}
    return {f"{part}_{name}_factor": factor for name, factor in factors.items()}


def recurrent_gemma(outline: Outline) -> Settings:
    """Write RecurrentGemma: RG-LRU and windows in a list, heads that make up the width."""
    block, unit, single = outline.attention, outline.first(RGLRU), outline.mlp
    count = block.heads if block is not None else unit.heads if unit is not None else 1
    words = {"attention": "attention", "rg_lru": "recurrent"}
    softcap = outline.architecture.softcap
    require_no_scaling(outline)
    outline.require(softcap is not None, "its logits have no bound")
    outline.require(block is None or block.window is not None, "its attention has no window")
    return {
        "num_attention_heads": count,
        **({} if block is None else _attention(block)),
        **({} if unit is None else {"lru_width": unit.inner, "conv1d_width": unit.conv}),
        **({} if single is None else _mlp(single)),
        "block_types": outline.words(words),
        "logits_soft_cap": softcap,
    }


def _attention(block: Attention) -> Settings:
    return {
        "num_key_value_heads": block.kv_heads,
        "attention_window_size": block.window,
        "attention_bias": block.bias == "all",
        **rope(block, partial=True),
    }


def _mlp(block: MLP) -> Settings:
    names = {"geglu": "gelu_pytorch_tanh", "swiglu": "silu", "geglu_exact": "gelu"}
    return {
        "intermediate_size": 2 * block.hidden,
        "hidden_activation": names.get(block.activation, "relu"),
    }
