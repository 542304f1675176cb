"""What `import` does: find the source, and read it in its notation."""

import json
import re
from pathlib import Path
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError, UsageError
from aira_dsl.interop.families.megatron import from_megatron
from aira_dsl.interop.families.nemotron_h import from_nemotron_h
from aira_dsl.interop.families.olmo import from_olmo
from aira_dsl.language import load_space

MAX_BYTES = 1 << 24
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def read(
    format: str, source: str, *, like: Path | None = None, name: str = "model"
) -> Architecture:
    """Read a Megatron pattern, or a JSON file in the notation of NemotronH or OLMo-core.

    Raises:
        UsageError: E0523, an option that does not go with the format, or no name.
        InputError: E0520, E0521, E0522, what the source says can not be used; E0524, it is no file
            of JSON.
        ArchitectureError: `like` breaks the language.
    """
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no name: letters, digits and `_`, a letter first, at most 64"
        raise UsageError("E0523", message)
    if format == "megatron":
        blocks = None if like is None else load_space(like)
        return from_megatron(source, like=blocks, name=name)
    if like is not None:
        raise UsageError("E0523", f"--like goes with megatron; {format} has its own dimensions")
    config = _load_json(Path(source))
    reader = from_nemotron_h if format == "nemotron_h" else from_olmo
    return reader(config, name=name)


def _load_json(path: Path) -> dict[str, Any]:
    try:
        if path.is_dir():
            path /= "config.json"
        if path.stat().st_size > MAX_BYTES:
            raise InputError("E0524", f"{path} is larger than 16 MiB", help="is it the right file?")
        content = json.loads(path.read_bytes())
    except OSError as error:
        message = f"{path} can not be read: {error.strerror or error}"
        raise InputError("E0524", message) from None
    except (ValueError, RecursionError) as error:
        message = f"{path} is not JSON: {error}"
        raise InputError("E0524", message, help="give the config.json of a model") from None
    if not isinstance(content, dict):
        raise InputError("E0524", f"{path} holds no JSON object", help="give a config.json")
    return content
