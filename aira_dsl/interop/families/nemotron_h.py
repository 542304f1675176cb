"""Model <-> the native NemotronH class of transformers, which needs no code of its own.

NemotronH places Mamba-2, attention and MLP layers freely, as we do. It has no RoPE, no gated MLP,
no tied head, and one set of dimensions for each kind. What it has in excess is switched off:

- layer kinds are written under their old names, which every version from 5.6 on reads;
- dt is clamped from below by `time_step_min`, so that is 1e-30 (0 is refused), as good as none;
  a model that is drawn afresh from such a config starts badly: it is for these weights;
- without an attention layer the cached path fails from 5.15 on, so there `use_cache` is false.
"""

from pathlib import Path
from typing import Any, Literal

from aira_dsl.architecture import MAX_LAYERS, Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.huggingface import (
    CONFIG,
    GENERATION,
    TEXT,
    WEIGHTS,
    generation_config,
    no_special_tokens,
    save_weights,
    weights_of,
    write_json,
)
from aira_dsl.interop.refusal import only_of_kind, reading_config, refuse
from aira_dsl.models.model import LanguageModel
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.utils.files import FolderKind, write_folder

FOLDER = FolderKind(
    "a folder that aira-dsl exported",
    "another model",
    frozenset({CONFIG, GENERATION, WEIGHTS, TEXT}),
)
KINDS = {"attention": "attention", "mlp": "mlp", "mamba2": "mamba"}
"""Our kinds under the names that all versions of transformers from 5.6 on read."""

_NEW_KINDS = {"linear_attention": "mamba2", "full_attention": "attention"}
_LETTERS = {"M": "mamba2", "*": "attention", "-": "mlp"}
_PREFIXES = {
    "embedding.": "model.embeddings.",
    "layers.": "model.layers.",
    "norm.": "model.norm_f.",
    "head.": "lm_head.",
}


def export_nemotron_h(
    model: LanguageModel, folder: str | Path, *, force: bool = False
) -> Literal["written", "unchanged"]:
    """Write a model as a folder that transformers' own NemotronH class loads.

    Raises:
        InputError: E0510, NemotronH can not express it; E0503, the folder holds something else.
        RunError: E0904, it cannot be written.
    """
    from aira_dsl.language import to_text

    architecture = model.architecture
    config = to_nemotron_h(architecture)
    config["dtype"] = str(model.embedding.weight.dtype).removeprefix("torch.")

    def write(made: Path) -> None:
        write_json(made / CONFIG, config)
        write_json(made / GENERATION, generation_config(use_cache=config["use_cache"]))
        (made / TEXT).write_text(to_text(architecture), encoding="utf-8")
        save_weights(made / WEIGHTS, {_renamed(n): t for n, t in weights_of(model).items()})

    return write_folder(Path(folder), FOLDER, write, force=force)


def problems(architecture: Architecture) -> list[str]:
    """Return why NemotronH can not express an architecture; empty if it can."""
    reasons: list[str] = []
    attention = only_of_kind(architecture, "attention", reasons)
    mlp = only_of_kind(architecture, "mlp", reasons)
    only_of_kind(architecture, "mamba2", reasons)
    if isinstance(attention, Attention) and attention.rope is not None:
        reasons.append("its attention has rotary positions (`rope none` has not)")
    if isinstance(mlp, MLP) and mlp.activation == "swiglu":
        reasons.append("its mlp is gated (swiglu)")
    if architecture.tie_embeddings:
        reasons.append("its head is tied to the embedding")
    return reasons


def to_nemotron_h(architecture: Architecture) -> dict[str, Any]:
    """Return the config.json of transformers' NemotronH; raises InputError E0510."""
    reasons = problems(architecture)
    refuse("NemotronH", architecture, reasons, "use --emit hf, which expresses all")
    attention = only_of_kind(architecture, "attention", reasons)
    mlp = only_of_kind(architecture, "mlp", reasons)
    mamba = only_of_kind(architecture, "mamba2", reasons)
    # Dimensions of kinds that no layer has only need to be legal.
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
        **no_special_tokens(),
    }


@reading_config
def from_nemotron_h(config: dict[str, Any], *, name: str = "model") -> Architecture:
    """Read the config.json of a NemotronH model; the inverse of `to_nemotron_h`.

    Raises:
        InputError: E0520, the config says what our blocks can not; E0521, it is incomplete.
    """
    kinds = _layer_kinds(config)
    blocks = {"A": _attention(config), "M": _mlp(config), "Mb": _mamba(config)}
    names = {"attention": "A", "mlp": "M", "mamba2": "Mb"}
    layers = tuple(names[kind] for kind in kinds)
    return Architecture(
        name=name,
        width=_get(config, "hidden_size"),
        vocab=_get(config, "vocab_size"),
        context=min(config.get("max_position_embeddings", 4096), 1 << 24),
        norm_eps=config.get("layer_norm_epsilon", 1e-5),
        blocks={key: block for key, block in blocks.items() if key in layers},
        layers=layers,
    )


def _layer_kinds(config: dict[str, Any]) -> list[str]:
    words = config.get("layers_block_type") or config.get("layer_types")
    if not words:
        words = list(_get(config, "hybrid_override_pattern"))
    known = {**{theirs: ours for ours, theirs in KINDS.items()}, **_NEW_KINDS, **_LETTERS}
    for number, word in enumerate(words, 1):
        if word not in known:
            message = f"layer {number} of the config is {word!r}, which is none of our kinds"
            help_text = "attention, mlp and mamba layers can be read"
            raise InputError("E0520", message, help=help_text)
    if not 1 <= len(words) <= MAX_LAYERS:
        raise InputError("E0520", f"the config has {len(words):,} layers, not 1 to {MAX_LAYERS:,}")
    return [known[word] for word in words]


def _attention(config: dict[str, Any]) -> Attention:
    _refuse_biases(config, "attention_bias")
    return Attention(
        heads=config.get("num_attention_heads", 32),
        kv_heads=config.get("num_key_value_heads", 8),
        head_dim=config.get("head_dim", 128),
        rope=None,
    )


def _mlp(config: dict[str, Any]) -> MLP:
    _refuse_biases(config, "mlp_bias")
    activation = config.get("mlp_hidden_act", "relu2")
    if activation not in {"relu", "relu2", "gelu"}:
        raise InputError("E0520", f"mlp_hidden_act {activation!r} is none of relu, relu2, gelu")
    return MLP(hidden=config.get("intermediate_size", 21504), activation=activation)


def _mamba(config: dict[str, Any]) -> Mamba2:
    _refuse_biases(config, "use_bias")
    head_dim = config.get("mamba_head_dim", 64)
    return Mamba2(
        inner=config.get("mamba_num_heads", 128) * head_dim,
        state=config.get("ssm_state_size", 128),
        head_dim=head_dim,
        conv=config.get("conv_kernel", 4),
        groups=config.get("n_groups", 8),
    )


def _refuse_biases(config: dict[str, Any], key: str) -> None:
    if config.get(key):
        raise InputError("E0520", f"{key} is set, and our projections have no biases")


def _get(config: dict[str, Any], key: str) -> Any:
    if key not in config:
        raise InputError("E0521", f"the config has no {key}", help="is it a NemotronH config.json?")
    return config[key]


def _renamed(name: str) -> str:
    prefix = next(prefix for prefix in _PREFIXES if name.startswith(prefix))
    return _PREFIXES[prefix] + name.removeprefix(prefix)
