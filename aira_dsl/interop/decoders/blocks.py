"""Blocks that many families have, read from the settings that most of them share."""

from typing import Any

from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.registry import KINDS

_UNGATED = {"relu": "relu", "relu2": "relu2", "gelu": "gelu", "silu": "silu"}
_GATED = {
    "silu": "swiglu", "swish": "swiglu", "relu": "reglu", "gelu": "geglu_exact",
    "gelu_pytorch_tanh": "geglu", "gelu_new": "geglu",
}  # fmt: skip

_KEYS = {
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "window": "sliding_window",
    "softcap": "attn_logit_softcapping",
}


def block(
    config: ForeignConfig, kind: str, keys: dict[str, str] | None = None, **values: Any
) -> Primitive:
    """Make a block of a kind; options that are None have their defaults.

    Args:
        config: the config, which has the width.
        kind: name of the primitive.
        keys: by field, the key that it was read from.
        values: the fields.
    """
    spec, keys = KINDS[kind], keys or {}
    given = {name: value for name, value in values.items() if value is not None}
    if "rope" in values:
        given["rope"] = values["rope"]
    return config.block(spec, keys, config.size("hidden_size"), **given)


def attention(config: ForeignConfig, rope: dict[str, Any], **options: Any) -> Primitive:
    """Read heads and head size; positions and other options are the caller's.

    Args:
        config: the config.
        rope: options of rotary positions, `{"rope": None}` for none.
        options: of attention; those that are None have their defaults.
    """
    heads = config.integer("num_attention_heads")
    return block(
        config,
        "attention",
        _KEYS,
        **{
            "heads": heads,
            "kv_heads": config.optional("num_key_value_heads") or heads,
            "head_dim": config.optional("head_dim"),
            **rope,
            **options,
        },
    )


def mlp(
    config: ForeignConfig,
    *,
    hidden: str = "intermediate_size",
    activation: str = "hidden_act",
    gated: bool = True,
    **options: Any,
) -> Primitive:
    """Read a feed-forward layer.

    Args:
        config: the config.
        hidden: key of the hidden width.
        activation: key of the activation.
        gated: whether it has a gate.
        options: of the block.
    """
    width = config.integer(hidden)
    name = gate(config, activation) if gated else _ungated(config, activation)
    keys = {"hidden": hidden, "activation": activation}
    return block(config, "mlp", keys, **{"hidden": width, "activation": name, **options})


def gate(config: ForeignConfig, key: str = "hidden_act") -> str:
    """Return our name of the gated activation that a key names."""
    return _activation(config, key, _GATED)


def only_silu(config: ForeignConfig, kind: str) -> None:
    """Refuse another activation than SiLU where a mixer of this kind has the same."""
    config.only("hidden_act", ["silu", "swish"], f"{kind} uses silu", costs=False)


def biases(config: ForeignConfig, key: str, kind: str = "all") -> str | None:
    """Return the biases of attention if a key asks for them."""
    return kind if config.flag(key, default=False) else None


def _ungated(config: ForeignConfig, key: str) -> str:
    return _activation(config, key, _UNGATED)


def _activation(config: ForeignConfig, key: str, names: dict[str, str]) -> str:
    word = config.word(key)
    if word not in names:
        config.refuse(key, f"not one of {', '.join(names)}", costs=False)
    return names.get(word, next(iter(names.values())))
