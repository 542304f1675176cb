"""From a checkpoint folder to a model of ours, in memory or as a module folder.

The header of every file is compared with the config before a number is read, so that a checkpoint
is loaded whole or not at all. Tensors are read one at a time; a module folder is filled through a
mapped file, so that importing needs memory for one tensor, not for the model.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from aira_dsl.architecture import Architecture
from aira_dsl.interop.decoders.registry import language_model
from aira_dsl.interop.importers import content_of, read_content
from aira_dsl.interop.weights.checkpoint import Checkpoint, open_checkpoint
from aira_dsl.interop.weights.links import Shape
from aira_dsl.interop.weights.plan import Plan, plan
from aira_dsl.models.construction import lay_out
from aira_dsl.models.limits import require_disk, require_memory
from aira_dsl.models.model import LanguageModel
from aira_dsl.models.storage import MODULE, map_model, stored
from aira_dsl.utils.files import write_folder


@dataclass(frozen=True, slots=True)
class ImportedWeights:
    """Result of writing a module folder.

    Attributes:
        state: "unchanged" if exactly this content was there already.
        architecture: of the model.
        notes: assumptions, and what was left out.
    """

    state: Literal["written", "unchanged"]
    architecture: Architecture
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    model: LanguageModel
    checkpoint: Checkpoint
    plan: Plan
    dtype: torch.dtype
    notes: tuple[str, ...]


def load_checkpoint(
    folder: str | Path,
    *,
    name: str = "model",
    dtype: torch.dtype | None = None,
    architecture: Architecture | None = None,
) -> LanguageModel:
    """Read a folder with config.json and safetensors files as a model of ours, in eval mode.

    Args:
        folder: as `save_pretrained` of transformers writes it.
        name: of the architecture.
        dtype: of the parameters; None for the widest of the checkpoint, and float32 at least if
            ours are not the numbers themselves (gains stored as offsets from 1).
        architecture: what the config describes, in other words; None for what the importer reads.

    Raises:
        InputError: E0520, E0521, E0524, the config cannot be used; E0525, tensors are missing,
            left over or of another shape; E0526, there is no map for the family; E0527, the files
            cannot be read.
        RunError: E0501, the weights do not fit in free memory.
    """
    with _opened(Path(folder), name, dtype, architecture) as source:
        require_memory(source.model.architecture, element_bytes=source.dtype.itemsize)
        model = source.model.to(source.dtype).to_empty(device="cpu")
        model.restore_links()
        _fill(stored(model), source)
    return model.eval()


def import_checkpoint(
    folder: str | Path,
    out: str | Path,
    *,
    name: str = "model",
    dtype: torch.dtype | None = None,
    force: bool = False,
) -> ImportedWeights:
    """Write the module folder of a checkpoint; arguments and errors are those of `load_checkpoint`.

    Raises:
        InputError: also E0503, something else is in the way.
        RunError: E0502, E0904, the disk is full or the folder cannot be written.
    """
    with _opened(Path(folder), name, dtype) as source:
        architecture = source.model.architecture

        def write(made: Path) -> None:
            require_disk(architecture, made, element_bytes=source.dtype.itemsize)
            _fill(map_model(source.model, made, source.dtype), source)

        state = write_folder(Path(out), MODULE, write, force=force)
    return ImportedWeights(state, architecture, source.notes)


@contextmanager
def _opened(
    folder: Path,
    name: str,
    dtype: torch.dtype | None,
    architecture: Architecture | None = None,
) -> Iterator[_Source]:
    """Read the config and open the weights; everything is checked, nothing is loaded."""
    content = content_of(str(folder))
    imported = read_content(content, name=name)
    config: dict[str, Any] = language_model(content)[0]
    model = lay_out(architecture or imported.architecture, seed=0)
    ours: dict[str, Shape] = {key: tuple(each.shape) for key, each in stored(model).items()}
    with open_checkpoint(folder) as checkpoint:
        links = plan(model.architecture, ours, checkpoint.shapes, config)
        chosen = dtype or checkpoint.dtype
        if dtype is None and not links.is_exact:
            chosen = torch.promote_types(chosen, torch.float32)
        notes = (*imported.notes, *_notes(links))
        yield _Source(model, checkpoint, links, chosen, notes)


def _notes(links: Plan) -> list[str]:
    if not links.left_out:
        return []
    return [f"tensors that the model does not need: {', '.join(links.left_out)}"]


@torch.no_grad()
def _fill(ours: Mapping[str, Tensor], source: _Source) -> None:
    """Copy every tensor, those of one of theirs together: it is read once."""
    by_name = attrgetter("theirs")
    for theirs, links in groupby(sorted(source.plan.links, key=by_name), by_name):
        tensor = source.checkpoint.tensor(theirs)
        for link in links:
            link.copy(tensor, ours[link.ours])
