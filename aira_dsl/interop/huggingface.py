"""Model -> a folder that `AutoModelForCausalLM.from_pretrained(…, trust_remote_code=True)` loads.

The folder holds its own configuration and modelling code, so any architecture can be written, and
the tokenizer where one is known. transformers is needed to load it, not to write it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aira_dsl.architecture import Architecture
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.interop.standalone.source import (
    mixer_source,
    mixers,
    part,
    require_mixers,
    used_blocks,
)
from aira_dsl.interop.tokenizer import (
    SETTINGS,
    TOKENIZER,
    TokenizerFiles,
    default_tokenizer,
    write_tokenizer,
)
from aira_dsl.utils.files import OutputKind, write_folder
from aira_dsl.version import __version__

if TYPE_CHECKING:
    from aira_dsl.models.model import LanguageModel

MODEL_TYPE = "aira_dsl"
CONFIG, GENERATION, WEIGHTS = "config.json", "generation_config.json", "model.safetensors"
CONFIGURATION, MODELING, TEXT = "configuration_aira.py", "modeling_aira.py", "architecture.arch"

GENERAL_KEYS = (
    "architectures", "auto_map", "_name_or_path", "transformers_version", "torch_dtype", "dtype",
    "use_cache", "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id",
    "decoder_start_token_id", "initializer_range", "return_dict", "output_hidden_states",
    "output_attentions", "attn_implementation", "_attn_implementation",
    "_attn_implementation_autoset", "id2label", "label2id", "problem_type", "task_specific_params",
    "finetuning_task", "quantization_config", "tokenizer_class", "is_encoder_decoder",
    "is_decoder", "torchscript", "use_bfloat16", "chunk_size_feed_forward",
)  # fmt: skip
"""Settings of every config.json of transformers that do not concern the architecture."""

OPTIONS = ("norm_kind", "embedding_scale", "logit_scale", "softcap")
"""Settings that only a config that uses them has."""

FOLDER = OutputKind(
    "a folder that aira-dsl exported",
    "another model",
    frozenset({CONFIG, GENERATION, WEIGHTS, CONFIGURATION, MODELING, TEXT, TOKENIZER, SETTINGS}),
)

_IMPORTS = """\
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_aira import AiraConfig
"""


def export_hugging_face(
    model: "LanguageModel",
    folder: str | Path,
    *,
    tokenizer: TokenizerFiles | None = None,
    force: bool = False,
) -> Literal["written", "unchanged"]:
    """Write a model as a Hugging Face folder with its own code.

    Args:
        model: the model.
        folder: where to write it.
        tokenizer: written beside it; None for the byte tokenizer if the vocabulary is 256.
        force: replace another exported model.

    Raises:
        InputError: E0503, the folder holds something else; E0510, a kind of block has no code.
        RunError: E0904, it cannot be written.
    """
    dtype = str(model.embedding.weight.dtype).removeprefix("torch.")
    tokenizer = tokenizer or default_tokenizer(model.architecture)
    write = _writer(model.architecture, model, dtype, tokenizer)
    return write_folder(Path(folder), FOLDER, write, force=force)


def save(
    architecture: Architecture,
    model: "LanguageModel | None",
    dtype: str,
    folder: Path,
    force: bool,
) -> Literal["written", "unchanged"]:
    """Write the folder; without a model it has no weights."""
    write = _writer(architecture, model, dtype, default_tokenizer(architecture))
    return write_folder(folder, FOLDER, write, force=force)


def _writer(
    architecture: Architecture,
    model: "LanguageModel | None",
    dtype: str,
    tokenizer: TokenizerFiles | None,
) -> Callable[[Path], None]:
    """Return what fills the folder; raises InputError E0510 if a kind of block has no code."""
    from aira_dsl.language import to_text

    require_mixers(architecture, "hf")

    def write(made: Path) -> None:
        special = special_tokens(tokenizer)
        write_json(made / CONFIG, config_of(architecture, dtype) | special)
        write_json(made / GENERATION, {"use_cache": True, **special})
        (made / CONFIGURATION).write_text(_configuration_source(), encoding="utf-8")
        (made / MODELING).write_text(_modeling_source(), encoding="utf-8")
        (made / TEXT).write_text(to_text(architecture), encoding="utf-8")
        if model is not None:
            save_weights(made / WEIGHTS, weights_of(model))
        if tokenizer is not None:
            write_tokenizer(made, tokenizer)

    return write


def read_config_of_export(config: ForeignConfig, name: str) -> Architecture:
    """Read the config.json of an export; the inverse of `config_of`."""
    config.without_effect([*GENERAL_KEYS, "model_type", "order"])  # `tied` says what order says
    layers = config.words("layers") or []
    depth = config.integer("num_hidden_layers", default=len(layers))  # of `save_pretrained`
    if depth != len(layers):
        config.refuse("num_hidden_layers", f"the config lists {len(layers)} layers")
    keys = {"width": "hidden_size", "vocab": "vocab_size", "context": "max_position_embeddings"}
    return config.build(
        Architecture,
        keys,
        name=name,
        width=config.integer("hidden_size"),
        vocab=config.integer("vocab_size"),
        context=config.integer("max_position_embeddings"),
        tie_embeddings=config.flag("tie_word_embeddings", default=False),
        norm_eps=config.number("norm_eps"),
        **{key: value for key in OPTIONS if (value := config.take(key)) is not None},
        blocks=config.take("blocks"),
        layers=tuple(layers),
        mtp=tuple(config.words("mtp") or ()),
    )


def config_of(architecture: Architecture, dtype: str) -> dict[str, Any]:
    """Return config.json."""
    blocks = {
        name: architecture.blocks[name].model_dump(mode="json")
        for name in used_blocks(architecture)
    }
    used = architecture.used_options()
    sets = architecture.weight_sets(architecture.layers)
    return {
        "architectures": ["AiraForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_aira.AiraConfig",
            "AutoModelForCausalLM": "modeling_aira.AiraForCausalLM",
        },
        "model_type": MODEL_TYPE,
        "vocab_size": architecture.vocab,
        "hidden_size": architecture.width,
        "blocks": blocks,
        "layers": list(architecture.layers),
        **({"mtp": list(architecture.mtp)} if architecture.mtp else {}),
        **({"order": list(sets)} if max(sets) + 1 < len(sets) else {}),
        "norm_eps": architecture.norm_eps,
        **{key: used[key] for key in OPTIONS if key in used},
        "max_position_embeddings": architecture.context,
        "tie_word_embeddings": architecture.tie_embeddings,
        **special_tokens(None),
        "dtype": dtype,
    }


def special_tokens(tokenizer: TokenizerFiles | None) -> dict[str, int | None]:
    """Return the ids of special tokens, null if there is none: transformers' defaults are numbers.

    Generation stops at the end of a document.
    """
    end = None if tokenizer is None else tokenizer.end_of_document
    return {"bos_token_id": None, "eos_token_id": end, "pad_token_id": end}


def weights_of(model: "LanguageModel") -> dict[str, Any]:
    """Return the tensors to store: the state dict, a tied head left out."""
    tensors = dict(model.state_dict())
    if model.architecture.tie_embeddings:
        del tensors["head.weight"]
    return tensors


def save_weights(path: Path, tensors: dict[str, Any]) -> None:
    """Write tensors as transformers wants them: marked as PyTorch's."""
    from aira_dsl.models.storage import save_tensors

    save_tensors(path, tensors, {"format": "pt"})


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a readable JSON file."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _configuration_source() -> str:
    head = f'"""Configuration of a model made by aira-dsl {__version__}."""\n\n'
    imports = "from typing import Any\n\nfrom transformers import PretrainedConfig\n"
    return f"{head}{imports}\n\n{part('configuration')}"


def _modeling_source() -> str:
    """Return the code of all exports: transformers caches it by name, so there is one text only."""
    head = f'"""Models made by aira-dsl {__version__}."""\n\n{_IMPORTS}'
    specs = mixers()
    entries = ", ".join(f'"{kind}": {spec.__name__}' for kind, spec in specs.items())
    table = f"MIXERS: dict[str, type[nn.Module]] = {{{entries}}}\n"
    sources = [mixer_source(spec) for spec in specs.values()]
    return "\n\n".join(
        [head, part("norm"), part("parallel"), *sources, table, part("hugging_face")]
    )
