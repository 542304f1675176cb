"""The language model of Llama 4: chunks, layers without positions, one expert a token."""

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.blocks import attention, biases, mlp
from aira_dsl.interop.decoders.experts import experts
from aira_dsl.interop.decoders.layers import FULL, Layer, assemble, depth, listed, paired
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig

CHUNKED = "chunked_attention"


def read_llama4(config: ForeignConfig, name: str) -> Architecture:
    """Read Llama 4 (`modeling_llama4.py`)."""
    config.without_effect(["router_jitter_noise", "floor_scale", "attn_scale"])
    rotated = _rotated(config)
    kinds = listed(
        config, (FULL, CHUNKED), lambda _: [CHUNKED if each else FULL for each in rotated]
    )
    if len(kinds) != len(rotated):
        message = f"layer_types has {len(kinds)} layers, no_rope_layers {len(rotated)}"
        raise InputError("E0520", message)
    tuned = config.flag("attn_temperature_tuning", default=True)  # of layers without positions
    if tuned and not all(rotated):
        config.refuse("attn_temperature_tuning", "queries scaled by position", costs=False)
    mixers = _mixers(config, kinds, rotated)
    return assemble(config, name, paired(mixers, _feed_forwards(config, len(kinds))))


def _rotated(config: ForeignConfig) -> list[int]:
    """Return for every layer whether it has positions."""
    interval = config.positive("no_rope_layer_interval", default=4)
    given = config.integers("no_rope_layers")
    return given or [int((index + 1) % interval != 0) for index in range(depth(config))]


def _mixers(config: ForeignConfig, kinds: list[str], rotated: list[int]) -> list[Layer]:
    positions = {**rope(config), "interleaved": True}
    bias, chunk = biases(config, "attention_bias"), config.optional("attention_chunk_size")
    norm = "l2" if config.flag("use_qk_norm", default=True) else None
    found: list[Layer] = []
    for kind, each in zip(kinds, rotated, strict=True):
        block = attention(
            config,
            positions if each else {"rope": None},
            bias=bias,
            chunk=chunk if kind == CHUNKED else None,
            qk_norm=norm if each else None,
        )
        found.append(("C" if kind == CHUNKED else "A", block))
    return found


def _feed_forwards(config: ForeignConfig, count: int) -> list[Layer]:
    step = config.positive("interleave_moe_layer_step", default=1)
    sparse = config.integers("moe_layers")
    chosen = range(step - 1, count, step) if sparse is None else sparse
    hidden = config.integer("intermediate_size")
    mixture: Layer = ("E", experts(config, hidden=hidden, router="sigmoid_input", shared=hidden))
    single: Layer = ("M", mlp(config, hidden="intermediate_size_mlp"))
    return [mixture if index in chosen else single for index in range(count)]
