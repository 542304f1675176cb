"""Gated delta nets with attention: Qwen 3-Next, Qwen 3.5, OLMo Hybrid, Kimi Linear."""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.blocks import attention, biases, block, mlp, only_silu
from aira_dsl.interop.decoders.experts import experts, qwen_feed_forwards
from aira_dsl.interop.decoders.latent import (
    latent_attention,
    multi_token,
    sigmoid_experts,
)
from aira_dsl.interop.decoders.layers import (
    FULL,
    LINEAR,
    Layer,
    assemble,
    depth,
    every,
    listed,
    paired,
    require_length,
)
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.base import Primitive

_MODULES = "mtp_num_hidden_layers"
"""Key of Qwen's number of modules for multi-token prediction."""

_MODULE_SETTINGS = ("mtp_use_dedicated_embeddings", "mamba_ssm_dtype")

_KEYS = {
    "key_heads": "linear_num_key_heads",
    "value_heads": "linear_num_value_heads",
    "key_dim": "linear_key_head_dim",
    "value_dim": "linear_value_head_dim",
    "conv": "linear_conv_kernel_dim",
}


def read_qwen3_next(config: ForeignConfig, name: str) -> Architecture:
    """Read Qwen 3-Next (`modeling_qwen3_next.py`): three delta nets to one gated attention."""
    mixers, heads = _qwen_mixers(config)
    feed_forwards = qwen_feed_forwards(config, len(mixers), True)
    mtp = multi_token(config, [heads, feed_forwards[-1]], _MODULES)
    return assemble(config, name, paired(mixers, feed_forwards), mtp)


def read_qwen3_5(config: ForeignConfig, name: str) -> Architecture:
    """Read Qwen 3.5 (`modeling_qwen3_5.py`): the same mixers with dense layers."""
    config.without_effect(_MODULE_SETTINGS)
    mixers, heads = _qwen_mixers(config)
    feed_forward: Layer = ("M", mlp(config))
    mtp = multi_token(config, [heads, feed_forward], _MODULES)
    return assemble(config, name, paired(mixers, feed_forward), mtp)


def read_qwen3_5_moe(config: ForeignConfig, name: str) -> Architecture:
    """Read Qwen 3.5 MoE (`modeling_qwen3_5_moe.py`): the router always renormalises."""
    config.without_effect(_MODULE_SETTINGS)
    config.without_effect(["norm_topk_prob", "intermediate_size", "mlp_only_layers"])
    mixers, heads = _qwen_mixers(config)
    mixture = experts(
        config,
        hidden=config.integer("moe_intermediate_size"),
        router="softmax",
        renormalize=True,
        shared=config.integer("shared_expert_intermediate_size"),
        shared_gate=True,
    )
    mtp = multi_token(config, [heads, ("E", mixture)], _MODULES)
    return assemble(config, name, paired(mixers, ("E", mixture)), mtp)


def _qwen_mixers(config: ForeignConfig) -> tuple[list[Layer], Layer]:
    """Return the mixers of all layers, and the attention among them."""
    period = config.positive("full_attention_interval", default=4)
    kinds = listed(config, (LINEAR, FULL), every(period, LINEAR, FULL))
    config.only("attn_output_gate", [True], "attention without its gate")
    heads = attention(
        config,
        rope(config, rotary=0.25),
        bias=biases(config, "attention_bias"),
        qk_norm="head",
        gate="element",
    )
    mixers: dict[str, Layer] = {LINEAR: ("G", delta_net(config)), FULL: ("A", heads)}
    return [mixers[kind] for kind in kinds], mixers[FULL]


def delta_net(config: ForeignConfig, **options: Any) -> Primitive:
    """Read a gated delta net."""
    only_silu(config, "gated_delta_net")
    values = {
        "key_heads": config.integer("linear_num_key_heads"),
        "value_heads": config.integer("linear_num_value_heads"),
        "key_dim": config.integer("linear_key_head_dim"),
        "value_dim": config.integer("linear_value_head_dim"),
        "conv": config.integer("linear_conv_kernel_dim"),
    }
    return block(config, "gated_delta_net", _KEYS, **{**values, **options})


def read_olmo_hybrid(config: ForeignConfig, name: str) -> Architecture:
    """Read OLMo Hybrid (`modeling_olmo_hybrid.py`): norms before delta nets, after attention."""
    config.without_effect(
        ("linear_a_log_min", "linear_a_log_max", "linear_dt_min", "linear_dt_max",
         "linear_dt_init_floor", "linear_use_gate", "fla_hybrid_attention_indices")
    )  # fmt: skip
    kinds = listed(config, (LINEAR, FULL), every(4, LINEAR, FULL))
    only_silu(config, "gated_delta_net")
    heads, width = config.size("num_attention_heads"), config.size("hidden_size")
    key_heads = config.optional("linear_num_key_heads") or heads
    key_dim = config.optional("linear_key_head_dim") or 3 * width // max(4 * key_heads, 1)
    net = block(
        config,
        "gated_delta_net",
        _KEYS,
        key_heads=key_heads,
        value_heads=config.optional("linear_num_value_heads") or heads,
        key_dim=key_dim,
        value_dim=config.optional("linear_value_head_dim") or 2 * key_dim,
        conv=config.integer("linear_conv_kernel_dim"),
        negative_eigenvalues=config.flag("linear_allow_neg_eigval", default=True),
        norm_eps=1e-5,
    )
    mixer = attention(
        config,
        rope(config),
        bias=biases(config, "attention_bias"),
        qk_norm="width",
        norm="post",
    )
    layers: dict[str, list[Layer]] = {
        LINEAR: [("G", net), ("M", mlp(config))],
        FULL: [("A", mixer), ("M", mlp(config, norm="post"))],
    }
    return assemble(config, name, [layer for kind in kinds for layer in layers[kind]])


def read_kimi_linear(config: ForeignConfig, name: str) -> Architecture:
    """Read Kimi Linear (`modeling_kimi_linear.py`): Kimi delta attention and latent attention."""
    config.without_effect(
        ("pretraining_tp", "num_key_value_heads", "rope_theta", "rope_scaling", "rope_parameters",
         "use_grouped_topk", "topk_method", "moe_router_activation_func",
         "head_dim", "qk_head_dim")
    )  # fmt: skip
    only_silu(config, "kda")
    config.only("tie_word_embeddings", [False], "Kimi Linear ties nothing, whatever it says")
    kinds, linear = _kimi_layers(config)
    mixers: dict[str, Layer] = {
        LINEAR: ("K", block(config, "kda", None, **linear)),
        FULL: ("L", latent_attention(config, {"rope": None}, interleaved=None)),
    }
    config.only("mla_use_nope", [True], "positions of latent attention", costs=False)
    config.only("moe_layer_freq", [1], "dense layers among the mixtures")
    sparse = _sparse(config, len(kinds))
    mixture: Layer = ("E", sigmoid_experts(config))
    single: Layer = ("M", mlp(config))
    feed_forwards = [mixture if each else single for each in sparse]
    layers = paired([mixers[kind] for kind in kinds], feed_forwards)
    return assemble(config, name, layers, multi_token(config, [mixers[FULL], mixture]))


def _kimi_layers(config: ForeignConfig) -> tuple[list[str], dict[str, int]]:
    """Return the kind of every layer, and the sizes of the delta attention.

    Checkpoints have both in linear_attn_config, where layers are counted from 1.
    """
    nested = config.section("linear_attn_config")
    section = config if nested is None else nested
    prefix = "linear_" if nested is None else ""
    kernel = "conv_kernel_dim" if nested is None else "short_conv_kernel_size"
    sizes = {
        "heads": section.integer(f"{prefix}num_heads"),
        "head_dim": section.integer(f"{prefix}head_dim"),
        "conv": section.integer(f"{prefix}{kernel}"),
    }
    numbered = None if nested is None else _numbered(config, nested)
    if nested is not None:
        nested.close()
    config.without_effect(["linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim"])
    kinds = listed(
        config,
        (LINEAR, FULL),
        lambda count: numbered or [FULL if i and i % 4 == 0 else LINEAR for i in range(count)],
    )
    return kinds, {**sizes, "rank": sizes["head_dim"]}


def _numbered(config: ForeignConfig, section: ForeignConfig) -> list[str] | None:
    """Return the kinds of layers that are named by their numbers, from 1."""
    linear, full = section.integers("kda_layers"), section.integers("full_attn_layers")
    if linear is None or full is None:
        return None
    count = depth(config)
    if sorted([*linear, *full]) != list(range(1, count + 1)):
        message = f"kda_layers and full_attn_layers do not number the layers 1 to {count} once each"
        raise InputError("E0520", message, help="layers are counted from 1 there")
    return [LINEAR if number in set(linear) else FULL for number in range(1, count + 1)]


def _sparse(config: ForeignConfig, count: int) -> list[bool]:
    """Return which layers have experts."""
    words = config.words("mlp_layer_types")
    dense = config.count("first_k_dense_replace", default=1)
    if words is None:
        return [index >= dense for index in range(count)]
    require_length(config, "mlp_layer_types", len(words))
    if len(words) != count or not {"dense", "sparse"}.issuperset(words):
        raise InputError("E0520", f"mlp_layer_types is not {count} times dense or sparse")
    return [word == "sparse" for word in words]
