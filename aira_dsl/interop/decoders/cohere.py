"""Command R7B and Command A (Cohere 2): attention and feed-forward layer side by side."""

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.blocks import attention, biases, mlp
from aira_dsl.interop.decoders.layers import FULL, SLIDING, Beside, assemble, every, listed
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig


def read_cohere2(config: ForeignConfig, name: str) -> Architecture:
    """Read Cohere 2 (`modeling_cohere2.py`): LayerNorm, full layers without positions."""
    config.without_effect(["use_qk_norm", "rotary_pct", "order_of_interleaved_layers"])
    period = config.positive("sliding_window_pattern", default=4)
    kinds = listed(config, (FULL, SLIDING), every(period, SLIDING, FULL))
    bias, window = biases(config, "attention_bias"), config.integer("sliding_window")
    positions = {**rope(config), "interleaved": True}
    mixers = {
        FULL: ("N", attention(config, {"rope": None}, bias=bias)),
        SLIDING: ("W", attention(config, positions, bias=bias, window=window)),
    }
    feed_forward = ("M", mlp(config))
    return assemble(
        config,
        name,
        [Beside((mixers[kind], feed_forward)) for kind in kinds],
        norm_kind="layer_no_bias",
        logit_scale=config.number("logit_scale"),
    )
