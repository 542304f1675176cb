"""Granite 3 and 4: multipliers of embeddings, residuals, attention and logits."""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.blocks import attention, biases, mlp
from aira_dsl.interop.decoders.experts import experts
from aira_dsl.interop.decoders.layers import (
    FULL,
    LINEAR,
    Layer,
    assemble,
    depth,
    every,
    listed,
    paired,
)
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.decoders.state_space import head_mamba2
from aira_dsl.interop.foreign_config import ForeignConfig


def read_granite(config: ForeignConfig, name: str) -> Architecture:
    """Read Granite (`modeling_granite.py`): Llama with four multipliers."""
    scaled = _scales(config)
    bias = biases(config, "attention_bias")
    scale = config.number("attention_multiplier")
    heads = attention(config, rope(config), bias=bias, scale=scale, **scaled)
    feed_forward = mlp(config, bias=config.flag("mlp_bias", default=False), **scaled)
    layers = [("A", heads), ("M", feed_forward)] * depth(config)
    return assemble(config, name, layers, **_settings(config))


def _scales(config: ForeignConfig) -> dict[str, Any]:
    """Return the option of every Granite block: outputs are scaled before they are added."""
    return {"residual_scale": config.number("residual_multiplier")}


def _settings(config: ForeignConfig) -> dict[str, Any]:
    """Return Granite's settings of the model; it divides logits."""
    return {
        "embedding_scale": config.number("embedding_multiplier"),
        "logit_scale": config.inverse("logits_scaling"),
    }


def read_granitemoe(config: ForeignConfig, name: str) -> Architecture:
    """Read Granite MoE (`modeling_granitemoe.py`): softmax over the chosen experts."""
    scaled = _scales(config)
    heads = attention(
        config,
        rope(config),
        bias=biases(config, "attention_bias"),
        scale=config.number("attention_multiplier"),
        **scaled,
    )
    hidden = config.integer("intermediate_size")
    mixture = experts(config, hidden=hidden, router="topk_softmax", **scaled)
    layers = [("A", heads), ("E", mixture)] * depth(config)
    return assemble(config, name, layers, **_settings(config))


def read_granitemoehybrid(config: ForeignConfig, name: str) -> Architecture:
    """Read Granite 4 (`modeling_granitemoehybrid.py`): Mamba-2 and attention, experts or none."""
    config.without_effect(["normalization_function", "layers_block_type", "init_method"])
    kinds = listed(config, (LINEAR, FULL), every(1, LINEAR, LINEAR))
    scaled = _scales(config)
    rotates = config.take("position_embedding_type") == "rope"
    positions = rope(config)
    heads = attention(
        config,
        positions if rotates else {"rope": None},
        bias=biases(config, "attention_bias"),
        scale=config.number("attention_multiplier"),
        **scaled,
    )
    groups = config.integer("mamba_n_groups")
    mixers: dict[str, Layer] = {
        FULL: ("A", heads),
        LINEAR: ("Mb", head_mamba2(config, groups=groups, **scaled)),
    }
    layers = paired([mixers[kind] for kind in kinds], _feed_forward(config, scaled))
    return assemble(config, name, layers, **_settings(config))


def _feed_forward(config: ForeignConfig, scaled: dict[str, Any]) -> Layer:
    """Return the mlp that all tokens share, with experts beside it if there are any."""
    shared = config.integer("shared_intermediate_size")
    hidden = config.integer("intermediate_size")
    if config.count("num_local_experts"):
        return (
            "E",
            experts(config, hidden=hidden, shared=shared, router="topk_softmax", **scaled),
        )
    config.without_effect(["num_experts_per_tok"])
    return ("M", mlp(config, hidden="shared_intermediate_size", **scaled))
