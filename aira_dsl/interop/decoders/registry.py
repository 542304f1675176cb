"""Readers of config.json by model_type, and what is common to all of them."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders import (
    cohere,
    delta,
    dense,
    experts,
    falcon,
    fla,
    gemma,
    granite,
    latent,
    lfm,
    llama4,
    recurrent,
    state_space,
)
from aira_dsl.interop.decoders.per_layer import read_layers
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.interop.huggingface import GENERAL_KEYS

Reader = Callable[[ForeignConfig, str], Architecture]

READERS: dict[str, Reader] = {
    "llama": dense.read_llama,
    "mistral": dense.read_mistral,
    "ministral": dense.read_ministral,
    "phi3": dense.read_phi3,
    "qwen2": dense.read_qwen2,
    "qwen3": dense.read_qwen3,
    "smollm3": dense.read_smollm3,
    "olmo2": dense.read_olmo2,
    "olmo3": dense.read_olmo3,
    "exaone4": dense.read_exaone4,
    "granite": granite.read_granite,
    "gemma": gemma.read_gemma,
    "gemma2": gemma.read_gemma2,
    "gemma3_text": gemma.read_gemma3,
    "gemma4_text": gemma.read_gemma4,
    "cohere2": cohere.read_cohere2,
    "mixtral": experts.read_mixtral,
    "qwen2_moe": experts.read_qwen2_moe,
    "qwen3_moe": experts.read_qwen3_moe,
    "granitemoe": granite.read_granitemoe,
    "gpt_oss": experts.read_gpt_oss,
    "glm4_moe": latent.read_glm4_moe,
    "deepseek_v3": latent.read_deepseek_v3,
    "llama4_text": llama4.read_llama4,
    "mamba": state_space.read_mamba,
    "falcon_mamba": state_space.read_falcon_mamba,
    "mamba2": state_space.read_mamba2,
    "jamba": state_space.read_jamba,
    "bamba": state_space.read_bamba,
    "granitemoehybrid": granite.read_granitemoehybrid,
    "falcon_h1": falcon.read_falcon_h1,
    "lfm2": lfm.read_lfm2,
    "lfm2_moe": lfm.read_lfm2_moe,
    "qwen3_next": delta.read_qwen3_next,
    "qwen3_5_text": delta.read_qwen3_5,
    "qwen3_5_moe_text": delta.read_qwen3_5_moe,
    "olmo_hybrid": delta.read_olmo_hybrid,
    "kimi_linear": delta.read_kimi_linear,
    "minimax": recurrent.read_minimax,
    "recurrent_gemma": recurrent.read_recurrent_gemma,
}
"""Families by model_type; a new one is a line here, with its function in a file of this folder."""

_WITHOUT_EFFECT = (
    "model_type",
    # Training.
    "attention_dropout", "router_aux_loss_coef", "output_router_logits", "initializer_factor",
    "router_z_loss_coef", "z_loss_coefficient",
    # How generation or a kernel works.
    "num_logits_to_keep", "cache_implementation", "attn_implementation", "hybrid_cache",
    "max_length", "temperature", "top_p", "top_k", "do_sample", "unsloth_fixed", "unsloth_version",
)  # fmt: skip
"""Settings of many families that change neither the function of a model nor its costs."""

_PARTS = ("text_config", "llm_config", "language_config")
"""Keys of the language model in the config of a model that also sees or hears."""


def reader(model_type: str) -> Reader:
    """Return the function that reads configs of a model_type, with the defaults of its library."""
    is_fla = model_type in fla.DEFAULTS

    def read(config: ForeignConfig, name: str) -> Architecture:
        config.defaults = fla.DEFAULTS[model_type] if is_fla else defaults()[model_type]
        found = read_layers(config, lambda each: _read(model_type, each, name))
        if config.account.assumed:
            said = ", ".join(f"{key} {value}" for key, value in config.account.assumed.items())
            whose = "fla's" if is_fla else "transformers'"
            message = f"the config does not have these, {whose} defaults are taken: {said}"
            config.account.notes.append(message)
        return found

    return read


def _read(model_type: str, config: ForeignConfig, name: str) -> Architecture:
    config.without_effect(GENERAL_KEYS)
    config.without_effect(_WITHOUT_EFFECT)
    if model_type in fla.DEFAULTS:
        return fla.read_fla(config, name, model_type)
    return READERS[model_type](config, name)


@cache
def defaults() -> dict[str, dict[str, Any]]:
    """Return the defaults of every model_type: those of the config classes of transformers 5.23."""
    text = files("aira_dsl.interop.decoders").joinpath("defaults.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def language_model(content: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return the settings of the language model in a config, and the key that they stand under.

    What a model that also sees says outside of its parts (tied embeddings) counts for the language
    model, unless that says it, too. A part without model_type has that of the model and `_text`.
    """
    key = next((key for key in _PARTS if isinstance(content.get(key), dict)), None)
    if key is None:
        return content, None
    outer = {name: content[name] for name in ("tie_word_embeddings",) if name in content}
    whole = content.get("model_type")
    named = {"model_type": f"{whole}_text"} if isinstance(whole, str) else {}
    return {**outer, **named, **content[key]}, key
