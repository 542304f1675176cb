"""MiniMax (lightning attention) and RecurrentGemma (RG-LRU)."""

import struct
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.blocks import attention, block, gate, only_silu
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
from aira_dsl.interop.foreign_config import ForeignConfig


def read_minimax(config: ForeignConfig, name: str) -> Architecture:
    """Read MiniMax Text-01 and M1 (`modeling_minimax.py`)."""
    only_silu(config, "linear_attention")
    config.without_effect(["block_size", "router_jitter_noise", "sliding_window"])
    kinds = listed(config, (FULL, LINEAR), every(2, FULL, LINEAR))
    heads = config.integer("num_attention_heads")
    head_dim = config.optional("head_dim") or config.size("hidden_size") // max(heads, 1)
    full: Layer = ("A", attention(config, rope(config), **_residual(config, "full_attn")))
    hidden = config.integer("intermediate_size")
    mixture: Layer = (
        "E",
        experts(
            config,
            hidden=hidden,
            router="softmax",
            renormalize=True,
            **_residual(config, "mlp"),
        ),
    )
    residual = _residual(config, "linear_attn")
    mixers: list[Layer] = []
    for index, kind in enumerate(kinds):
        linear = block(
            config,
            "linear_attention",
            {"heads": "num_attention_heads"},
            heads=heads,
            head_dim=head_dim,
            decay_scale=1 - index / (len(kinds) - 1 + 1e-5) + 1e-5,
            norm_eps=1e-6,
            **residual,
        )
        mixers.append(full if kind == FULL else ("L", linear))
    return assemble(config, name, paired(mixers, mixture))


def _residual(config: ForeignConfig, part: str) -> dict[str, Any]:
    """Return how a layer's output is added: alpha times the normed input, beta times the output."""
    return {
        "norm": "stream",
        "stream_scale": config.number(f"{part}_alpha_factor"),
        "residual_scale": config.number(f"{part}_beta_factor"),
    }


def read_recurrent_gemma(config: ForeignConfig, name: str) -> Architecture:
    """Read RecurrentGemma (`modeling_recurrent_gemma.py`): RG-LRU and windows, in a cycle."""
    config.without_effect(
        ("w_init_variance_scale", "final_w_init_variance_scale", "attention_window_size",
         "embeddings_scale_by_sqrt_dim", "head_dim")
    )  # fmt: skip
    width = config.size("hidden_size")
    cycle = _cycle(config)
    window = config.optional("attention_window_size", "sliding_window")
    heads = attention(
        config,
        rope(config, rotary=0.5),
        window=window,
        bias="all" if config.flag("attention_bias", default=False) else "output",
    )
    unit = block(
        config,
        "rg_lru",
        {"inner": "lru_width", "heads": "num_attention_heads", "conv": "conv1d_width"},
        inner=config.optional("lru_width") or width,
        heads=config.integer("num_attention_heads"),
        conv=config.integer("conv1d_width"),
    )
    tanh = ["gelu_pytorch_tanh"]
    config.only("hidden_activation", tanh, "rg_lru uses gelu by tanh", costs=False)
    keys = {"hidden": "intermediate_size"}
    hidden = config.integer("intermediate_size") // 2
    activation = gate(config, "hidden_activation")
    gated = block(config, "mlp", keys, hidden=hidden, activation=activation, bias=True)
    feed_forward: Layer = ("M", gated)
    mixers: dict[str, Layer] = {"recurrent": ("R", unit), "attention": ("W", heads)}
    chosen = [mixers[cycle[index % len(cycle)]] for index in range(depth(config))]
    return assemble(config, name, paired(chosen, feed_forward), **_settings(config))


def _cycle(config: ForeignConfig) -> list[str]:
    """Return the kinds of layers that repeat."""
    cycle = config.words("block_types")
    if cycle is None:
        return ["recurrent", "recurrent", "attention"]
    if not cycle:
        raise InputError("E0520", "block_types lists no layers")
    if unknown := set(cycle) - {"recurrent", "attention"}:
        message = f"block_types has {min(unknown)!r}, which is not recurrent or attention"
        raise InputError("E0520", message)
    return cycle


def _settings(config: ForeignConfig) -> dict[str, Any]:
    return {
        "embedding_scale": _bfloat16(config.size("hidden_size") ** 0.5),
        "softcap": config.optional_number("logits_soft_cap"),
    }


def _bfloat16(value: float) -> float:
    """Round to the nearest bfloat16, as the scale is stored whatever the model's precision."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    rounded = bits + 0x7FFF + (bits >> 16 & 1) & 0xFFFF0000
    (found,) = struct.unpack("<f", struct.pack("<I", rounded))
    return float(found)
