"""Configs of models without an importer: a refusal that names what the language lacks.

Settings have the same names in most model types of transformers, so one table of settings serves
all of them. It names the reasons that it finds, not all that there may be.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from aira_dsl.errors import InputError

_FEATURES: dict[str, tuple[str, ...]] = {
    "shared layers": ("num_mem_blocks", "num_kv_shared_layers"),
}
"""Features that the language cannot express, with the settings that ask for them."""

_ZAMBA = (
    "embedding beside the stream as the input of shared attention",
    "MLP after it without a residual",
    "projection of each use, added to the input of the next Mamba layer alone",
)
_STRUCTURES: dict[str, tuple[str, ...]] = {
    "zamba": (*_ZAMBA, "Mamba-1 with projections of each head"),
    "zamba2": (*_ZAMBA, "adapters of each use of shared layers"),
}
"""Features that every model of a model_type has, whatever its config says."""


def require_importer(content: dict[str, Any], format: str, importers: Collection[str]) -> None:
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
    found = [*_found(content), *_STRUCTURES.get(model_type, ())]
    lacks = f"; the language cannot express its {', '.join(found)}" if found else ""
    raise InputError(
        "E0520",
        f"there is no importer for model_type {model_type!r}{lacks}",
        help=_advice(model_type, importers),
    )


def _advice(model_type: str, importers: Collection[str]) -> str:
    """Return the known model_type in other letter case, or what to do without one."""
    if model_type.lower() in importers:
        return f"did you mean `{model_type.lower()}`?"
    return "write it as an architecture by hand, if the language has its blocks"


def _found(content: dict[str, Any]) -> Iterable[str]:
    """Yield the features that a config, or the config of its language model, asks for."""
    settings = _settings(content)
    for feature, keys in _FEATURES.items():
        used = [f"{key} {json.dumps(settings[key])[:50]}" for key in keys if settings.get(key)]
        if used:
            yield f"{feature} ({', '.join(used)})"


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the language model."""
    nested = (content.get(key) for key in ("text_config", "llm_config"))
    return {**content, **next((each for each in nested if isinstance(each, dict)), {})}
