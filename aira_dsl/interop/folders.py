"""The exports that are a folder with weights: fresh ones, or those of a module folder."""

from pathlib import Path
from typing import Literal

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError

LOADING = {
    "module": ("import aira_dsl", "model = aira_dsl.load_model({folder!r})"),
    "hf": (
        "from transformers import AutoModelForCausalLM",
        "model = AutoModelForCausalLM.from_pretrained({folder!r}, trust_remote_code=True)",
    ),
    "nemotron_h": (
        "from transformers import AutoModelForCausalLM",
        "model = AutoModelForCausalLM.from_pretrained({folder!r})",
    ),
}
"""How each kind of folder is loaded."""


def write(
    architecture: Architecture,
    emit: str,
    folder: Path,
    *,
    seed: int = 0,
    weights: Path | None = None,
    force: bool = False,
) -> Literal["written", "unchanged"]:
    """Write a folder of one of the kinds in `LOADING`, refusing early what can not work.

    Raises:
        InputError: E0503, something else is in the way; E0505, E0506, `weights` is no module folder
            or a damaged one; E0510, the target can not express the architecture; E0511, `weights`
            are those of another architecture.
        RunError: E0501, E0502, E0904, memory or disk do not suffice or can not be written.
    """
    from aira_dsl.interop.families.nemotron_h import FOLDER as NATIVE
    from aira_dsl.interop.families.nemotron_h import export_nemotron_h, to_nemotron_h
    from aira_dsl.interop.huggingface import FOLDER, export_hugging_face
    from aira_dsl.models import build, load_model, save_model
    from aira_dsl.models.limits import require_disk
    from aira_dsl.models.storage import MODULE
    from aira_dsl.utils.files import require_replaceable

    kinds = {"module": MODULE, "hf": FOLDER, "nemotron_h": NATIVE}
    if emit == "nemotron_h":
        to_nemotron_h(architecture)
    require_replaceable(folder.resolve(), kinds[emit])
    require_disk(architecture, folder)
    if weights is None:
        model = build(architecture, seed=seed)
    else:
        model = load_model(weights)
        if model.architecture.fingerprint != architecture.fingerprint:
            raise InputError(
                "E0511",
                f"the weights in {weights} belong to architecture {model.architecture.fingerprint}"
                f", and this is {architecture.fingerprint}",
                help="export the architecture.arch of that folder",
            )
    writers = {
        "module": save_model,
        "hf": export_hugging_face,
        "nemotron_h": export_nemotron_h,
    }
    return writers[emit](model, folder, force=force)
