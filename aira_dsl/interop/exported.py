"""Folders of `--emit hf` and of native classes, read back into our own model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from aira_dsl.errors import InputError
from aira_dsl.interop.huggingface import CONFIG, MODEL_TYPE, TEXT, WEIGHTS

if TYPE_CHECKING:
    from aira_dsl.models.model import LanguageModel


def is_exported(folder: Path) -> bool:
    """Tell whether a folder has the files of an export with weights."""
    return all((folder / name).is_file() for name in (CONFIG, TEXT, WEIGHTS))


def load_exported(folder: Path) -> "LanguageModel":
    """Return the model that was exported, with the dtype of its weights.

    Raises:
        InputError: E0506, its weights are damaged or belong to another architecture; for a native
            class also E0525 and E0527.
        ArchitectureError: its architecture.arch breaks the language.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from aira_dsl.interop.weights import load_checkpoint
    from aira_dsl.language import load
    from aira_dsl.models.construction import lay_out

    architecture = load(folder / TEXT)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if config["model_type"] != MODEL_TYPE:
            return load_checkpoint(folder, architecture=architecture)
        tensors = load_file(folder / WEIGHTS)
        if architecture.tie_embeddings:
            tensors["head.weight"] = tensors["embedding.weight"]
        model = lay_out(architecture, seed=0)
        model.load_state_dict(tensors, assign=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            "E0506",
            f"the model in {folder} cannot be used: {reason}",
            help="export it again",
        ) from error
    model.restore_links()
    return model.eval()
