"""Model -> a folder for the native NemotronH class of transformers; it needs no remote code.

NemotronH places Mamba-2, attention, MLP and expert layers in any order. It has no RoPE, no gated
MLP, no tied head, and one set of dimensions for each kind of layer. What it has in excess is
switched off:

- layer kinds are written under their old names, which every version from 5.6 on reads;
- dt is clamped from below by `time_step_min`; 0 is refused, so 1e-30 stands for no clamp. A fresh
  model drawn from such a config starts badly: the value is for the weights in the folder;
- without an attention layer the cached path fails from 5.15 on, so there `use_cache` is false
  (`NativeFamily` does the same for other classes).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aira_dsl.architecture import Architecture
from aira_dsl.interop.native.family import NativeFamily
from aira_dsl.interop.native.folder import export_native
from aira_dsl.interop.native.outline import Outline, Settings
from aira_dsl.interop.native.parts import bias, experts, heads, step_limits
from aira_dsl.interop.tokenizer import TokenizerFiles
from aira_dsl.primitives import MLP, Mamba2, MoE
from aira_dsl.primitives.mlp.spec import GATED

if TYPE_CHECKING:
    from aira_dsl.models.model import LanguageModel

KINDS = {"attention": "attention", "mlp": "mlp", "mamba2": "mamba", "moe": "moe"}
"""Our kinds under the names that all versions of transformers from 5.6 on read."""

_FRESH_TIME_STEP = 0.001
"""`time_step_min` of a config without weights: the default, by which fresh weights are drawn."""


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
    return export_native(model, NEMOTRON_H, folder, tokenizer=tokenizer, force=force)


def unsupported(architecture: Architecture) -> list[str]:
    """Return why NemotronH cannot express an architecture; empty if it can."""
    return NEMOTRON_H.unsupported(architecture)


def to_nemotron_h(architecture: Architecture) -> Settings:
    """Return the config.json of transformers' NemotronH; raises InputError E0510."""
    return NEMOTRON_H.config(architecture)


def _settings(outline: Outline) -> Settings:
    # Dimensions of kinds without a layer only have to be legal.
    mamba = outline.first(Mamba2) or Mamba2(inner=1, state=1, head_dim=1, conv=2)
    limited = step_limits(mamba)
    outline.require(not limited, "its mamba2 limits step sizes, which the class does not read")
    mtp = [KINDS[outline.architecture.blocks[name].kind] for name in outline.architecture.mtp]
    return {
        "layers_block_type": outline.words(KINDS),
        **heads(outline.attention),
        **bias(None),
        "intermediate_size": (outline.mlp or MLP(hidden=1)).hidden,
        "mlp_hidden_act": _activation(outline.mlp or outline.moe),
        **bias(None, "mlp_bias"),
        **_mamba(mamba),
        **limited,
        **_experts(outline.moe),
        **({"num_nextn_predict_layers": 1, "mtp_layers_block_type": mtp} if mtp else {}),
        "residual_in_fp32": False,
        "tie_word_embeddings": False,
    }


def _activation(block: MLP | MoE | None) -> str:
    return "relu2" if block is None or block.activation in GATED else block.activation


def _mamba(block: Mamba2) -> Settings:
    return {
        "ssm_state_size": block.state,
        "mamba_num_heads": block.heads,
        "mamba_head_dim": block.head_dim,
        "n_groups": block.groups,
        "conv_kernel": block.conv,
        "chunk_size": 64,
        "use_conv_bias": block.conv_bias,
        "use_bias": block.bias,
        "time_step_min": 1e-30,
    }


def _experts(block: MoE | None) -> Settings:
    if block is None:
        return {}
    return {
        **experts(block, count="n_routed_experts", hidden="moe_intermediate_size"),
        "moe_shared_expert_intermediate_size": block.shared,
        "moe_latent_size": block.latent,
        "norm_topk_prob": block.renormalize,
        "routed_scaling_factor": block.scale,
        "n_group": block.groups or 1,
        "topk_group": block.top_groups or 1,
    }


NEMOTRON_H = NativeFamily(
    "nemotron_h",
    "NemotronH",
    _settings,
    mixers=tuple(KINDS),
    feed_forwards=(),
    epsilon="layer_norm_epsilon",
    layers=None,
    fresh={"time_step_min": _FRESH_TIME_STEP},
)
