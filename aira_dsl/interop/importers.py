"""Formats that `import` reads: one registry, by the name of the format or model_type."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError, UsageError
from aira_dsl.interop import huggingface
from aira_dsl.interop.decoders import fla
from aira_dsl.interop.decoders.registry import READERS, language_model, reader
from aira_dsl.interop.families import (
    megatron_arguments,
    nanochat,
    nemotron_h_config,
    olmo_config,
)
from aira_dsl.interop.families.other_models import require_importer
from aira_dsl.interop.foreign_config import Account, ForeignConfig, read_config

MAX_BYTES = 1 << 24
STDIN = "-"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SUFFIXES = (".txt", ".sh", ".py", ".json", ".yaml", ".yml")
"""Endings of files, by which they are told from a pattern of Megatron-LM."""


@dataclass(frozen=True, slots=True)
class Importer:
    """A format.

    Attributes:
        read: returns the architecture of a config, with this name.
        recognizes: tells whether a config without model_type is of this format.
        hugging_face: whether the name of the format is a model_type of transformers.
    """

    read: Callable[[ForeignConfig, str], Architecture]
    recognizes: Callable[[dict[str, Any]], bool] = field(default=lambda content: False)
    hugging_face: bool = False


def _is_olmo(content: dict[str, Any]) -> bool:
    model = content if "d_model" in content else content.get("model")
    return isinstance(model, dict) and {"d_model", "block", "n_layers"} <= model.keys()


def _is_megatron(content: dict[str, Any]) -> bool:
    return any(key.startswith("--") for key in content)


IMPORTERS: dict[str, Importer] = {
    huggingface.MODEL_TYPE: Importer(huggingface.read_config_of_export, hugging_face=True),
    "nemotron_h": Importer(nemotron_h_config.read_nemotron_h, hugging_face=True),
    nanochat.MODEL_TYPE: Importer(nanochat.read_nanochat, nanochat.is_nanochat, hugging_face=True),
    "olmo": Importer(olmo_config.read_olmo, _is_olmo),
    "megatron": Importer(megatron_arguments.read_megatron, _is_megatron),
    **{key: Importer(reader(key), hugging_face=True) for key in (*READERS, *fla.DEFAULTS)},
}
"""Every format by its name; that of a Hugging Face config is its model_type."""

HUGGING_FACE = "hf"
"""Any Hugging Face config: the format that its model_type names."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Result of an import.

    Attributes:
        architecture: the architecture.
        notes: assumptions about what the source does not say, one sentence each.
    """

    architecture: Architecture
    notes: tuple[str, ...]


def read(
    source: str,
    format: str | None = None,
    *,
    like: Path | None = None,
    name: str = "model",
    costs_only: bool = False,
) -> Imported:
    """Read a config of another tool.

    Args:
        source: a file, a folder with a config.json, `-` for the standard input, or the text of a
            Megatron pattern or arguments (then `format` is needed).
        format: a key of `IMPORTERS`, or `hf` for the one that a config's model_type names; None to
            recognize it by the content.
        like: for a Megatron pattern, a file whose dimensions and blocks to use.
        name: of the architecture.
        costs_only: accept settings that change the function of the model but not its costs.

    Raises:
        UsageError: E0523, an unknown format, an option that does not go with it, or an invalid
            name.
        InputError: E0520, E0521, E0522, what the source says cannot be used; E0524, it is not a
            file of JSON.
        ArchitectureError: `like` breaks the language.
    """
    _check_options(format, name)
    content = content_of(source, format)
    return read_content(content, format, like=like, name=name, costs_only=costs_only)


def read_content(
    content: dict[str, Any],
    format: str | None = None,
    *,
    like: Path | None = None,
    name: str = "model",
    costs_only: bool = False,
) -> Imported:
    """Read the settings of a config; arguments and errors are those of `read`."""
    content, part = language_model(content)
    if format is None or format == HUGGING_FACE:
        format = _recognized(content, format)
    if "model_type" in content:
        model_types = {key for key, importer in IMPORTERS.items() if importer.hugging_face}
        require_importer(content, format, model_types)
    account = Account(costs_only=costs_only)
    if part is not None:
        account.notes.append(f"only the language model is read: {part}")
    architecture = read_config(content, _reader(format, like, name), account)
    return Imported(architecture, tuple(account.notes))


def _check_options(format: str | None, name: str) -> None:
    if format is not None and format not in {*IMPORTERS, HUGGING_FACE}:
        message = f"unknown format {format!r}: use {', '.join([HUGGING_FACE, *IMPORTERS])}"
        raise UsageError("E0523", message)
    if not _NAME.fullmatch(name):
        message = f"invalid name {name!r}: use letters, digits and `_`, a letter first, at most 64"
        raise UsageError("E0523", message)


def _reader(format: str, like: Path | None, name: str) -> Callable[[ForeignConfig], Architecture]:
    if like is None:
        return lambda config: IMPORTERS[format].read(config, name)
    if format != "megatron":
        raise UsageError("E0523", f"--like goes with megatron; {format} has its own dimensions")
    from aira_dsl.language import load_space

    blocks = load_space(like)
    return lambda config: megatron_arguments.read_megatron(config, name, like=blocks)


def content_of(source: str, format: str | None = None) -> dict[str, Any]:
    """Return the settings of a source: a file, its folder, or a text for Megatron.

    Raises:
        InputError: E0520, a key is there twice; E0524, it is not a file of JSON.
    """
    path = Path(source)
    if format == "megatron" and not _is_file(path) and not _means_file(source):
        return megatron_arguments.arguments(source)
    text = sys.stdin.read() if source == STDIN else _read(path)
    is_json = text.lstrip().startswith(("{", "["))
    if format is None and not is_json and megatron_arguments.is_arguments(text):
        format = "megatron"
    if format == "megatron":
        return megatron_arguments.arguments(text)
    return _parse(text, "the standard input" if source == STDIN else source)


def _recognized(content: dict[str, Any], format: str | None) -> str:
    """Return the model_type of a config, or the format of one without it."""
    if isinstance(content.get("model_type"), str):
        return str(content["model_type"])
    for name, importer in IMPORTERS.items():
        if format is None and importer.recognizes(content):
            return name
    message = "the config has no model_type, by which the format of a Hugging Face config is known"
    raise InputError("E0521", message, help=f"name its format: {', '.join(IMPORTERS)}")


def is_config(content: dict[str, Any]) -> bool:
    """Tell whether the content of a JSON file is a config of another tool."""
    content, _ = language_model(content)
    recognized = any(each.recognizes(content) for each in IMPORTERS.values())
    return recognized or "model_type" in content or "architectures" in content


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a pattern can be longer than a file name, or hold NUL
        return False


def _means_file(source: str) -> bool:
    """Tell whether a text for Megatron is the name of a file: patterns have no small letters."""
    if megatron_arguments.is_arguments(source):
        return False
    return source.endswith(_SUFFIXES) or ("/" in source and re.search("[a-z]", source) is not None)


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            path /= "config.json"
        if path.stat().st_size > MAX_BYTES:
            raise InputError("E0524", f"{path} is larger than 16 MiB", help="is it the right file?")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise InputError("E0524", message) from None
    except ValueError as error:
        message = f"{path} is not a text file: {error}"
        raise InputError("E0524", message, help="give the config.json of a model") from None


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        message = f"{name} is not JSON: {error}"
        advice = "give the config.json of a model, or read a pattern by `aira-dsl import megatron`"
        raise InputError("E0524", message, help=advice) from None
    if not isinstance(content, dict):
        message = f"{name} does not hold a JSON object"
        raise InputError("E0524", message, help="give the config.json of a model")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raises InputError E0520 if a key is in it twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError("E0520", f"the config has {twice} twice", help="delete one of them")
    return content
