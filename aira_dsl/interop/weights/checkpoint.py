"""Checkpoint folders: safetensors files, one or several with an index; read tensor by tensor."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from aira_dsl.errors import InputError
from aira_dsl.interop.weights.links import Shape

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Open files of a checkpoint.

    Attributes:
        files: by the name of each tensor, the file that has it.
        shapes: of all tensors.
        dtype: the widest of all tensors, which holds every number as it is.
    """

    files: dict[str, Any]
    shapes: dict[str, Shape]
    dtype: torch.dtype

    def tensor(self, name: str) -> Tensor:
        """Return a tensor, mapped from its file."""
        found: Tensor = self.files[name].get_tensor(name)
        return found


@contextmanager
def open_checkpoint(folder: Path) -> Iterator[Checkpoint]:
    """Open the weights of a folder; the headers are read, no numbers.

    Raises:
        InputError: E0527, a file is missing or damaged, or a tensor is not of floating-point
            numbers.
    """
    try:
        with ExitStack() as opened:
            files = {
                name: opened.enter_context(safe_open(folder / name, framework="pt"))
                for name in _file_names(folder)
            }
            yield _checkpoint(folder, files)
    except (SafetensorError, OSError) as error:
        raise _unusable(folder, f"they cannot be read ({error})") from error


def _checkpoint(folder: Path, files: dict[str, Any]) -> Checkpoint:
    places, shapes, others = {}, {}, []
    dtype = torch.float16
    for number, file in enumerate(files.values()):
        for name in file.keys():  # noqa: SIM118 - a file of safetensors is not a mapping
            header = file.get_slice(name)
            places[name], shapes[name] = file, tuple(header.get_shape())
            if header.get_dtype() not in _DTYPES:
                others.append(f"{name} ({header.get_dtype()})")
                continue
            stored = _DTYPES[header.get_dtype()]
            dtype = (
                stored if not number and len(places) == 1 else torch.promote_types(dtype, stored)
            )
    if others:
        reason = f"numbers of these tensors are not of a floating-point type: {', '.join(others)}"
        raise _unusable(folder, reason, "use weights that are not quantized")
    return Checkpoint(places, shapes, dtype)


def _file_names(folder: Path) -> list[str]:
    """Return the files that hold the weights: one, or those that the index names."""
    if (folder / SINGLE).is_file():
        return [SINGLE]
    if not (folder / INDEX).is_file():
        advice = "save the model with save_pretrained of transformers: it writes safetensors"
        raise _unusable(folder, f"there is no {SINGLE} and no {INDEX}", advice)
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(folder, f"{INDEX} is not an index of weights ({error})") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise _unusable(folder, f"{INDEX} names {name!r}, which is not a file of the folder")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise _unusable(folder, f"files of the index are missing: {', '.join(missing)}")
    return names


def _unusable(folder: Path, reason: str, advice: str = "fetch the weights again") -> InputError:
    return InputError("E0527", f"the weights in {folder} cannot be used: {reason}", help=advice)
