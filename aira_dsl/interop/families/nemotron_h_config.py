"""The config.json of a NemotronH model -> architecture.

Names and defaults of settings are those of transformers 5.23 (`configuration_nemotron_h.py`) and of
NVIDIA's published checkpoints.
"""

from collections.abc import Sequence
from typing import Any

from aira_dsl.architecture import MAX_LAYERS, Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.latent import one_module
from aira_dsl.interop.decoders.state_space import step_limits
from aira_dsl.interop.families.nemotron_h import KINDS
from aira_dsl.interop.families.other_models import require_importer
from aira_dsl.interop.foreign_config import ForeignConfig, read_config
from aira_dsl.interop.huggingface import GENERAL_KEYS
from aira_dsl.primitives import MLP, Attention, Mamba2, MoE

_NEW_KINDS = {"linear_attention": "mamba2", "full_attention": "attention"}
_LETTERS = {"M": "mamba2", "*": "attention", "-": "mlp", "E": "moe"}
_NAMES = {"attention": "A", "mlp": "M", "mamba2": "Mb", "moe": "E"}
_KEYS_OF = {
    "attention": (
        "num_attention_heads", "num_key_value_heads", "head_dim", "attention_head_dim",
        "attention_bias", "sliding_window",
    ),
    "mlp": ("intermediate_size", "mlp_bias"),
    "moe": (
        "n_routed_experts", "num_local_experts", "n_shared_experts", "moe_intermediate_size",
        "moe_shared_expert_intermediate_size", "moe_latent_size", "num_experts_per_tok",
        "routed_scaling_factor", "n_group", "topk_group", "norm_topk_prob",
    ),
    "mamba2": (
        "mamba_num_heads", "mamba_head_dim", "ssm_state_size", "conv_kernel", "mamba_d_conv",
        "n_groups", "mamba_n_groups", "use_bias", "mamba_proj_bias", "use_conv_bias",
        "mamba_conv_bias", "mamba_hidden_act", "time_step_limit", "mamba_dt_limit",
    ),
}  # fmt: skip
"""Settings without effect where no layer is of the kind."""

_WITHOUT_EFFECT = (
    # NemotronH has no positions.
    "rope_theta", "rope_parameters", "rope_scaling", "partial_rotary_factor",
    # The inner width is heads times head size, whatever these say.
    "expand", "mamba_expand",
    # How the scan is computed, and how fresh weights are drawn.
    "chunk_size", "mamba_chunk_size", "use_mamba_kernels", "mamba_ssm_cache_dtype",
    "residual_in_fp32", "rescale_prenorm_residual", "num_logits_to_keep",
    "time_step_min", "time_step_max", "time_step_floor", "time_step_rank",
    "mamba_dt_min", "mamba_dt_max", "mamba_dt_init_floor",
    # How experts are computed; the width of the shared expert counts, not its number.
    "moe_shared_expert_overlap", "output_router_logits", "n_shared_experts",
)  # fmt: skip


def from_nemotron_h(config: dict[str, Any], *, name: str = "model") -> Architecture:
    """Read the config.json of a NemotronH model; the inverse of `to_nemotron_h`.

    Raises:
        InputError: E0520, the config has settings that the language cannot express; E0521, it is
            incomplete.
    """
    require_importer(config, "nemotron_h", {"nemotron_h"})
    return read_config(config, lambda foreign: read_nemotron_h(foreign, name))


def read_nemotron_h(config: ForeignConfig, name: str) -> Architecture:
    """Read the settings of NemotronH (transformers 5.23, `configuration_nemotron_h.py`)."""
    config.without_effect(GENERAL_KEYS)
    config.without_effect(_WITHOUT_EFFECT)
    config.without_effect(["model_type"])  # checked before
    kinds, mtp = _layer_kinds(config)
    width = config.integer("hidden_size")
    readers = {"attention": _attention, "mlp": _mlp, "mamba2": _mamba, "moe": _experts}
    used = {*kinds, *mtp}
    blocks = {_NAMES[kind]: read(config, width) for kind, read in readers.items() if kind in used}
    _model_settings(config)
    for keys in (keys for kind, keys in _KEYS_OF.items() if kind not in used):
        config.without_effect(keys)
    if not {"mlp", "moe"} & used:
        config.without_effect(["mlp_hidden_act"])
    return config.build(
        Architecture,
        {"width": "hidden_size", "vocab": "vocab_size", "norm_eps": "layer_norm_epsilon"},
        name=name,
        width=width,
        vocab=config.integer("vocab_size"),
        context=min(config.integer("max_position_embeddings", default=4096), 1 << 24),
        norm_eps=config.number("layer_norm_epsilon", "rms_norm_eps", "norm_eps", default=1e-5),
        blocks=blocks,
        layers=tuple(_NAMES[kind] for kind in kinds),
        mtp=tuple(_NAMES[kind] for kind in mtp),
    )


def _layer_kinds(config: ForeignConfig) -> tuple[list[str], list[str]]:
    """Return our kind of every layer, and those of a module for multi-token prediction.

    The forms in which a config lists its layers must agree. Patterns are Megatron-LM's: `|` marks
    pipeline stages, and modules for multi-token prediction follow after `/`.
    """
    lists = [config.words("layers_block_type"), config.words("layer_types")]
    pattern = config.word("hybrid_override_pattern", default="")
    main, *modules = pattern.replace("|", "").split("/")
    found = [_kinds_of(each) for each in [*lists, list(main)] if each]
    if not found:
        message = "the config has no layers_block_type and no hybrid_override_pattern"
        raise InputError("E0521", message, help="is it a NemotronH config.json?")
    kinds = found[0]
    if any(each != kinds for each in found):
        raise InputError("E0520", "layers_block_type and hybrid_override_pattern disagree")
    if not 1 <= len(kinds) <= MAX_LAYERS:
        raise InputError("E0520", f"the config has {len(kinds):,} layers, not 1 to {MAX_LAYERS:,}")
    if (stated := config.integer("num_hidden_layers", default=len(kinds))) != len(kinds):
        message = (
            f"num_hidden_layers is {stated}, but {len(kinds)} layers are listed: the list counts"
        )
        config.account.notes.append(message)
    return kinds, _multi_token(config, modules)


def _multi_token(config: ForeignConfig, modules: list[str]) -> list[str]:
    """Return our kinds of the layers of a module, none without one.

    Args:
        config: the config.
        modules: those of the pattern of layers.
    """
    listed = config.words("mtp_layers_block_type")
    pattern = config.word("mtp_hybrid_override_pattern", default=modules[0] if modules else "*E")
    count = config.count("num_nextn_predict_layers", default=len(modules))
    if count > 1:
        config.account.notes.append(one_module(count))
    forms = [_kinds_of(each) for each in (listed or list(pattern), *modules)]
    if any(each != forms[0] for each in forms):
        raise InputError("E0520", "the modules for multi-token prediction disagree")
    return forms[0] if count > 0 else []


def _kinds_of(words: Sequence[str]) -> list[str]:
    return [_kind_of(number, word) for number, word in enumerate(words, 1)]


def _kind_of(number: int, word: str) -> str:
    old = {theirs: ours for ours, theirs in KINDS.items()}
    known = {**old, **_NEW_KINDS, **_LETTERS}
    if word in known:
        return known[word]
    raise InputError(
        "E0520",
        f"layer {number} of the config is {word!r}, not a kind of NemotronH",
        help=f"its kinds are {', '.join(known)}",
    )


def _model_settings(config: ForeignConfig) -> None:
    config.only("tie_word_embeddings", [False], "NemotronH ties nothing, whatever it says")
    for key in ("attention_dropout", "hidden_dropout"):
        config.only(key, [0], "dropout", costs=False)


def _attention(config: ForeignConfig, width: int) -> Attention:
    config.only("attention_bias", [False], "biases")
    config.only("sliding_window", [], "a sliding window")
    return config.block(
        Attention,
        {"heads": "num_attention_heads", "kv_heads": "num_key_value_heads", "head_dim": "head_dim"},
        width,
        heads=config.integer("num_attention_heads", default=32),
        kv_heads=config.integer("num_key_value_heads", default=8),
        head_dim=config.integer("head_dim", "attention_head_dim", default=128),
        rope=None,
    )


def _mlp(config: ForeignConfig, width: int) -> MLP:
    config.only("mlp_bias", [False], "biases")
    keys = {"hidden": "intermediate_size"}
    hidden = config.integer("intermediate_size", default=21504)
    return config.block(MLP, keys, width, hidden=hidden, activation=_activation(config))


def _activation(config: ForeignConfig) -> str:
    activation = config.word("mlp_hidden_act", default="relu2")
    if activation in {"relu", "relu2", "gelu", "silu"}:
        return activation
    config.refuse("mlp_hidden_act", "not one of relu, relu2, gelu, silu", costs=False)
    return "relu2"


def _experts(config: ForeignConfig, width: int) -> MoE:
    """Read experts without gates, chosen by sigmoids with a correction, in groups."""
    config.only("mlp_bias", [False], "biases")
    return config.block(
        MoE,
        {"experts": "n_routed_experts", "top": "num_experts_per_tok",
         "hidden": "moe_intermediate_size", "shared": "moe_shared_expert_intermediate_size",
         "groups": "n_group", "top_groups": "topk_group", "latent": "moe_latent_size"},
        width,
        experts=config.integer("n_routed_experts", "num_local_experts", default=8),
        top=config.integer("num_experts_per_tok", default=2),
        hidden=config.integer("moe_intermediate_size", default=7688),
        activation=_activation(config),
        router="sigmoid",
        correction_bias=True,
        renormalize=config.flag("norm_topk_prob", default=True),
        scale=config.number("routed_scaling_factor", default=1.0),
        groups=config.integer("n_group", default=1),
        top_groups=config.integer("topk_group", default=1),
        shared=config.integer("moe_shared_expert_intermediate_size", default=7688),
        latent=config.optional("moe_latent_size"),
    )  # fmt: skip


def _mamba(config: ForeignConfig, width: int) -> Mamba2:
    config.only("mamba_proj_bias", [False], "`use_bias` is what NemotronH reads")
    config.only("mamba_hidden_act", ["silu", "swish"], "mamba2 uses silu", costs=False)
    head_dim = config.integer("mamba_head_dim", default=64)
    return config.block(
        Mamba2,
        {"inner": "mamba_num_heads", "state": "ssm_state_size", "head_dim": "mamba_head_dim",
         "conv": "conv_kernel", "groups": "n_groups"},
        width,
        inner=config.integer("mamba_num_heads", default=128) * head_dim,
        state=config.integer("ssm_state_size", default=128),
        head_dim=head_dim,
        conv=config.integer("conv_kernel", "mamba_d_conv", default=4),
        groups=config.integer("n_groups", "mamba_n_groups", default=8),
        conv_bias=config.flag("use_conv_bias", "mamba_conv_bias", default=True),
        bias=config.flag("use_bias", default=False),
        **step_limits(config, "time_step_limit", "mamba_dt_limit"),
    )  # fmt: skip
