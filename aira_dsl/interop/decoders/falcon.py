"""Falcon-H1: attention and Mamba-2 side by side, with multipliers."""

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.blocks import attention, biases, mlp
from aira_dsl.interop.decoders.layers import Beside, Layer, assemble, depth
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.decoders.state_space import head_mamba2
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.base import Primitive


def read_falcon_h1(config: ForeignConfig, name: str) -> Architecture:
    """Read Falcon-H1 (`modeling_falcon_h1.py`); multipliers of outputs are scales of blocks."""
    config.without_effect(["mamba_use_mlp", "mlp_expansion_factor", "attn_layer_indices"])
    gate, down = _pair(config, "mlp_multipliers")
    feed_forward: Layer = (
        "M",
        mlp(config, bias=config.flag("mlp_bias", default=False), residual_scale=down),
    )
    mixers = Beside((("A", _attention(config)), ("Mb", _mamba2(config))))
    _note_multipliers(config, gate)
    return assemble(
        config,
        name,
        [mixers, feed_forward] * depth(config),
        embedding_scale=config.number("embedding_multiplier"),
        logit_scale=config.number("lm_head_multiplier"),
    )


def _pair(config: ForeignConfig, key: str) -> tuple[float, float]:
    """Return two multipliers, 1 where there are none."""
    match config.numbers(key):
        case None:
            return 1.0, 1.0
        case [first, second]:
            return first, second
    raise InputError("E0520", f"{key} does not have two numbers")


def _attention(config: ForeignConfig) -> Primitive:
    """Read attention; a factor of its input scales scores twice and values once."""
    factor = config.number("attention_in_multiplier")
    keys = config.number("key_multiplier") * factor**2
    heads, width = config.positive("num_attention_heads"), config.size("hidden_size")
    head_dim = config.optional("head_dim") or width // heads
    return attention(
        config,
        rope(config),
        bias=biases(config, "attention_bias"),
        scale=None if keys == 1 else keys * max(head_dim, 1) ** -0.5,
        residual_scale=config.number("attention_out_multiplier") * factor,
    )


def _mamba2(config: ForeignConfig) -> Primitive:
    before = config.flag("mamba_norm_before_gate", default=True)
    norm = "norm_first" if before else "gate_first"
    config.only(
        "projectors_bias", [config.flag("mamba_proj_bias", default=False)], "one bias of two"
    )
    groups = config.integer("mamba_n_groups")
    block = head_mamba2(
        config, groups=groups, residual_scale=config.number("ssm_out_multiplier"), gated_norm=norm
    )
    if config.flag("mamba_rms_norm", default=False):
        return block
    return block.model_copy(update={"gated_norm": None})


def _note_multipliers(config: ForeignConfig, gate: float) -> None:
    """Say that multipliers of projections belong to their weights."""
    factors = [config.number("ssm_in_multiplier"), *(config.numbers("ssm_multipliers") or [])]
    if any(factor != 1 for factor in (gate, *factors)):
        config.account.notes.append(
            "multipliers of projections are part of their weights: ssm_in_multiplier, "
            "ssm_multipliers, the first of mlp_multipliers"
        )
