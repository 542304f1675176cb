"""LFM 2: gated short convolutions and attention."""

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.blocks import attention, block
from aira_dsl.interop.decoders.experts import experts
from aira_dsl.interop.decoders.latent import dense_first
from aira_dsl.interop.decoders.layers import FULL, Layer, assemble, listed, paired
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.base import Primitive

CONV = "conv"

_WITHOUT_EFFECT = (
    # Read by no code of transformers; older checkpoints have them.
    "conv_dim", "conv_dim_out", "conv_use_xavier_init", "block_dim", "block_mlp_init_scale",
    "block_norm_eps", "block_out_init_scale", "block_use_swiglu", "block_use_xavier_init",
    "num_heads", "use_pos_enc", "theta",
)  # fmt: skip


def read_lfm2(config: ForeignConfig, name: str) -> Architecture:
    """Read LFM 2 (`modeling_lfm2.py`); the hidden width is rounded as its code does."""
    mixers = _mixers(config)
    feed_forward: Layer = ("M", _mlp(config, _hidden(config)))
    return assemble(config, name, paired(mixers, feed_forward))


def read_lfm2_moe(config: ForeignConfig, name: str) -> Architecture:
    """Read LFM 2 MoE (`modeling_lfm2_moe.py`): the first layers are dense."""
    mixers = _mixers(config)
    mixture = experts(
        config,
        hidden=config.integer("moe_intermediate_size"),
        activation="swiglu",
        router="sigmoid",
        correction_bias=config.flag("use_expert_bias", default=True),
        renormalize=config.flag("norm_topk_prob", default=True),
        scale=config.number("routed_scaling_factor", default=1.0),
    )
    feed_forwards = dense_first(
        len(mixers),
        config.count("num_dense_layers"),
        ("M", _mlp(config, config.integer("intermediate_size"))),
        ("E", mixture),
    )
    return assemble(config, name, paired(mixers, feed_forwards))


def _mixers(config: ForeignConfig) -> list[Layer]:
    """Return convolutions and attention; older configs name the attention layers by index."""
    config.without_effect(_WITHOUT_EFFECT)
    chosen = config.integers("full_attn_idxs")

    def rule(count: int) -> list[str]:
        return [FULL if chosen is None or index in chosen else CONV for index in range(count)]

    kinds = listed(config, (CONV, FULL), rule)
    kernel = config.integer("conv_L_cache")
    bias = config.flag("conv_bias", default=False)
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, rope(config), qk_norm="head")),
        CONV: ("C", block(config, "short_conv", {"conv": "conv_L_cache"}, conv=kernel, bias=bias)),
    }
    return [mixers[kind] for kind in kinds]


def _mlp(config: ForeignConfig, hidden: int) -> Primitive:
    keys = {"hidden": "intermediate_size"}
    return block(config, "mlp", keys, hidden=hidden, activation="swiglu")


def _hidden(config: ForeignConfig) -> int:
    """Return the hidden width: two thirds, times a factor, up to a multiple (`Lfm2MLP`)."""
    hidden = config.size("block_ff_dim", "intermediate_size")
    factor = config.number("block_ffn_dim_multiplier", default=1.0)
    multiple = config.positive("block_multiple_of", default=256)
    if not config.flag("block_auto_adjust_ff_dim", default=True):
        return hidden
    return -(-int(factor * int(2 * hidden / 3)) // multiple) * multiple
