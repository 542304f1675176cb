"""Compile an architecture straight to a module folder, refusing early what can not work."""

from pathlib import Path
from typing import Literal

from aira_dsl.architecture import Architecture
from aira_dsl.compiler.construction import build
from aira_dsl.compiler.limits import require_disk
from aira_dsl.compiler.storage import require_replaceable, save_model


def compile_to_folder(
    architecture: Architecture, folder: Path, *, seed: int = 0, force: bool = False
) -> Literal["written", "unchanged"]:
    """Build a model and save it; see `save_model` for what the result means.

    Raises:
        InputError: E0503, something else is in the way.
        RunError: E0501, E0502, E0504, memory or disk do not suffice or can not be written.
    """
    require_replaceable(folder)
    require_disk(architecture, folder)
    return save_model(build(architecture, seed=seed), folder, force=force)
