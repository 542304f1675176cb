"""From a model of ours to a checkpoint folder that the family's class of transformers loads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.registry import language_model
from aira_dsl.interop.importers import content_of, read_content
from aira_dsl.interop.weights.checkpoint import SINGLE
from aira_dsl.interop.weights.plan import make_links
from aira_dsl.models.mapped import map_tensors
from aira_dsl.models.model import LanguageModel
from aira_dsl.models.storage import stored
from aira_dsl.utils.files import OutputKind, write_folder

CONFIG = "config.json"
_FOLDER = OutputKind("a checkpoint of one file", "another checkpoint", frozenset({CONFIG, SINGLE}))


def export_checkpoint(
    model: LanguageModel, like: str | Path, out: str | Path, *, force: bool = False
) -> Literal["written", "unchanged"]:
    """Write a model under the names of the family whose config it was imported from.

    The folder has the config and one file of weights, of the dtype of the model; a tokenizer is the
    caller's to copy.

    Args:
        model: of ours, for example trained after an import.
        like: the folder of the checkpoint or its config.json; only the config is read.
        out: the folder to write.
        force: replace another checkpoint.

    Raises:
        InputError: E0511, the config describes another architecture; E0526, there is no map for the
            family; E0503, something else is in the way; also the errors of reading a config.
        RunError: E0904, the folder cannot be written.
    """
    like = Path(like)
    source = like / CONFIG if like.is_dir() else like
    content = content_of(str(source))
    architecture = read_content(content, name=model.architecture.name).architecture
    if architecture != model.architecture:
        message = f"{source} describes another architecture than that of the model"
        raise InputError("E0511", message, help="give the config that the model was imported from")
    settings = language_model(content)[0]

    def write(made: Path) -> None:
        (made / CONFIG).write_bytes(source.read_bytes())
        write_weights(model, settings, made / SINGLE)

    return write_folder(Path(out), _FOLDER, write, force=force)


@torch.no_grad()
def write_weights(model: LanguageModel, config: Mapping[str, Any], path: Path) -> None:
    """Write the weights of a model under the names of a family, through a mapped file.

    Args:
        model: the model, of the architecture that the config describes.
        config: settings of the language model; its model_type names the family.
        path: a file that does not exist yet.

    Raises:
        InputError: E0526, there is no map for the family.
        OSError: the file cannot be made.
    """
    ours = stored(model)
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.items()}
    links = make_links(model.architecture, shapes, {}, config)
    wanted = {link.theirs: link.shape for link in links}
    theirs = map_tensors(path, wanted, model.embedding.weight.dtype, {"format": "pt"})
    for link in links:
        link.copy_back(ours[link.ours], theirs[link.theirs])
