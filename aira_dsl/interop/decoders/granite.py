"""Granite 3 and 4: multipliers of embeddings, residuals, attention and logits."""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.blocks import attention, biases, mlp
from aira_dsl.interop.decoders.experts import experts
from aira_dsl.interop.decoders.layers import assemble, depth
from aira_dsl.interop.decoders.rope import rope
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
