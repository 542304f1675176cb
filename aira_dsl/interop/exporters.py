"""Forms that `compile --emit` writes: one registry, of texts and of folders with weights."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop import huggingface
from aira_dsl.interop.expressible import require_expressible
from aira_dsl.interop.families import megatron, olmo
from aira_dsl.interop.native import folder as native_folder
from aira_dsl.interop.native.family import NativeFamily
from aira_dsl.interop.native.registry import NATIVE
from aira_dsl.interop.standalone import source as standalone
from aira_dsl.utils.files import OutputKind, require_replaceable

if TYPE_CHECKING:
    from aira_dsl.models.model import LanguageModel

Dtype = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of an exported folder.

    Attributes:
        seed: of fresh weights.
        source: a module folder whose weights to export instead.
        dtype: of the parameters; None for float32, or that of the source.
        included: whether to write weights at all.
    """

    seed: int = 0
    source: Path | None = None
    dtype: Dtype | None = None
    included: bool = True


class _Save(Protocol):
    def __call__(
        self,
        architecture: Architecture,
        model: "LanguageModel | None",
        dtype: str,
        folder: Path,
        force: bool,
        /,
    ) -> Literal["written", "unchanged"]: ...


def _nothing(architecture: Architecture) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class TextExporter:
    """A form that is one text.

    Attributes:
        write: returns the text, with a line end at its end.
        unsupported: returns why the form cannot express an architecture.
    """

    write: Callable[[Architecture], str]
    unsupported: Callable[[Architecture], list[str]] = _nothing
    kind: ClassVar[Literal["text"]] = "text"


@dataclass(frozen=True, slots=True)
class FolderExporter:
    """A form that is a folder.

    Attributes:
        target: name in messages.
        folder_kind: returns what the folder may hold.
        loading: Python lines that load the folder, with a place for its name.
        outline: Python lines that load a folder without weights; empty if it must have them.
        save: writes the folder.
        unsupported: returns why the form cannot express an architecture.
        notes: returns what the form says and an architecture does not.
        native: whether transformers itself has the class that loads the folder.
    """

    target: str
    folder_kind: Callable[[], OutputKind]
    loading: tuple[str, ...]
    outline: tuple[str, ...]
    save: _Save
    unsupported: Callable[[Architecture], list[str]] = _nothing
    notes: Callable[[Architecture], Sequence[str]] = _nothing
    native: bool = False
    kind: ClassVar[Literal["folder"]] = "folder"

    def write(
        self, architecture: Architecture, folder: Path, weights: Weights, *, force: bool = False
    ) -> Literal["written", "unchanged"]:
        """Write a folder; what cannot work is refused before memory is allocated.

        Raises:
            InputError: E0503, something else is in the way; E0505, E0506, the source of weights is
                not a module folder or damaged; E0510, the form cannot express the architecture;
                E0511, the source belongs to another architecture.
            RunError: E0501, E0502, E0904, memory or disk do not suffice or cannot be written.
        """
        if reasons := self.unsupported(architecture):
            require_expressible(self.target, architecture, reasons, _instead(architecture))
        require_replaceable(folder.resolve(), self.folder_kind())
        model = _model(architecture, folder, weights) if weights.included else None
        dtype: str = weights.dtype or "float32"
        if model is not None:
            dtype = str(model.embedding.weight.dtype).removeprefix("torch.")
        return self.save(architecture, model, dtype, folder, force)


Exporter = TextExporter | FolderExporter


def _instead(architecture: Architecture) -> str:
    """Say which forms for transformers express an architecture, or else that the module does."""
    names = [
        name
        for name, exporter in EXPORTERS.items()
        if exporter.kind == "folder" and name != "module" and not exporter.unsupported(architecture)
    ]
    return f"use --emit {' or '.join(names or ['module'])}"


def _model(architecture: Architecture, folder: Path, weights: Weights) -> "LanguageModel":
    import torch

    from aira_dsl.models import build, load_model
    from aira_dsl.models.limits import require_disk

    dtype = torch.float32 if weights.dtype is None else getattr(torch, weights.dtype)
    require_disk(architecture, folder, element_bytes=dtype.itemsize)
    if weights.source is None:
        return build(architecture, seed=weights.seed, dtype=dtype)
    model = load_model(weights.source)
    if model.architecture.fingerprint != architecture.fingerprint:
        raise InputError(
            "E0511",
            f"the weights in {weights.source} belong to architecture "
            f"{model.architecture.fingerprint}, and this is {architecture.fingerprint}",
            help="export the architecture.arch of that folder",
        )
    return model if weights.dtype is None else model.to(dtype)


def _arch(architecture: Architecture) -> str:
    from aira_dsl.language import to_text

    return to_text(architecture)


def _yaml(architecture: Architecture) -> str:
    from aira_dsl.language import to_yaml

    return to_yaml(architecture)


def _json(architecture: Architecture) -> str:
    from aira_dsl.architecture.record import as_json

    return json.dumps(as_json(architecture), indent=2) + "\n"


def _python(architecture: Architecture) -> str:
    from aira_dsl.interop.standalone.python import to_python

    return to_python(architecture)


def _olmo(architecture: Architecture) -> str:
    return json.dumps(olmo.to_olmo(architecture), indent=2) + "\n"


def _module_folder() -> OutputKind:
    from aira_dsl.models.storage import MODULE

    return MODULE


def _save_module(
    architecture: Architecture,
    model: "LanguageModel | None",
    dtype: str,
    folder: Path,
    force: bool,
) -> Literal["written", "unchanged"]:
    from aira_dsl.models import save_model

    assert model is not None, "a module folder has weights"
    return save_model(model, folder, force=force)


def _native(family: NativeFamily) -> FolderExporter:
    """Return the form of a class that transformers itself has."""
    return FolderExporter(
        target=family.name,
        folder_kind=lambda: native_folder.FOLDER,
        loading=(
            "from transformers import AutoModelForCausalLM",
            "model = AutoModelForCausalLM.from_pretrained({folder!r})",
        ),
        outline=(
            "from transformers import AutoConfig, AutoModelForCausalLM",
            "model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained({folder!r}))",
        ),
        save=native_folder.saver(family),
        unsupported=family.unsupported,
        notes=family.notes,
        native=True,
    )


EXPORTERS: dict[str, Exporter] = {
    "module": FolderExporter(
        target="a module folder",
        folder_kind=_module_folder,
        loading=("import aira_dsl", "model = aira_dsl.load_model({folder!r})"),
        outline=(),
        save=_save_module,
    ),
    "json": TextExporter(_json),
    "yaml": TextExporter(_yaml),
    "arch": TextExporter(_arch),
    "python": TextExporter(_python, standalone.unsupported),
    "hf": FolderExporter(
        target="the Hugging Face export",
        folder_kind=lambda: huggingface.FOLDER,
        loading=(
            "from transformers import AutoModelForCausalLM",
            "model = AutoModelForCausalLM.from_pretrained({folder!r}, trust_remote_code=True)",
        ),
        outline=(
            "from transformers import AutoConfig, AutoModelForCausalLM",
            "config = AutoConfig.from_pretrained({folder!r}, trust_remote_code=True)",
            "model = AutoModelForCausalLM.from_config(config, trust_remote_code=True)",
        ),
        save=huggingface.save,
        unsupported=standalone.unsupported,
    ),
    **{name: _native(family) for name, family in NATIVE.items()},
    "megatron": TextExporter(megatron.to_megatron, megatron.unsupported),
    "olmo": TextExporter(_olmo, olmo.unsupported),
}
"""The forms by the values of `--emit`: a new one is an entry here, with its functions in a file.

`cli/compile.py` takes its choices from here and adds `summary`. docs/interop.md lists the forms.
"""
