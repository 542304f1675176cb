"""Families with mixtures of experts and softmax or sigmoid routers."""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.blocks import attention, biases, block, gate, mlp
from aira_dsl.interop.decoders.dense import qwen_mixers
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
from aira_dsl.primitives.base import Primitive

_KEYS = {"experts": "num_experts", "top": "num_experts_per_tok", "hidden": "moe_intermediate_size"}


def experts(config: ForeignConfig, **options: Any) -> Primitive:
    """Read number, choice and width of experts; options of the router are the caller's."""
    options.setdefault(
        "experts", config.integer("num_experts", "num_local_experts", "n_routed_experts")
    )
    options.setdefault("top", config.integer("num_experts_per_tok", "num_experts_per_token"))
    if "activation" not in options:
        options["activation"] = gate(config)
    return block(config, "moe", _KEYS, **options)


def read_mixtral(config: ForeignConfig, name: str) -> Architecture:
    """Read Mixtral (`modeling_mixtral.py`): the weights of the chosen experts add up to one."""
    config.without_effect(["router_jitter_noise"])
    heads = attention(config, rope(config), window=config.optional("sliding_window"))
    hidden = config.integer("intermediate_size")
    mixture = experts(config, hidden=hidden, router="softmax", renormalize=True)
    return assemble(config, name, [("A", heads), ("E", mixture)] * depth(config))


def read_qwen2_moe(config: ForeignConfig, name: str) -> Architecture:
    """Read Qwen 1.5 and 2 MoE (`modeling_qwen2_moe.py`): a shared expert with a gate."""
    bias = "qkv" if config.flag("qkv_bias", default=True) else None
    mixers = qwen_mixers(config, bias=bias)
    return assemble(config, name, paired(mixers, qwen_feed_forwards(config, len(mixers), True)))


def read_qwen3_moe(config: ForeignConfig, name: str) -> Architecture:
    """Read Qwen 3 MoE (`modeling_qwen3_moe.py`)."""
    mixers = qwen_mixers(config, bias=biases(config, "attention_bias"), qk_norm="head")
    return assemble(config, name, paired(mixers, qwen_feed_forwards(config, len(mixers), False)))


def qwen_feed_forwards(config: ForeignConfig, count: int, shared: bool) -> list[Layer]:
    """Return the feed-forward layer of every Qwen layer: experts, or an mlp where one is named.

    Args:
        config: the config.
        count: number of layers.
        shared: whether every token also uses a shared expert, behind a gate.
    """
    step = config.positive("decoder_sparse_step", default=1)
    dense = config.integers("mlp_only_layers") or []
    options = {
        "hidden": config.integer("moe_intermediate_size"),
        "router": "softmax",
        "renormalize": config.flag("norm_topk_prob", default=True),
    }
    if shared:
        width = config.integer("shared_expert_intermediate_size")
        options |= {"shared": width, "shared_gate": True}
    sparse = [index not in dense and (index + 1) % step == 0 for index in range(count)]
    if all(sparse):
        config.without_effect(["intermediate_size"])
    mixture: Layer | None = ("E", experts(config, **options)) if any(sparse) else None
    single: Layer | None = None if all(sparse) else ("M", mlp(config))
    return [each for is_sparse in sparse if (each := mixture if is_sparse else single)]


def read_gpt_oss(config: ForeignConfig, name: str) -> Architecture:
    """Read gpt-oss (`modeling_gpt_oss.py`): sinks, biases, windows of every second layer."""
    config.without_effect(["initial_context_length", "experts_per_token"])
    kinds = listed(config, (FULL, SLIDING), every(2, SLIDING, FULL))
    positions = rope(config) if _has_positions(config) else {**_GPT_OSS_ROPE}
    options = {"bias": biases(config, "attention_bias"), "sinks": True}
    window = config.integer("sliding_window")
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, positions, **options)),
        SLIDING: ("W", attention(config, positions, window=window, **options)),
    }
    config.only("hidden_act", ["silu"], "gpt-oss clamps its own gate", costs=False)
    config.only("swiglu_alpha", [1.702], "another slope of the gate", costs=False)
    mixture = experts(
        config,
        hidden=config.integer("intermediate_size"),
        activation="swiglu_clamped",
        clamp=config.number("swiglu_limit"),
        router="topk_softmax",
        bias=True,
        router_bias=True,
    )
    layers = paired([mixers[kind] for kind in kinds], ("E", mixture))
    return assemble(config, name, layers)


_GPT_OSS_ROPE = {
    "rope": 150_000.0, "rope_scaling": "yarn", "rope_factor": 32.0, "rope_original": 4096,
    "rope_low": 1.0, "rope_high": 32.0, "rope_truncate": False,
}  # fmt: skip
"""The scaling that transformers takes where the config has none."""


def _has_positions(config: ForeignConfig) -> bool:
    return any(config.content.get(key) for key in ("rope_scaling", "rope_parameters"))
