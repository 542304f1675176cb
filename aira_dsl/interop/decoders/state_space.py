"""Mamba-1 and Mamba-2 alone, and with attention: Jamba and Bamba."""

import math
from collections.abc import Callable
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders import fla
from aira_dsl.interop.decoders.blocks import attention, biases, block, mlp, only_silu
from aira_dsl.interop.decoders.experts import experts
from aira_dsl.interop.decoders.layers import Layer, assemble, depth, paired
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.base import Primitive

_FRESH_WEIGHTS = (
    "time_step_scale", "time_step_min", "time_step_max", "time_step_floor",
    "time_step_init_scheme", "rescale_prenorm_residual",
)  # fmt: skip
_FLA_FRESH_WEIGHTS = ("conv_init", "A_init_range", "dt_min", "dt_max", "dt_init_floor")
_SCAN = (
    "use_mambapy", "use_associative_scan", "use_mamba_kernels", "chunk_size", "mamba_chunk_size",
    "residual_in_fp32", "time_step_rank", "mamba_dt_rank", "mamba_expand", "expand",
)  # fmt: skip
"""How a scan is computed, or what follows from other settings."""

_MAMBA1_KEYS = {"inner": "expand", "state": "state_size", "conv": "conv_kernel"}


def read_mamba(config: ForeignConfig, name: str) -> Architecture:
    """Read Mamba (`modeling_mamba.py`)."""
    return _mamba_stack(config, name)


def read_falcon_mamba(config: ForeignConfig, name: str) -> Architecture:
    """Read Falcon Mamba (`modeling_falcon_mamba.py`): norms without weights on dt, B and C."""
    norm_eps = config.number("mixer_rms_eps", default=1e-6)
    return _mamba_stack(config, name, norms="weightless", norm_eps=norm_eps)


def _mamba_stack(config: ForeignConfig, name: str, **norms: Any) -> Architecture:
    config.without_effect((*_FRESH_WEIGHTS, "d_model", "d_inner", "d_state", "n_layer", "ssm_cfg"))
    mixer = mamba1(
        config,
        inner=inner(config, "intermediate_size", expand="expand"),
        state=config.integer("state_size"),
        conv=config.integer("conv_kernel"),
        dt_rank=_rank(config, "time_step_rank"),
        conv_bias=config.flag("use_conv_bias", default=True),
        bias=config.flag("use_bias", default=False),
        **norms,
    )
    config.without_effect(_SCAN)
    return assemble(config, name, [("S", mixer)] * depth(config))


def mamba1(config: ForeignConfig, **options: Any) -> Primitive:
    """Make a Mamba-1 block; it uses silu."""
    only_silu(config, "mamba1")
    return block(config, "mamba1", _MAMBA1_KEYS, **options)


def inner(config: ForeignConfig, key: str, *, expand: str) -> int:
    """Return the inner width: as a key says, or the expansion times the width."""
    stated = config.optional(key)
    return stated or int(config.number(expand) * config.size("hidden_size"))


def _rank(config: ForeignConfig, key: str) -> int | None:
    """Return the rank of the step size; None for a sixteenth of the width."""
    return None if config.take(key) in (None, "auto") else config.positive(key)


def read_mamba2(config: ForeignConfig, name: str) -> Architecture:
    """Read Mamba-2 (`modeling_mamba2.py`)."""
    config.without_effect((*_FRESH_WEIGHTS, *_SCAN, "norm_before_gate", "rms_norm", "rmsnorm"))
    config.without_effect((*fla.WITHOUT_EFFECT, *_FLA_FRESH_WEIGHTS))
    config.only("D_has_hdim", [False], "a factor for every channel")
    only_silu(config, "mamba2")
    heads, head_dim = config.integer("num_heads"), config.integer("head_dim")
    config.only("intermediate_size", [heads * head_dim], "the heads are the inner width")
    mixer = mamba2(
        config,
        inner=heads * head_dim,
        head_dim=head_dim,
        state=config.integer("state_size"),
        conv=config.integer("conv_kernel"),
        groups=config.integer("n_groups"),
        conv_bias=config.flag("use_conv_bias", default=True),
        bias=config.flag("use_bias", default=False),
    )
    return assemble(config, name, [("Mb", mixer)] * depth(config))


def mamba2(config: ForeignConfig, **options: Any) -> Primitive:
    """Make a Mamba-2 block, with the limits of the step size."""
    keys = {"inner": "mamba_n_heads", "head_dim": "mamba_d_head", "groups": "mamba_n_groups"}
    return block(
        config, "mamba2", keys, **options, **step_limits(config, "time_step_limit", "dt_limit")
    )


def step_limits(config: ForeignConfig, *keys: str) -> dict[str, Any]:
    """Return the limits of the step size; zero and infinity are none.

    transformers writes infinity as a number, a text or a tagged object.
    """
    for key in keys:
        match config.take(key):
            case None:
                continue
            case [bool(), _] | [_, bool()]:
                pass
            case [int() | float() as low, int() | float() as high]:
                return {"dt_min": low or None, "dt_max": high if high < 1e6 else None}
            case [int() | float() as low, other] if "inf" in str(other).lower():
                return {"dt_min": low or None}
        raise InputError("E0520", f"{key} is {config.content.get(key)!r}, not two numbers")
    return {}


def head_mamba2(config: ForeignConfig, **options: Any) -> Primitive:
    """Read Mamba-2 as Bamba, Granite and Falcon-H1 name its settings."""
    config.without_effect(_SCAN)
    only_silu(config, "mamba2")
    heads, width = config.positive("mamba_n_heads"), config.size("hidden_size")
    whole = config.optional("mamba_d_ssm") or int(config.number("mamba_expand") * width)
    stated = config.take("mamba_d_head")
    head_dim = config.positive("mamba_d_head") if stated not in (None, "auto") else whole // heads
    return mamba2(
        config,
        **{
            "inner": heads * head_dim,
            "head_dim": head_dim,
            "state": config.integer("mamba_d_state"),
            "conv": config.integer("mamba_d_conv"),
            "conv_bias": config.flag("mamba_conv_bias", default=True),
            "bias": config.flag("mamba_proj_bias", default=False),
            **options,
        },
    )


def read_bamba(config: ForeignConfig, name: str) -> Architecture:
    """Read Bamba (`modeling_bamba.py`): attention at named layers, half of a head rotated."""
    count = depth(config)
    chosen = config.integers("attn_layer_indices") or []
    config.without_effect(["attn_rotary_emb", "partial_rotary_factor", "layers_block_type"])
    positions = {**rope(config), "rotary": 0.5}
    mixers: dict[bool, Layer] = {
        True: ("A", attention(config, positions, bias=biases(config, "attention_bias"))),
        False: ("Mb", head_mamba2(config, groups=config.integer("mamba_n_groups"))),
    }
    feed_forward: Layer = ("M", mlp(config, bias=config.flag("mlp_bias", default=False)))
    layers = paired([mixers[index in chosen] for index in range(count)], feed_forward)
    return assemble(config, name, layers)


def read_jamba(config: ForeignConfig, name: str) -> Architecture:
    """Read Jamba (`modeling_jamba.py`): no positions; attention and experts by periods."""
    config.without_effect(["sliding_window", "num_logits_to_keep"])
    is_attention = _periodic(config, "attn_layer_period", "attn_layer_offset")
    is_sparse = _periodic(config, "expert_layer_period", "expert_layer_offset")
    width = config.size("hidden_size")
    only_silu(config, "mamba1")
    mixer = block(
        config,
        "mamba1",
        {"inner": "mamba_expand", "state": "mamba_d_state", "conv": "mamba_d_conv"},
        inner=int(config.number("mamba_expand") * width),
        state=config.integer("mamba_d_state"),
        conv=config.integer("mamba_d_conv"),
        dt_rank=_rank(config, "mamba_dt_rank") or math.ceil(width / 16),
        conv_bias=config.flag("mamba_conv_bias", default=True),
        bias=config.flag("mamba_proj_bias", default=False),
        norms="rms",
    )
    config.without_effect(_SCAN)
    heads = attention(config, {"rope": None})
    single: Layer = ("M", mlp(config))
    mixture = single
    if config.positive("num_experts") > 1:
        hidden = config.integer("intermediate_size")
        options = {"hidden": hidden, "router": "softmax", "renormalize": False}
        mixture = ("E", experts(config, **options))
    count = depth(config)
    mixers: list[Layer] = [("A", heads) if is_attention(i) else ("S", mixer) for i in range(count)]
    feed_forwards = [mixture if is_sparse(index) else single for index in range(count)]
    return assemble(config, name, paired(mixers, feed_forwards))


def _periodic(config: ForeignConfig, period: str, offset: str) -> Callable[[int], bool]:
    step, first = config.positive(period), config.count(offset)
    if first >= step:
        message = f"{offset} is {first}, not 0 to {step - 1}, less than {period} {step}"
        raise InputError("E0520", message)
    return lambda index: index % step == first
