"""Families that mix attention with recurrences or convolutions."""

from aira_dsl.interop.native.dense import multipliers, plain, score_factor
from aira_dsl.interop.native.experts import (
    activation,
    dense_layers,
    latent_attention,
    modules,
    qwen_experts,
    shared,
    sigmoid_router,
)
from aira_dsl.interop.native.outline import Outline, Settings
from aira_dsl.interop.native.parts import (
    FULL,
    LINEAR,
    attention,
    bias,
    expansion,
    experts,
    feed_forward,
    heads,
    mamba2,
    rope,
)
from aira_dsl.primitives import Attention, Mamba1, Mamba2
from aira_dsl.primitives.gated_delta_net.spec import GatedDeltaNet
from aira_dsl.primitives.kda.spec import KDA
from aira_dsl.primitives.mla.spec import MLA
from aira_dsl.primitives.short_conv.spec import ShortConv

_MIXERS = {"attention": FULL, "gated_delta_net": LINEAR, "mamba2": LINEAR}

_NO_POSITIONS: Settings = {
    "rope_theta": None,
    "rope_parameters": {"rope_type": "default", "rope_theta": None},
}
"""What OLMo Hybrid alone takes for no positions."""


def jamba(outline: Outline) -> Settings:
    """Write Jamba: attention and experts are where a period and an offset say."""
    block, count = outline.first(Mamba1), len(outline.mixers)
    is_attention = [isinstance(mixer, Attention) for mixer in outline.mixers]
    return {
        **heads(outline.attention),
        **_jamba_feed_forward(outline),
        **_periodic(outline, "attn", is_attention, "attention", count),
        **_periodic(outline, "expert", outline.sparse, "moe", count),
        **({} if block is None else _mamba1(outline, block)),
    }


def _jamba_feed_forward(outline: Outline) -> Settings:
    if outline.moe is None:
        return {**feed_forward(outline.mlp), "num_experts": 1}
    found = experts(outline.moe, count="num_experts", hidden="intermediate_size")
    return {**found, **activation(outline)}


def _mamba1(outline: Outline, block: Mamba1) -> Settings:
    return {
        **expansion(outline, block.inner),
        "mamba_d_state": block.state,
        "mamba_d_conv": block.conv,
        "mamba_dt_rank": block.dt_rank,
        "mamba_conv_bias": block.conv_bias,
        "mamba_proj_bias": block.bias,
    }


def _periodic(outline: Outline, key: str, chosen: list[bool], what: str, count: int) -> Settings:
    """Write period and offset of some layers; a period past the end stands for one or none."""
    places = [index for index, each in enumerate(chosen) if each]
    period = places[1] - places[0] if len(places) > 1 else count + 1
    offset = places[0] if places else count
    wanted = [index for index in range(count) if index % period == offset]
    reason = f"its {what} layers are not one in every {period} of its layers"
    outline.require(offset < period and places == wanted, reason)
    return {f"{key}_layer_period": period, f"{key}_layer_offset": min(offset, period - 1)}


def bamba(outline: Outline) -> Settings:
    """Write Bamba: attention at named layers."""
    places = [index for index, each in enumerate(outline.mixers) if isinstance(each, Attention)]
    return {
        **plain(outline),
        **bias(outline.attention),
        **bias(outline.mlp, "mlp_bias"),
        **mamba2(outline),
        "attn_layer_indices": places,
    }


def granitemoehybrid(outline: Outline) -> Settings:
    """Write Granite 4: an mlp that all tokens use, alone or beside experts."""
    block, mixture = outline.attention, outline.moe
    found = {**attention(outline), **bias(block), **mamba2(outline), **multipliers(outline)}
    if mixture is None:
        single = feed_forward(outline.mlp, hidden="shared_intermediate_size")
        found |= {**single, "num_local_experts": 0}
    else:
        found |= experts(mixture, count="num_local_experts", hidden="intermediate_size")
        found |= {
            **activation(outline),
            "shared_intermediate_size": mixture.shared or mixture.hidden,
        }
    return {
        **found,
        "position_embedding_type": None if block is None or block.rope is None else "rope",
        "layer_types": outline.words(_MIXERS),
    }


def falcon_h1(outline: Outline) -> Settings:
    """Write Falcon-H1: multipliers of outputs and of scores; those of projections are 1."""
    block, mamba, mlp = outline.attention, outline.first(Mamba2), outline.mlp
    if block is None or mamba is None or mlp is None:
        return {}
    norm = mamba.gated_norm
    return {
        **plain(outline),
        **bias(block),
        **bias(mlp, "mlp_bias"),
        **mamba2(outline, expands=False),
        "projectors_bias": mamba.bias,
        "mamba_rms_norm": norm is not None,
        "mamba_norm_before_gate": norm == "norm_first",
        "key_multiplier": score_factor(block) * float(block.head_dim or 1) ** 0.5,
        "attention_out_multiplier": block.residual_scale,
        "ssm_out_multiplier": mamba.residual_scale,
        "mlp_multipliers": [1.0, mlp.residual_scale],
        "embedding_multiplier": outline.architecture.embedding_scale,
        "lm_head_multiplier": outline.architecture.logit_scale,
    }


def lfm2(outline: Outline) -> Settings:
    """Write LFM 2; the hidden width is not rounded."""
    hidden = {} if outline.mlp is None else {"intermediate_size": outline.mlp.hidden}
    return {**_lfm2(outline), **hidden, "block_auto_adjust_ff_dim": False}


def lfm2_moe(outline: Outline) -> Settings:
    """Write LFM 2 MoE: the first layers are dense."""
    block = outline.moe
    hidden = {} if outline.mlp is None else {"intermediate_size": outline.mlp.hidden}
    found = {**_lfm2(outline), **hidden, "num_dense_layers": dense_layers(outline)}
    if block is None:
        return found
    return {
        **found,
        **experts(block, count="num_experts", hidden="moe_intermediate_size"),
        "use_expert_bias": block.correction_bias,
        "norm_topk_prob": block.renormalize,
        "routed_scaling_factor": block.scale,
    }


def _lfm2(outline: Outline) -> Settings:
    block = outline.first(ShortConv)
    kernel = {} if block is None else {"conv_L_cache": block.conv, **bias(block, "conv_bias")}
    kinds = outline.words({"attention": FULL, "short_conv": "conv"})
    return {**attention(outline), **kernel, "layer_types": kinds}


def qwen3_next(outline: Outline) -> Settings:
    """Write Qwen 3-Next: delta nets and gated attention, with experts."""
    dense = feed_forward(outline.mlp)
    return {**dense, **_qwen_mixers(outline), **qwen_experts(outline), **shared(outline)}


def qwen3_5(outline: Outline) -> Settings:
    """Write Qwen 3.5: the same mixers with dense layers."""
    return {**_qwen_mixers(outline), **feed_forward(outline.mlp)}


def qwen3_5_moe(outline: Outline) -> Settings:
    """Write Qwen 3.5 MoE."""
    found = experts(outline.moe, count="num_experts", hidden="moe_intermediate_size")
    return {**_qwen_mixers(outline), **found, **activation(outline), **shared(outline)}


def _qwen_mixers(outline: Outline) -> Settings:
    block = outline.attention
    return {
        **heads(block),
        **rope(block, partial=True),
        **bias(block),
        **_delta_net(outline.first(GatedDeltaNet)),
        **modules(outline, "mtp_num_hidden_layers"),
        "layer_types": outline.words(_MIXERS),
    }


def _delta_net(block: GatedDeltaNet | None) -> Settings:
    if block is None:
        return {}
    return {
        "linear_num_key_heads": block.key_heads,
        "linear_num_value_heads": block.value_heads,
        "linear_key_head_dim": block.key_dim,
        "linear_value_head_dim": block.value_dim,
        "linear_conv_kernel_dim": block.conv,
    }


def olmo_hybrid(outline: Outline) -> Settings:
    """Write OLMo Hybrid, which has both delta nets and attention."""
    net = outline.first(GatedDeltaNet)
    outline.require(outline.attention is not None, "it has no attention layers")
    outline.require(net is not None, "it has no gated_delta_net layers")
    rotated = outline.attention is None or outline.attention.rope is not None
    return {
        **plain(outline),
        **({} if rotated else _NO_POSITIONS),
        **bias(outline.attention),
        **_delta_net(net),
        "linear_allow_neg_eigval": net is None or net.negative_eigenvalues,
        "layer_types": outline.words(_MIXERS),
    }


def kimi_linear(outline: Outline) -> Settings:
    """Write Kimi Linear: Kimi delta attention and latent attention without positions."""
    block = outline.first(KDA)
    net: Settings = {}
    if block is not None:
        net = {
            "linear_num_heads": block.heads,
            "linear_head_dim": block.head_dim,
            "linear_conv_kernel_dim": block.conv,
        }
    return {
        **latent_attention(outline.first(MLA)),
        **feed_forward(outline.mlp),
        **sigmoid_router(outline, count="num_local_experts"),
        **net,
        **modules(outline),
        "layer_types": outline.words({"mla": FULL, "kda": LINEAR}),
        "mlp_layer_types": ["sparse" if each else "dense" for each in outline.sparse],
    }
