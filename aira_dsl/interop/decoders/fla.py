"""Models of flash-linear-attention (fla): one mixer in all layers, but attention where `attn` says.

A layer is a mixer and a SwiGLU. Settings and their defaults are those of the config classes of
fla's repository (`fla/models/*/configuration_*.py`). Its Mamba-2 has the model_type that
transformers has for its own, and `state_space` reads both.
"""

from collections.abc import Callable
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.blocks import block
from aira_dsl.interop.decoders.layers import Layer, assemble, depth, paired
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives import Attention
from aira_dsl.primitives.linear_attention.spec import LinearAttention

WITHOUT_EFFECT = (
    "attn_mode", "fuse_norm", "fuse_swiglu", "fuse_cross_entropy", "fuse_linear_cross_entropy",
    "use_l2warp",
)  # fmt: skip
"""How a model is computed and trained."""

_COMMON: dict[str, Any] = {
    "hidden_size": 2048, "hidden_ratio": 4, "hidden_act": "swish", "num_hidden_layers": 24,
    "max_position_embeddings": 2048, "norm_eps": 1e-6, "tie_word_embeddings": False,
    "vocab_size": 32000,
}  # fmt: skip

_DELTA: dict[str, Any] = {
    **_COMMON, "use_short_conv": True, "allow_neg_eigval": False, "conv_size": 4,
}  # fmt: skip

_NORM_OF_HEADS = 1e-5
"""Epsilon of the norms of queries and keys, whatever that of the model is."""


def _gated_delta_net(config: ForeignConfig) -> Layer:
    """Read `fla/layers/gated_deltanet.py`."""
    config.only("use_gate", [True], "no output gate")
    config.only("use_short_conv", [True], "no convolution")
    heads, head_dim = config.integer("num_heads"), config.integer("head_dim")
    net = block(
        config,
        "gated_delta_net",
        {"key_heads": "num_heads", "value_heads": "num_v_heads", "key_dim": "head_dim",
         "value_dim": "expand_v", "conv": "conv_size"},
        key_heads=heads,
        value_heads=config.optional("num_v_heads") or heads,
        key_dim=head_dim,
        value_dim=_expanded(config, "expand_v", head_dim),
        conv=config.integer("conv_size"),
        negative_eigenvalues=config.flag("allow_neg_eigval", default=False),
    )  # fmt: skip
    return "G", net


def _delta_attention(config: ForeignConfig) -> Layer:
    """Read `fla/layers/kda.py`: gates of the rank of a head, the output gate with a bias."""
    config.only("use_short_conv", [True], "no convolution")
    config.only("allow_neg_eigval", [False], "step sizes from 0 to 2", costs=False)
    config.only("expand_v", [1], "values of another size than keys")
    heads, head_dim = config.integer("num_heads"), config.integer("head_dim")
    config.only("num_v_heads", [heads], "more heads for values")
    mixer = block(
        config,
        "kda",
        {"heads": "num_heads", "conv": "conv_size"},
        heads=heads,
        head_dim=head_dim,
        conv=config.integer("conv_size"),
        rank=head_dim,
        gate_bias=True,
    )
    return "K", mixer


def _linear_attention(config: ForeignConfig) -> Layer:
    """Read `fla/layers/linear_attn.py`.

    With elu + 1, scores are divided by the root of the head size there, and not here; the norm that
    follows takes this away, but for its epsilon.
    """
    config.without_effect(["tie_feature_map_qk"])
    for key in ("norm_q", "norm_k", "norm_feature_map"):
        config.only(key, [False], "features divided by their sum", costs=False)
    feature = config.word("feature_map")
    if feature not in ("elu", "identity"):
        config.refuse("feature_map", "not elu or identity", costs=feature != "relu")
    is_elu = feature == "elu"
    mixer = _mixer(config, feature="elu1" if is_elu else "identity", decay=None, gate=None)
    if is_elu and mixer.head_dim is not None:
        epsilon = config.number("norm_eps") * mixer.head_dim
        mixer = mixer.model_copy(update={"norm_eps": epsilon})
    return "L", mixer


def _retention(config: ForeignConfig) -> Layer:
    """Read `fla/layers/multiscale_retention.py`: linear attention with a decay and positions."""
    config.only("feature_map", [], "a map of queries and keys", costs=False)
    config.only("use_short_conv", [False], "a convolution")
    config.without_effect(["conv_size"])
    gate = "silu" if config.flag("use_output_gate", default=True) else None
    mixer = _mixer(config, feature="identity", decay="retention", gate=gate)
    config.refuse("model_type", "queries and keys are rotated", costs=False)
    return "R", mixer


def _mixer(config: ForeignConfig, **options: Any) -> LinearAttention:
    """Make linear attention whose heads have one size for keys and values."""
    config.only("elementwise_affine", [True], "a norm without weights")
    heads, width = config.positive("num_heads"), config.size("hidden_size")
    config.only("num_kv_heads", [heads], "fewer heads for keys and values")
    inner = _expanded(config, "expand_k", width)
    config.only("expand_v", [config.number("expand_k")], "values of another size than keys")
    if inner % heads:
        raise InputError("E0520", f"num_heads {heads} does not divide the {inner} channels of keys")
    return config.block(
        LinearAttention,
        {"heads": "num_heads"},
        width,
        heads=heads,
        head_dim=inner // heads,
        output_norm="head",
        **options,
    )


def _transformer(config: ForeignConfig) -> Layer:
    """Read `fla/models/transformer`: attention in all layers."""
    config.only("elementwise_affine", [True], "norms without weights")
    return _attention(config, config)


def _attention(config: ForeignConfig, section: ForeignConfig) -> Layer:
    """Read `fla/layers/attn.py`; its settings are a section of the config, or the config itself."""
    heads = section.integer("num_heads")
    normalized = section.flag("qk_norm", default=False)
    if normalized and config.number("norm_eps") != _NORM_OF_HEADS:
        section.refuse("qk_norm", "norms with an epsilon of their own, 1e-5", costs=False)
    window = section.optional("window_size")
    mixer = section.block(
        Attention,
        {"heads": "num_heads", "kv_heads": "num_kv_heads", "window": "window_size",
         "rope": "rope_theta"},
        config.size("hidden_size"),
        heads=heads,
        kv_heads=section.optional("num_kv_heads") or heads,
        bias="qkv" if section.flag("qkv_bias", default=False) else None,
        qk_norm="head" if normalized else None,
        window=window,
        rope=section.number("rope_theta", default=10_000.0),
    )  # fmt: skip
    return ("A" if window is None else "W"), mixer


def _expanded(config: ForeignConfig, key: str, size: int) -> int:
    """Return a size times a factor; raises InputError E0520 if it is not whole."""
    found = config.number(key) * size
    if found < 1 or abs(found - round(found)) > 1e-5 * found:
        raise InputError("E0520", f"{key} times {size} is {found}, not a whole number")
    return round(found)


def _mlp(config: ForeignConfig) -> Layer:
    """Read the SwiGLU: two thirds of the ratio, rounded up to 256, unless its width is given."""
    config.only("hidden_act", ["swish"], "fla has swish only")
    width = config.size("hidden_size")
    ratio = config.number("hidden_ratio", default=4)
    hidden = config.optional("intermediate_size")
    if hidden is None:
        hidden = -(-int(width * ratio * 2 / 3) // 256) * 256
    keys = {"hidden": "intermediate_size"}
    return "M", block(config, "mlp", keys, hidden=hidden, activation="swiglu")


def _attention_layers(config: ForeignConfig, count: int) -> dict[int, Layer]:
    """Return the layers that are attention, by index: `attn`, one section or a list of them."""
    given = config.take("attn")
    sections = given if isinstance(given, list) else [] if given is None else [given]
    found: dict[int, Layer] = {}
    for number, content in enumerate(sections):
        path = f"attn.{number}." if isinstance(given, list) else "attn."
        if not isinstance(content, dict):
            raise InputError("E0520", f"{path.removesuffix('.')} is not an object")
        section = ForeignConfig(content, account=config.account, path=path)
        mixer = _attention(config, section)
        for index in section.integers("layers") or []:
            if not 0 <= index < count or index in found:
                fault = "which another section has" if index in found else "not an index of a layer"
                message = f"{path}layers has {index}, {fault}"
                raise InputError("E0520", message, help=f"give 0 to {count - 1}, each once")
            found[index] = mixer
        section.close()
    return found


_MIXERS: dict[str, Callable[[ForeignConfig], Layer]] = {
    "gated_deltanet": _gated_delta_net,
    "kda": _delta_attention,
    "linear_attn": _linear_attention,
    "retnet": _retention,
    "transformer": _transformer,
}

DEFAULTS: dict[str, dict[str, Any]] = {
    "gated_deltanet": {
        **_DELTA, "expand_v": 2.0, "use_gate": True, "head_dim": 256, "num_heads": 6,
        "num_hidden_layers": 21,
    },
    "kda": {**_DELTA, "expand_v": 1.0, "head_dim": 128, "num_heads": 16},
    "linear_attn": {
        **_COMMON, "expand_k": 1.0, "expand_v": 1.0, "num_heads": 4,
        "feature_map": "elementwise_product",
    },
    "retnet": {
        **_COMMON, "expand_k": 1.0, "expand_v": 2.0, "hidden_ratio": 2, "num_heads": 8,
    },
    "transformer": {**_COMMON, "num_heads": 32},
}  # fmt: skip
"""Settings of a config that does not have them, by model_type."""


def read_fla(config: ForeignConfig, name: str, model_type: str) -> Architecture:
    """Read a model of fla.

    Raises:
        InputError: E0520, settings that the language cannot express.
    """
    config.without_effect(WITHOUT_EFFECT)
    count = depth(config)
    own = _attention_layers(config, count)
    mixer = _MIXERS[model_type](config)
    mixers = [own.get(index, mixer) for index in range(count)]
    return assemble(config, name, paired(mixers, _mlp(config)))
