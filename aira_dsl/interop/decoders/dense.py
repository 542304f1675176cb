"""Families of attention and gated feed-forward layers: Llama and those that follow it."""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.blocks import attention, biases, mlp
from aira_dsl.interop.decoders.layers import (
    FULL,
    SLIDING,
    Layer,
    assemble,
    depth,
    every,
    listed,
    paired,
)
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig


def read_llama(config: ForeignConfig, name: str) -> Architecture:
    """Read Llama (`modeling_llama.py`): pre-norm, rotary positions, SwiGLU."""
    config.without_effect(["pretraining_tp"])
    heads = attention(config, rope(config), bias=biases(config, "attention_bias"))
    feed_forward = mlp(config, bias=config.flag("mlp_bias", default=False))
    return assemble(config, name, [("A", heads), ("M", feed_forward)] * depth(config))


def read_mistral(config: ForeignConfig, name: str) -> Architecture:
    """Read Mistral (`modeling_mistral.py`): Llama with a window on all layers, or on none."""
    window = config.optional("sliding_window")
    heads = attention(config, rope(config), window=window)
    label = "A" if window is None else "W"
    return assemble(config, name, [(label, heads), ("M", mlp(config))] * depth(config))


def read_ministral(config: ForeignConfig, name: str) -> Architecture:
    """Read Ministral (`modeling_ministral.py`): windows on the layers that a list names."""
    window = config.optional("sliding_window")
    rule = every(1, FULL, FULL if window is None else SLIDING)
    kinds = listed(config, (FULL, SLIDING), rule)
    positions = rope(config)
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, positions)),
        SLIDING: ("W", attention(config, positions, window=window)),
    }
    feed_forward: Layer = ("M", mlp(config))
    return assemble(config, name, paired([mixers[kind] for kind in kinds], feed_forward))


def read_qwen2(config: ForeignConfig, name: str) -> Architecture:
    """Read Qwen 2 and 2.5 (`modeling_qwen2.py`): biases of queries, keys and values."""
    mixers = qwen_mixers(config, bias="qkv")
    feed_forward: Layer = ("M", mlp(config))
    return assemble(config, name, paired(mixers, feed_forward))


def read_qwen3(config: ForeignConfig, name: str) -> Architecture:
    """Read Qwen 3 (`modeling_qwen3.py`): normalised queries and keys."""
    mixers = qwen_mixers(config, bias=biases(config, "attention_bias"), qk_norm="head")
    feed_forward: Layer = ("M", mlp(config))
    return assemble(config, name, paired(mixers, feed_forward))


def qwen_mixers(config: ForeignConfig, **options: Any) -> list[Layer]:
    """Return the attention of every Qwen layer; windows are off unless the config uses them."""
    window, first = None, 0
    if config.flag("use_sliding_window", default=False):
        window = config.optional("sliding_window")
        first = config.count("max_window_layers", default=0)
    config.without_effect(["sliding_window", "max_window_layers"])

    def rule(count: int) -> list[str]:
        return [SLIDING if window and index >= first else FULL for index in range(count)]

    kinds = listed(config, (FULL, SLIDING), rule)
    positions = rope(config)
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, positions, **options)),
        SLIDING: ("W", attention(config, positions, window=window, **options)),
    }
    return [mixers[kind] for kind in kinds]


def read_smollm3(config: ForeignConfig, name: str) -> Architecture:
    """Read SmolLM 3 (`modeling_smollm3.py`): every fourth layer without positions."""
    used = config.flag("use_sliding_window", default=False)
    window = config.optional("sliding_window") if used else None
    config.without_effect(["sliding_window"])
    interval = config.positive("no_rope_layer_interval", default=4)
    rotated = config.integers("no_rope_layers")  # 1 where there are positions
    count = depth(config) if rotated is None else len(rotated)
    if rotated is None:
        rotated = [int((index + 1) % interval != 0) for index in range(count)]
    kinds = listed(
        config,
        (FULL, SLIDING),
        lambda _: [SLIDING if window and not each else FULL for each in rotated],
    )
    bias, positions = biases(config, "attention_bias"), rope(config)
    feed_forward: Layer = ("M", mlp(config, bias=config.flag("mlp_bias", default=False)))
    layers: list[Layer] = []
    for kind, each in zip(kinds, rotated, strict=False):
        block = attention(
            config,
            positions if each else {"rope": None},
            bias=bias,
            window=window if kind == SLIDING else None,
        )
        layers += [("A" if each else "N", block), feed_forward]
    return assemble(config, name, layers)


def read_olmo2(config: ForeignConfig, name: str) -> Architecture:
    """Read OLMo 2 (`modeling_olmo2.py`): norms after the blocks, queries and keys normalised."""
    bias = biases(config, "attention_bias")
    heads = attention(config, rope(config), bias=bias, qk_norm="width", norm="post")
    layers = [("A", heads), ("M", mlp(config, norm="post"))] * depth(config)
    return assemble(config, name, layers)


def read_olmo3(config: ForeignConfig, name: str) -> Architecture:
    """Read OLMo 3 (`modeling_olmo3.py`): OLMo 2 with windows; only full layers scale positions."""
    kinds = listed(config, (FULL, SLIDING), every(4, SLIDING, FULL))
    positions = {FULL: rope(config, FULL), SLIDING: rope(config, SLIDING, scaled=False)}
    window = config.integer("sliding_window")
    options = {"bias": biases(config, "attention_bias"), "qk_norm": "width", "norm": "post"}
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, positions[FULL], **options)),
        SLIDING: ("W", attention(config, positions[SLIDING], window=window, **options)),
    }
    feed_forward: Layer = ("M", mlp(config, norm="post"))
    return assemble(config, name, paired([mixers[kind] for kind in kinds], feed_forward))


def read_phi3(config: ForeignConfig, name: str) -> Architecture:
    """Read Phi 3 (`modeling_phi3.py`): Llama with a window; dropout is for training only."""
    config.without_effect(["resid_pdrop", "embd_pdrop", "original_max_position_embeddings"])
    return read_mistral(config, name)


def read_exaone4(config: ForeignConfig, name: str) -> Architecture:
    """Read EXAONE 4 (`modeling_exaone4.py`): norms after the blocks, full layers lack positions."""
    window = config.optional("sliding_window")
    rule = every(config.positive("sliding_window_pattern", default=4), SLIDING, FULL)
    kinds = listed(config, (FULL, SLIDING), rule if window else every(1, FULL, FULL))
    positions = rope(config)
    options = {"qk_norm": "head", "norm": "post"}
    no_positions = {"rope": None} if window else positions
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, no_positions, **options)),
        SLIDING: ("W", attention(config, positions, window=window, **options)),
    }
    feed_forward: Layer = ("M", mlp(config, norm="post"))
    return assemble(config, name, paired([mixers[kind] for kind in kinds], feed_forward))
