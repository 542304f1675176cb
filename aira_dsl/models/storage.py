"""The module folder: a model on disk.

    NAME.module/
      architecture.arch     the canonical text of the architecture
      model.safetensors     the weights; its header names fingerprint, seed and version

safetensors writes the keys of its metadata in an arbitrary order, so ours are one JSON value: the
same model gives the same bytes.
"""

import json
import os
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from aira_dsl.errors import InputError
from aira_dsl.models.construction import lay_out
from aira_dsl.models.limits import require_disk, require_memory
from aira_dsl.models.mapped import map_tensors
from aira_dsl.models.model import LanguageModel
from aira_dsl.utils.files import OutputKind, write_folder
from aira_dsl.version import __version__

WEIGHTS = "model.safetensors"
TEXT = "architecture.arch"
METADATA_KEY = "aira_dsl"
FORMAT = 1


MODULE = OutputKind("a module folder", "another model", frozenset({TEXT, WEIGHTS}))


def save_model(
    model: LanguageModel, folder: str | Path, *, force: bool = False
) -> Literal["written", "unchanged"]:
    """Write a model as a module folder.

    Returns:
        "written", or "unchanged" if exactly this content was there already.

    Raises:
        InputError: E0503, the folder holds something else (and `force` is not given, or it is
            not a module folder).
        RunError: E0502, E0904, the disk is full or the folder cannot be written.
    """

    def write(made: Path) -> None:
        require_disk(model.architecture, made, element_bytes=_dtype(model).itemsize)
        _write(model, made)

    return write_folder(Path(folder), MODULE, write, force=force)


def load_model(folder: str | Path) -> LanguageModel:
    """Read a module folder back: the same architecture, weights, dtype and seed.

    Raises:
        InputError: E0505, not a complete module folder; E0506, its weights are damaged or belong
            to another architecture.
        ArchitectureError: its architecture.arch breaks the language.
        RunError: E0501, the weights do not fit in free memory.
    """
    from aira_dsl.language import load

    folder = Path(folder)
    for name in (TEXT, WEIGHTS):
        if not os.path.isfile(folder / name):  # Path.is_file raises for unreadable folders
            raise InputError(
                "E0505",
                f"{folder} is not a module folder: {name} is missing",
                help="make one with `aira-dsl compile FILE`",
            )
    architecture = load(folder / TEXT)
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as weights:
            seed = _check_header(weights.metadata(), architecture.fingerprint, folder)
            model = lay_out(architecture, seed)
            _check_shapes(model, weights, folder)
            require_memory(architecture)
            tensors = {name: weights.get_tensor(name) for name in _names(weights)}
    except (SafetensorError, OSError) as error:
        raise _damaged(folder, f"it cannot be read ({error})") from error
    return _filled(model, tensors, folder)


def map_model(model: LanguageModel, folder: Path, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Write a module folder whose weights are zeros, and return them for writing into the file.

    Raises:
        OSError: it cannot be written.
    """
    _write_text(model, folder)
    shapes = {name: tuple(tensor.shape) for name, tensor in stored(model).items()}
    return map_tensors(folder / WEIGHTS, shapes, dtype, _metadata(model))


def _write(model: LanguageModel, folder: Path) -> None:
    _write_text(model, folder)
    save_tensors(folder / WEIGHTS, stored(model), _metadata(model))


def _write_text(model: LanguageModel, folder: Path) -> None:
    from aira_dsl.language import to_text

    (folder / TEXT).write_text(to_text(model.architecture), encoding="utf-8")


def _metadata(model: LanguageModel) -> dict[str, str]:
    metadata = {
        "fingerprint": model.architecture.fingerprint,
        "format": FORMAT,
        "seed": model.seed,
        "version": __version__,
    }
    return {METADATA_KEY: json.dumps(metadata, sort_keys=True)}


def save_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file; raises OSError if it cannot be written."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    try:
        save_file(contiguous, path, metadata=metadata)
    except SafetensorError as error:
        raise OSError(str(error)) from error


def stored(model: LanguageModel) -> dict[str, torch.Tensor]:
    """Return what is stored of a model: the state dict, a tied head left out."""
    tensors = model.state_dict()
    if model.architecture.tie_embeddings:
        del tensors["head.weight"]
    return tensors


def _dtype(model: LanguageModel) -> torch.dtype:
    return model.embedding.weight.dtype


def _check_header(metadata: dict[str, str] | None, fingerprint: str, folder: Path) -> int:
    """Return the seed; refuse files that are not ours or belong to another architecture."""
    try:
        ours = json.loads((metadata or {})[METADATA_KEY])
        stored, seed = ours["fingerprint"], int(ours["seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            "E0506",
            f"{folder / WEIGHTS} is not of a module folder, but of another format",
            help="if transformers reads the folder, make a module folder of it: "
            f"`aira-dsl import {folder} --weights OUT`",
        ) from error
    if stored != fingerprint:
        raise _damaged(
            folder, f"it belongs to architecture {stored}, {TEXT} describes {fingerprint}"
        )
    return seed


def _check_shapes(model: LanguageModel, weights: safe_open, folder: Path) -> None:
    wanted = {name: list(tensor.shape) for name, tensor in stored(model).items()}
    found = {name: _shape(weights, name) for name in _names(weights)}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise _damaged(
                folder,
                f"tensor {name} has shape {found.get(name, 'none')}, "
                f"the architecture asks for {wanted.get(name, 'none')}",
            )


def _names(weights: safe_open) -> list[str]:
    return list(weights.keys())  # type: ignore[no-untyped-call]


def _shape(weights: safe_open, name: str) -> list[int]:
    return list(weights.get_slice(name).get_shape())  # type: ignore[no-untyped-call]


def _filled(model: LanguageModel, tensors: dict[str, torch.Tensor], folder: Path) -> LanguageModel:
    """Put loaded tensors into a model on the meta device, without a copy."""
    dtypes = {tensor.dtype for tensor in tensors.values()}
    if len(dtypes) != 1 or not next(iter(dtypes)).is_floating_point:
        raise _damaged(folder, "its tensors are not of one floating-point dtype")
    if model.architecture.tie_embeddings:
        tensors["head.weight"] = tensors["embedding.weight"]
    model.load_state_dict(tensors, assign=True)
    model.restore_links()
    return model


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(
        "E0506",
        f"{folder / WEIGHTS} cannot be used: {reason}",
        help="compile the architecture again",
    )
