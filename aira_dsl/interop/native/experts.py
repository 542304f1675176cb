"""Families with mixtures of experts in all or some of their layers."""

import math

from aira_dsl.interop.native.dense import multipliers, one_window, plain, qwen3, qwen_windows
from aira_dsl.interop.native.outline import Outline, Settings
from aira_dsl.interop.native.parts import (
    CHUNKED,
    FULL,
    activation_of,
    attention,
    bias,
    experts,
    feed_forward,
    heads,
    require_no_scaling,
    rope,
    rope_of,
    windows,
)
from aira_dsl.primitives import Attention
from aira_dsl.primitives.mla.spec import MLA

_LIMIT = 7.0
"""`swiglu_limit` of gpt-oss, which its class always has."""


def mixtral(outline: Outline) -> Settings:
    """Write Mixtral: experts have the hidden width of the config."""
    return {**one_window(outline), **_local(outline)}


def _local(outline: Outline) -> Settings:
    found = experts(outline.moe, count="num_local_experts", hidden="intermediate_size")
    return {**found, **activation(outline)}


def activation(outline: Outline) -> Settings:
    """Write the activation that experts and mlps share."""
    block = outline.moe or outline.mlp
    return {} if block is None else {"hidden_act": activation_of(block)}


def qwen2_moe(outline: Outline) -> Settings:
    """Write Qwen 2 MoE: a shared expert with a gate, and biases of attention or none."""
    found = {**plain(outline), **qwen_windows(outline), **bias(outline.attention, "qkv_bias")}
    return {**found, **qwen_experts(outline), **shared(outline)}


def qwen3_moe(outline: Outline) -> Settings:
    """Write Qwen 3 MoE, whose windows are those of all layers."""
    found = {**qwen3(outline), **qwen_experts(outline)}
    del found["layer_types"]
    return found


def qwen_experts(outline: Outline) -> Settings:
    """Write experts, and which layers have an mlp instead."""
    block = outline.moe
    return {
        **experts(block, count="num_experts", hidden="moe_intermediate_size"),
        **activation(outline),
        "norm_topk_prob": block is None or block.renormalize,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [index for index, each in enumerate(outline.sparse) if not each],
    }


def shared(outline: Outline) -> Settings:
    """Write the width of the expert that all tokens use."""
    block = outline.moe
    # A class that always has this expert is read with one, which is then a difference.
    width = block and (block.shared or block.hidden)
    return {} if block is None else {"shared_expert_intermediate_size": width}


def granitemoe(outline: Outline) -> Settings:
    """Write Granite MoE."""
    found = {**attention(outline), **bias(outline.attention), **_local(outline)}
    return {**found, **multipliers(outline)}


def gpt_oss(outline: Outline) -> Settings:
    """Write gpt-oss: sinks, biases, and the limit of its gate."""
    block = outline.moe
    found = {**attention(outline), **bias(outline.attention), **windows(outline)}
    local = experts(block, count="num_local_experts", hidden="intermediate_size")
    return {**found, **local, "swiglu_limit": block and (block.clamp or _LIMIT)}


def glm4_moe(outline: Outline) -> Settings:
    """Write GLM 4.5: half of a head is rotated, the first layers are dense."""
    block = outline.attention
    normed = {} if block is None else {"use_qk_norm": block.qk_norm is not None}
    positions = rope(outline.first(Attention, lambda each: each.rope is not None), partial=True)
    return {**heads(block), **positions, **bias(block), **normed, **_sigmoid(outline)}


def _sigmoid(outline: Outline) -> Settings:
    """Write experts as DeepSeek V3 chooses them, and how many layers are dense before them."""
    return {
        **feed_forward(outline.mlp),
        **sigmoid_router(outline),
        "first_k_dense_replace": dense_layers(outline),
    }


def dense_layers(outline: Outline) -> int:
    """Return the number of layers before the first mixture."""
    return [*outline.sparse, True].index(True)


def sigmoid_router(outline: Outline, *, count: str = "n_routed_experts") -> Settings:
    """Write experts that are chosen by sigmoids, in groups, beside some that all tokens use."""
    block = outline.moe
    if block is None:
        return {}
    some, rest = divmod(block.shared or 0, block.hidden)
    reason = f"its shared expert of {block.shared} is not a number of experts of {block.hidden}"
    outline.require(rest == 0, reason)
    return {
        **experts(block, count=count, hidden="moe_intermediate_size"),
        **activation(outline),
        "n_shared_experts": some,
        "norm_topk_prob": block.renormalize,
        "routed_scaling_factor": block.scale,
        "n_group": block.groups or 1,
        "topk_group": block.top_groups or 1,
    }


def deepseek_v3(outline: Outline) -> Settings:
    """Write DeepSeek V3: latent attention, and one module that predicts another token."""
    return {**latent_attention(outline.first(MLA)), **_sigmoid(outline), **modules(outline)}


def modules(outline: Outline, key: str = "num_nextn_predict_layers") -> Settings:
    """Write the number of modules for multi-token prediction."""
    return {key: int(bool(outline.architecture.mtp))}


def latent_attention(block: MLA | None) -> Settings:
    """Write latent attention; a factor of scores is that of the scaling of positions."""
    if block is None:
        return {}
    found = rope_of(block)
    found.pop("truncate", None)
    channels = block.nope_dim + block.rope_dim
    if found and block.rope_scaling and block.scale:
        stretch = math.sqrt(block.scale * math.sqrt(channels)) - 1
        found["mscale_all_dim"] = stretch / (0.1 * math.log(block.rope_factor or 1.0))
    return {
        "num_attention_heads": block.heads,
        "num_key_value_heads": block.heads,
        "q_lora_rank": block.q_rank,
        "kv_lora_rank": block.kv_rank,
        "qk_nope_head_dim": block.nope_dim,
        "qk_rope_head_dim": block.rope_dim,
        "v_head_dim": block.value_dim,
        **({"rope_parameters": found, "rope_interleave": block.interleaved} if found else {}),
    }


def llama4(outline: Outline) -> Settings:
    """Write the language model of Llama 4: chunks, and layers without positions."""
    require_no_scaling(outline, "yarn")  # its factor is not that of other classes
    block = outline.first(Attention, lambda each: each.rope is not None)
    chunked = outline.first(Attention, lambda each: each.chunk is not None)
    mixers = [each for each in outline.mixers if isinstance(each, Attention)]
    found = {
        **attention(outline),
        **bias(outline.attention),
        **experts(outline.moe, count="num_local_experts", hidden="intermediate_size"),
        **feed_forward(outline.mlp, hidden="intermediate_size_mlp"),
        **activation(outline),
    }
    return {
        **found,
        "use_qk_norm": block is not None and block.qk_norm is not None,
        "attn_temperature_tuning": False,
        **({} if chunked is None else {"attention_chunk_size": chunked.chunk}),
        "layer_types": [FULL if each.chunk is None else CHUNKED for each in mixers],
        "no_rope_layers": [int(each.rope is not None) for each in mixers],
        "moe_layers": [index for index, each in enumerate(outline.sparse) if each],
    }
