"""Model -> a folder for the native NemotronH class of transformers; it needs no remote code.

NemotronH places Mamba-2, attention and MLP layers in any order. It has no RoPE, no gated MLP, no
tied head, and one set of dimensions for each kind of layer. What it has in excess is switched off:

- layer kinds are written under their old names, which every version from 5.6 on reads;
- dt is clamped from below by `time_step_min`; 0 is refused, so 1e-30 stands for no clamp. A fresh
  model drawn from such a config starts badly: the value is for the weights in the folder;
- without an attention layer the cached path fails from 5.15 on, so there `use_cache` is false.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aira_dsl.architecture import Architecture
from aira_dsl.interop.expressible import (
    kinds_without_a_form,
    only_of_kind,
    require_expressible,
)
from aira_dsl.interop.huggingface import (
    CONFIG,
    GENERATION,
    TEXT,
    WEIGHTS,
    save_weights,
    special_tokens,
    weights_of,
    write_json,
)
from aira_dsl.interop.tokenizer import (
    SETTINGS,
    TOKENIZER,
    TokenizerFiles,
    default_tokenizer,
    write_tokenizer,
)
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.mlp.spec import GATED
from aira_dsl.utils.files import OutputKind, write_folder

if TYPE_CHECKING:
    from aira_dsl.models.model import LanguageModel

FOLDER = OutputKind(
    "a folder that aira-dsl exported",
    "another model",
    frozenset({CONFIG, GENERATION, WEIGHTS, TEXT, TOKENIZER, SETTINGS}),
)
KINDS = {"attention": "attention", "mlp": "mlp", "mamba2": "mamba"}
"""Our kinds under the names that all versions of transformers from 5.6 on read."""

_FRESH_TIME_STEP = 0.001
"""`time_step_min` of a config without weights: the default, by which fresh weights are drawn."""

_PREFIXES = {
    "embedding.": "model.embeddings.",
    "layers.": "model.layers.",
    "norm.": "model.norm_f.",
    "head.": "lm_head.",
}


def export_nemotron_h(
    model: "LanguageModel",
    folder: str | Path,
    *,
    tokenizer: TokenizerFiles | None = None,
    force: bool = False,
) -> Literal["written", "unchanged"]:
    """Write a model as a folder that transformers' own NemotronH class loads.

    Args:
        model: the model.
        folder: where to write it.
        tokenizer: written beside it; None for the byte tokenizer if the vocabulary is 256.
        force: replace another exported model.

    Raises:
        InputError: E0510, NemotronH cannot express it; E0503, the folder holds something else.
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
    """Return what fills the folder; raises InputError E0510 if NemotronH cannot express it."""
    from aira_dsl.language import to_text

    special = special_tokens(tokenizer)
    config = {**to_nemotron_h(architecture), "dtype": dtype, **special}
    if model is None:
        config["time_step_min"] = _FRESH_TIME_STEP

    def write(made: Path) -> None:
        write_json(made / CONFIG, config)
        write_json(made / GENERATION, {"use_cache": config["use_cache"], **special})
        (made / TEXT).write_text(to_text(architecture), encoding="utf-8")
        if model is not None:
            save_weights(made / WEIGHTS, {_renamed(n): t for n, t in weights_of(model).items()})
        if tokenizer is not None:
            write_tokenizer(made, tokenizer)

    return write


def unsupported(architecture: Architecture) -> list[str]:
    """Return why NemotronH cannot express an architecture; empty if it can."""
    reasons = kinds_without_a_form(architecture, KINDS)
    attention = only_of_kind(architecture, "attention", reasons)
    mlp = only_of_kind(architecture, "mlp", reasons)
    only_of_kind(architecture, "mamba2", reasons)
    if isinstance(attention, Attention) and attention.rope is not None:
        reasons.append("its attention has rotary positions (NemotronH needs `rope none`)")
    if isinstance(mlp, MLP) and mlp.activation in GATED:
        reasons.append(f"its mlp is gated ({mlp.activation})")
    if architecture.tie_embeddings:
        reasons.append("its head is tied to the embedding")
    return reasons


def to_nemotron_h(architecture: Architecture) -> dict[str, Any]:
    """Return the config.json of transformers' NemotronH; raises InputError E0510."""
    reasons = unsupported(architecture)
    require_expressible("NemotronH", architecture, reasons, "use --emit hf")
    attention = only_of_kind(architecture, "attention", reasons)
    mlp = only_of_kind(architecture, "mlp", reasons)
    mamba = only_of_kind(architecture, "mamba2", reasons)
    # Dimensions of kinds without a layer only have to be legal.
    a = attention if isinstance(attention, Attention) else Attention(heads=1).resolve(2)
    m = mlp if isinstance(mlp, MLP) else MLP(hidden=1)
    s = mamba if isinstance(mamba, Mamba2) else Mamba2(inner=1, state=1, head_dim=1, conv=2)
    return {
        "architectures": ["NemotronHForCausalLM"],
        "model_type": "nemotron_h",
        "vocab_size": architecture.vocab,
        "hidden_size": architecture.width,
        "layers_block_type": [KINDS[architecture.blocks[n].kind] for n in architecture.layers],
        "max_position_embeddings": architecture.context,
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.kv_heads,
        "head_dim": a.head_dim,
        "attention_bias": False,
        "intermediate_size": m.hidden,
        "mlp_hidden_act": m.activation,
        "mlp_bias": False,
        "ssm_state_size": s.state,
        "mamba_num_heads": s.heads,
        "mamba_head_dim": s.head_dim,
        "n_groups": s.groups,
        "conv_kernel": s.conv,
        "chunk_size": 64,
        "use_conv_bias": True,
        "use_bias": False,
        "time_step_min": 1e-30,
        "layer_norm_epsilon": architecture.norm_eps,
        "residual_in_fp32": False,
        "tie_word_embeddings": False,
        "use_cache": attention is not None,
        **special_tokens(None),
    }


def name_in_our_model(name: str) -> str:
    """Return the name in our model of a parameter of NemotronH; raises KeyError if it has none."""
    for ours, theirs in _PREFIXES.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    raise KeyError(name)


def _renamed(name: str) -> str:
    prefix = next(prefix for prefix in _PREFIXES if name.startswith(prefix))
    return _PREFIXES[prefix] + name.removeprefix(prefix)
