"""Gemma 1 to 4: gated GELU, embeddings scaled by the root of the width, norms stored as 1 + w.

The gains of Gemma 4 are stored as they are.
"""

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
from aira_dsl.interop.decoders.per_layer import KEY
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig


def read_gemma(config: ForeignConfig, name: str) -> Architecture:
    """Read Gemma (`modeling_gemma.py`): one kind of layer, of which `gelu` means that by tanh."""
    _causal(config)
    config.without_effect(["hidden_activation"])
    heads = attention(config, rope(config), bias=biases(config, "attention_bias"))
    feed_forward = mlp(config)
    if config.take("hidden_act") == "gelu":
        feed_forward = feed_forward.model_copy(update={"activation": "geglu"})
    layers = [("A", heads), ("M", feed_forward)] * depth(config)
    return assemble(config, name, layers, **_settings(config))


def read_gemma2(config: ForeignConfig, name: str) -> Architecture:
    """Read Gemma 2 (`modeling_gemma2.py`): every second layer has a window; soft caps."""
    softcap = config.optional_number("attn_logit_softcapping")
    return _with_windows(config, name, period=2, options={"softcap": softcap})


def read_gemma3(config: ForeignConfig, name: str) -> Architecture:
    """Read Gemma 3 (`modeling_gemma3.py`): one full layer in six, positions by kind of layer."""
    period = config.positive("sliding_window_pattern", "_sliding_window_pattern", default=6)
    local = config.number("rope_local_base_freq", default=10_000.0)
    config.without_effect(["attn_logit_softcapping"])  # of Gemma 2; no code reads it here
    return _with_windows(config, name, period=period, local=local, options={"qk_norm": "head"})


def read_gemma4(config: ForeignConfig, name: str) -> Architecture:
    """Read Gemma 4 (`modeling_gemma4.py`): full layers have larger heads, and fewer for keys.

    Its sizes are those of `per_layer_config`, in older configs `global_head_dim` and
    `num_global_key_value_heads`.
    """
    config.only("use_bidirectional_attention", ["vision"], "attention to later tokens")
    config.only("hidden_size_per_layer_input", [0], "embeddings for every layer")
    config.only("num_kv_shared_layers", [0], "keys and values of other layers")
    config.only("enable_moe_block", [False], "experts beside a feed-forward layer, with own norms")
    config.without_effect(
        ("vocab_size_per_layer_input", "use_double_wide_mlp", "num_experts", "top_k_experts",
         "moe_intermediate_size", "global_head_dim", "num_global_key_value_heads")
    )  # fmt: skip
    config.account.notes.append("layers have no factor of their own (layer_scalar of checkpoints)")
    kinds = listed(config, (FULL, SLIDING), every(6, SLIDING, FULL))
    shared = config.flag("attention_k_eq_v", default=False)
    options = {
        "bias": biases(config, "attention_bias"),
        "qk_norm": "head",
        "value_norm": True,
        "scale": 1.0,
        "norm": "sandwich",
    }
    far: dict[str, Any] = {"rope": 1e6, "rotary": 0.25, "rope_scaling": "proportional"}
    if config.take("rope_parameters"):
        far = rope(config, FULL)
    near = rope(config, SLIDING, theta=10_000.0)
    full = {**options, "keys_are_values": shared, **_global_heads(config, shared)}
    window = config.integer("sliding_window")
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, far, **full)),
        SLIDING: ("W", attention(config, near, window=window, **options)),
    }
    feed_forward: Layer = ("M", mlp(config, activation="hidden_activation", norm="sandwich"))
    # The last layer is full, whatever the list says.
    layers = paired([mixers[kind] for kind in [*kinds[:-1], FULL]], feed_forward)
    settings = {**_settings(config), "softcap": config.optional_number("final_logit_softcapping")}
    return assemble(config, name, layers, **settings)


def _global_heads(config: ForeignConfig, shared: bool) -> dict[str, int]:
    """Return the sizes of heads of full layers if no layer has settings of its own."""
    if config.take(KEY) is not None:
        return {}
    heads = config.optional("num_global_key_value_heads") if shared else None
    sizes = {"head_dim": config.integer("global_head_dim", default=512)}
    return sizes if heads is None else {**sizes, "kv_heads": heads}


def _with_windows(
    config: ForeignConfig,
    name: str,
    *,
    period: int,
    options: dict[str, Any],
    local: float | None = None,
) -> Architecture:
    _causal(config)
    config.without_effect(["hidden_act", "cache_implementation"])
    kinds = listed(config, (FULL, SLIDING), every(period, SLIDING, FULL))
    options = {
        **options,
        "bias": biases(config, "attention_bias"),
        "scale": config.inverse("query_pre_attn_scalar", power=0.5),
        "norm": "sandwich",
    }
    window = config.integer("sliding_window")
    near = rope(config, SLIDING, theta=local, scaled=local is None)
    mixers: dict[str, Layer] = {
        FULL: ("A", attention(config, rope(config, FULL), **options)),
        SLIDING: ("W", attention(config, near, window=window, **options)),
    }
    feed_forward: Layer = ("M", mlp(config, activation="hidden_activation", norm="sandwich"))
    layers = paired([mixers[kind] for kind in kinds], feed_forward)
    settings = {**_settings(config), "softcap": config.optional_number("final_logit_softcapping")}
    return assemble(config, name, layers, **settings)


def _causal(config: ForeignConfig) -> None:
    config.only("use_bidirectional_attention", [False], "attention to later tokens")


def _settings(config: ForeignConfig) -> dict[str, Any]:
    return {"embedding_scale": config.size("hidden_size") ** 0.5}
