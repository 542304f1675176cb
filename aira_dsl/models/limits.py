"""Refuse what does not fit before memory or disk is spent on it."""

import os
import shutil
from pathlib import Path

from aira_dsl.architecture import Architecture, cost
from aira_dsl.errors import RunError
from aira_dsl.utils.formatting import gib
from aira_dsl.utils.machine import free_memory


def require_memory(architecture: Architecture, *, element_bytes: int = 4) -> None:
    """Raise RunError E0501 if the weights do not fit in free memory."""
    needed, free = _weight_bytes(architecture, element_bytes), free_memory()
    if free is not None and needed > free:
        raise RunError(
            "E0501",
            f"the weights of {architecture.name} take {gib(needed)}, free memory is {gib(free)}",
            help="`--no-weights` exports the config and code alone; "
            "`--emit summary` and `device='meta'` allocate nothing",
        )


def require_disk(architecture: Architecture, folder: Path, *, element_bytes: int = 4) -> None:
    """Raise RunError E0502 if the weights do not fit on the disk a folder is or will be on."""
    needed = _weight_bytes(architecture, element_bytes)
    # os.path.exists takes any name, Path.exists raises for one that is too long.
    existing = next(path for path in folder.absolute().parents if os.path.exists(path))
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise RunError(
            "E0502",
            f"the weights of {architecture.name} take {gib(needed)}, "
            f"the disk of {folder} has {gib(free)} free",
            help="choose another folder with --out, or free some space",
        )


def _weight_bytes(architecture: Architecture, element_bytes: int) -> int:
    return cost(architecture).total_parameters * element_bytes
