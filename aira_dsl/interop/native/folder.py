"""A model, or its architecture alone, as a folder that a class of transformers itself loads."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aira_dsl.architecture import Architecture
from aira_dsl.interop.huggingface import (
    CONFIG,
    GENERATION,
    TEXT,
    WEIGHTS,
    special_tokens,
    write_json,
)
from aira_dsl.interop.native.family import NativeFamily
from aira_dsl.interop.tokenizer import (
    SETTINGS,
    TOKENIZER,
    TokenizerFiles,
    default_tokenizer,
    write_tokenizer,
)
from aira_dsl.utils.files import OutputKind, write_folder

if TYPE_CHECKING:
    from aira_dsl.models.model import LanguageModel

FOLDER = OutputKind(
    "a folder that aira-dsl exported",
    "another model",
    frozenset({CONFIG, GENERATION, WEIGHTS, TEXT, TOKENIZER, SETTINGS}),
)

Save = Callable[
    [Architecture, "LanguageModel | None", str, Path, bool], Literal["written", "unchanged"]
]
"""Writes an architecture and its model, of a dtype, to a folder; by force if that is true."""


def export_native(
    model: "LanguageModel",
    family: NativeFamily,
    folder: str | Path,
    *,
    tokenizer: TokenizerFiles | None = None,
    force: bool = False,
) -> Literal["written", "unchanged"]:
    """Write a model as a folder that a class of transformers loads without remote code.

    Args:
        model: the model.
        family: one of `aira_dsl.interop.native.registry.NATIVE`.
        folder: where to write it.
        tokenizer: written beside it; None for the byte tokenizer if the vocabulary is 256.
        force: replace another exported model.

    Raises:
        InputError: E0510, the class cannot express it; E0503, the folder holds something else.
        RunError: E0904, it cannot be written.
    """
    dtype = str(model.embedding.weight.dtype).removeprefix("torch.")
    tokenizer = tokenizer or default_tokenizer(model.architecture)
    write = _writer(family, model.architecture, model, dtype, tokenizer)
    return write_folder(Path(folder), FOLDER, write, force=force)


def saver(family: NativeFamily) -> Save:
    """Return the function that writes a folder of a family; without a model it has no weights."""

    def save(
        architecture: Architecture,
        model: "LanguageModel | None",
        dtype: str,
        folder: Path,
        force: bool,
    ) -> Literal["written", "unchanged"]:
        write = _writer(family, architecture, model, dtype, default_tokenizer(architecture))
        return write_folder(folder, FOLDER, write, force=force)

    return save


def _writer(
    family: NativeFamily,
    architecture: Architecture,
    model: "LanguageModel | None",
    dtype: str,
    tokenizer: TokenizerFiles | None,
) -> Callable[[Path], None]:
    """Return what fills the folder; raises InputError E0510 if the class cannot express it."""
    from aira_dsl.language import to_text

    special = special_tokens(tokenizer)
    fresh = family.fresh if model is None else {}
    config = {**family.config(architecture), "dtype": dtype, **special, **fresh}

    def write(made: Path) -> None:
        write_json(made / CONFIG, config)
        write_json(made / GENERATION, {"use_cache": config.get("use_cache", True), **special})
        (made / TEXT).write_text(to_text(architecture), encoding="utf-8")
        if model is not None:
            from aira_dsl.interop.weights.export import write_weights

            write_weights(model, config, made / WEIGHTS)
        if tokenizer is not None:
            write_tokenizer(made, tokenizer)

    return write
