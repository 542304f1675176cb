"""Paths as the commands take them: an architecture, or the config of a model of another tool."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.gallery import published_models
from aira_dsl.interop.importers import Imported, is_config, read, read_content
from aira_dsl.language import ArchitectureError, Diagnostic, parse
from aira_dsl.language.paths import (
    STDIN,
    Checked,
    check_text,
    file_of,
    read_path,
    shown_path,
)


def load_model(path: Path, *, costs_only: bool = False) -> Imported:
    """Read an architecture file, a config.json, its folder, or either from the standard input.

    Args:
        path: what to read; `-` for the standard input.
        costs_only: accept settings of a config that do not change its costs.

    Raises:
        ArchitectureError: the text breaks the language.
        InputError: E0520, E0521, E0524, the config cannot be used.
    """
    name = _name(path)
    if path != STDIN and path.is_dir():
        return read(str(path), name=name, costs_only=costs_only)
    text = _text(path)
    content = _config(text)
    if content is not None:
        return read_content(content, name=name, costs_only=costs_only)
    return Imported(parse(text, filename=shown_path(path), file=file_of(path)), ())


def check_model(path: Path) -> tuple[Checked, tuple[str, ...]]:
    """Check an architecture, a space or a config; notes of the config are the second value."""
    if path != STDIN and path.is_dir():
        return _checked(path, None)
    try:
        text = _text(path)
    except ArchitectureError as error:
        return Checked(shown_path(path), error.diagnostics, None), ()
    content = _config(text)
    return (check_text(path, text), ()) if content is None else _checked(path, content)


def _text(path: Path) -> str:
    """Return the text of a path; raises ArchitectureError if it cannot be read."""
    try:
        return read_path(path)
    except ArchitectureError as error:
        name = str(path)
        if error.code == "E0301" and name in {model.name for model in published_models()}:
            help_text = f"`aira-dsl gallery {name} > {name}.arch` writes the published model"
            raise ArchitectureError([replace(error.diagnostics[0], help=help_text)]) from None
        raise


def _checked(path: Path, content: dict[str, Any] | None) -> tuple[Checked, tuple[str, ...]]:
    name = shown_path(path)
    try:
        found = read(str(path)) if content is None else read_content(content)
    except InputError as error:
        problem = Diagnostic(error.code, error.message, name, help=error.help)
        return Checked(name, [problem], None), ()
    return Checked(name, [], None, _summary(found.architecture)), found.notes


def _summary(architecture: Architecture) -> str:
    return f"{architecture.depth} layers, {architecture.pattern}"


def _config(text: str) -> dict[str, Any] | None:
    """Return the settings of a text that is a config of another tool, else None."""
    text = text.removeprefix("\ufeff").lstrip()
    try:
        content = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and is_config(content) else None


def _name(path: Path) -> str:
    """Name an architecture after the file, or the folder of a config.json."""
    stem = path.resolve().parent.name if path.name == "config.json" else path.stem
    words = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_")
    name = words if re.match(r"[A-Za-z_]", words) else f"model_{words}"
    return "model" if path == STDIN or not words else name[:64]
