"""DeepSeek V3 and GLM 4: sigmoid routers, dense layers first, latent attention."""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.blocks import attention, biases, block, mlp
from aira_dsl.interop.decoders.experts import experts
from aira_dsl.interop.decoders.layers import Layer, assemble, depth, paired
from aira_dsl.interop.decoders.rope import rope, stretched_scale
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.base import Primitive

_LATENT_EPSILON = 1e-6
"""Of the norms of latents, whatever that of the model is."""


def dense_first(count: int, dense: int, single: Layer, mixture: Layer) -> list[Layer]:
    """Return feed-forward layers of which all but the first few are mixtures."""
    return [single if index < dense else mixture for index in range(count)]


def sigmoid_experts(config: ForeignConfig, **options: Any) -> Primitive:
    """Read experts as DeepSeek V3 chooses them: by sigmoids with a correction, in groups."""
    width = config.integer("moe_intermediate_size")
    return experts(
        config,
        **{
            "hidden": width,
            "router": "sigmoid",
            "correction_bias": True,
            "renormalize": config.flag("norm_topk_prob", "moe_renormalize", default=True),
            "scale": config.number("routed_scaling_factor", default=1.0),
            "groups": config.integer("n_group", "num_expert_group", default=1),
            "top_groups": config.integer("topk_group", default=1),
            "shared": width * config.count("n_shared_experts", "num_shared_experts", default=0)
            or None,
            **options,
        },
    )


def read_glm4_moe(config: ForeignConfig, name: str) -> Architecture:
    """Read GLM 4.5 and 4.6 (`modeling_glm4_moe.py`): half of a head is rotated."""
    count = depth(config)
    heads = attention(
        config,
        rope(config, rotary=0.5),
        bias=biases(config, "attention_bias", "qkv"),
        qk_norm="head" if config.flag("use_qk_norm", default=False) else None,
    )
    mixture: Layer = ("E", sigmoid_experts(config))
    dense = config.count("first_k_dense_replace", default=0)
    feed_forwards = dense_first(count, dense, ("M", mlp(config)), mixture)
    layers = paired([("A", heads)] * count, feed_forwards)
    return assemble(config, name, layers, multi_token(config, [("A", heads), mixture]))


def multi_token(config: ForeignConfig, layers: list[Layer], *keys: str) -> list[Layer]:
    """Return the layers of a module for multi-token prediction, none if a config has no module.

    Args:
        config: the config; that it has several modules is a note.
        layers: of one module.
        keys: of the number of modules.
    """
    keys = keys or ("num_nextn_predict_layers", "num_mtp_layers")
    count = config.count(*keys, default=0)
    if count > 1:
        config.account.notes.append(one_module(count))
    return layers if count > 0 else []


def one_module(count: int) -> str:
    """Say that one module for multi-token prediction stands for several."""
    return f"of {count} modules for multi-token prediction one is written"


def read_deepseek_v3(config: ForeignConfig, name: str) -> Architecture:
    """Read DeepSeek V3 (`modeling_deepseek_v3.py`): latent attention and many experts."""
    config.without_effect(
        ("pretraining_tp", "num_key_value_heads", "ep_size", "topk_method",
         "scoring_func", "seq_aux", "aux_loss_alpha", "head_dim", "qk_head_dim")
    )  # fmt: skip
    config.only("moe_layer_freq", [1], "dense layers among the mixtures")
    count = depth(config)
    mixer = latent_attention(config, rope(config))
    mixture: Layer = ("E", sigmoid_experts(config))
    dense = config.count("first_k_dense_replace", default=0)
    feed_forwards = dense_first(count, dense, ("M", mlp(config)), mixture)
    layers = paired([("L", mixer)] * count, feed_forwards)
    return assemble(config, name, layers, multi_token(config, [("L", mixer), mixture]))


def latent_attention(config: ForeignConfig, rope: dict[str, Any], **options: Any) -> Primitive:
    """Read multi-head latent attention; positions are the caller's."""
    config.only("attention_bias", [False], "biases of latent attention")
    plain, turned = config.size("qk_nope_head_dim"), config.size("qk_rope_head_dim")
    epsilon = config.number("rms_norm_eps")
    scaling = {name: value for name, value in rope.items() if name != "rotary"}
    return block(
        config,
        "mla",
        {"heads": "num_attention_heads", "q_rank": "q_lora_rank", "kv_rank": "kv_lora_rank"},
        **{
            "heads": config.integer("num_attention_heads"),
            "q_rank": config.optional("q_lora_rank"),
            "kv_rank": config.integer("kv_lora_rank"),
            "nope_dim": plain,
            "rope_dim": turned,
            "value_dim": config.integer("v_head_dim"),
            "interleaved": config.flag("rope_interleave", default=True),
            "scale": stretched_scale(config, plain + turned)
            if scaling.get("rope_scaling")
            else None,
            "norm_eps": None if epsilon == _LATENT_EPSILON else _LATENT_EPSILON,
            **scaling,
            **options,
        },
    )
