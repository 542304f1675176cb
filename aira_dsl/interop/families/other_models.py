"""Configs of models without an importer: a refusal that names what the language lacks.

Settings have the same names in most model types of transformers, so one table of settings serves
all of them. It names the reasons that it finds, not all that there may be.
"""

import json
from collections.abc import Container, Iterable
from typing import Any

from aira_dsl.errors import InputError

_FEATURES: dict[str, tuple[str, ...]] = {
    "mixtures of experts": (
        "num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size",
        "moe_num_experts",
    ),
    "gated delta nets": ("linear_num_key_heads", "linear_key_head_dim"),
    "Kimi delta attention": ("linear_attn_config",),
    "latent attention": ("kv_lora_rank",),
    "short convolutions": ("conv_L_cache",),
    "Mamba-1": ("mamba_dt_rank", "time_step_rank"),
    "attention and Mamba-2 in parallel": ("mamba_d_ssm",),
    "sliding windows": ("sliding_window", "attention_chunk_size"),
    "gated attention": ("attn_output_gate",),
    "scaled rotary positions": ("rope_scaling", "rope_parameters"),
    "partial rotary positions": ("partial_rotary_factor", "attn_rotary_emb", "rotary_pct"),
    "soft caps": ("attn_logit_softcapping", "final_logit_softcapping", "logits_soft_cap"),
    "scaled attention": ("query_pre_attn_scalar", "attention_multiplier"),
    "scaled embeddings, residuals or logits": (
        "embedding_multiplier", "residual_multiplier", "logits_scaling", "lm_head_multiplier",
        "logit_scale",
    ),
    "biases": ("attention_bias", "mlp_bias", "qkv_bias", "mamba_proj_bias", "use_bias"),
    "shared layers": ("num_mem_blocks", "num_kv_shared_layers"),
    "multi-token prediction": ("num_nextn_predict_layers",),
}  # fmt: skip
_NEUTRAL = {"partial_rotary_factor": 1.0, "rotary_pct": 1.0, "embedding_multiplier": 1,
            "residual_multiplier": 1, "logits_scaling": 1, "logit_scale": 1,
            "lm_head_multiplier": 1}  # fmt: skip
"""Values besides null, false and zero that ask for nothing."""
_UNUSED = {
    "time_step_rank": ("model_type", "mamba2"),
    "sliding_window": ("use_sliding_window", False),
}
"""Keys that a config may give without effect, each with the setting that makes it so."""


def require_importer(content: dict[str, Any], format: str, importers: Container[str]) -> None:
    """Check that there is an importer, and that a config's model_type is the format's.

    Raises:
        InputError: E0520 with the model_type, and what of it the language cannot express.
    """
    stated = content.get("model_type")
    model_type = stated if isinstance(stated, str) else format
    if model_type == format and format in importers:
        return
    if model_type in importers:
        message = f"the config has model_type {model_type!r}, not {format!r}"
        raise InputError("E0520", message, help="leave the name of the format out")
    found = list(_found(content))
    lacks = f"; the language cannot express its {', '.join(found)}" if found else ""
    raise InputError(
        "E0520",
        f"there is no importer for model_type {model_type!r}{lacks}",
        help="write it as an architecture by hand, if the language has its blocks",
    )


def _found(content: dict[str, Any]) -> Iterable[str]:
    """Yield the features that a config, or the config of its language model, asks for."""
    settings = _settings(content)
    for feature, keys in _FEATURES.items():
        used = [_named(key, settings[key]) for key in keys if _asks(settings, key)]
        if used:
            yield f"{feature} ({', '.join(used)})"
    activation = settings.get("hidden_act") or settings.get("hidden_activation")
    if isinstance(activation, str) and activation not in ("silu", "swish"):
        yield f"activation ({activation})"


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the language model, with those of its rotary positions."""
    nested = (content.get(key) for key in ("text_config", "llm_config"))
    settings = {**content, **next((each for each in nested if isinstance(each, dict)), {})}
    rope = settings.get("rope_parameters")
    return {**rope, **settings} if isinstance(rope, dict) else settings


def _asks(settings: dict[str, Any], key: str) -> bool:
    """Tell whether a key asks for its feature."""
    value = settings.get(key)
    if key in _UNUSED:
        switch, off = _UNUSED[key]
        if settings.get(switch) == off:
            return False
    if key in ("rope_scaling", "rope_parameters") and isinstance(value, dict):
        return value.get("rope_type", value.get("type", "default")) != "default"
    return bool(value) and value != _NEUTRAL.get(key)


def _named(key: str, value: Any) -> str:
    return f"{key} {json.dumps(value)}" if isinstance(value, int | float | str) else key
