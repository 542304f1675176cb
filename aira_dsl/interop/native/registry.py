"""Classes of transformers that `compile --emit` writes for, by the name of the form."""

from aira_dsl.interop.families.nemotron_h import NEMOTRON_H
from aira_dsl.interop.native import dense, experts, hybrids, recurrent
from aira_dsl.interop.native.family import NativeFamily

_SPARSE = ("moe",)
_EITHER = ("mlp", "moe")
_DELTA = ("attention", "gated_delta_net")
_LFM = ("attention", "short_conv")
_LIGHTNING = ("attention", "linear_attention")
_MAMBA2 = ("attention", "mamba2")

_FAMILIES = (
    NativeFamily("llama", "Llama", dense.llama),
    NativeFamily("mistral", "Mistral", dense.one_window),
    NativeFamily("ministral", "Ministral", dense.listed_windows),
    NativeFamily("phi3", "Phi3", dense.phi3),
    NativeFamily("qwen2", "Qwen2", dense.qwen),
    NativeFamily("qwen3", "Qwen3", dense.qwen3),
    NativeFamily("smollm3", "SmolLM3", dense.smollm3),
    NativeFamily("olmo2", "Olmo2", dense.with_biases),
    NativeFamily("olmo3", "Olmo3", dense.olmo3),
    NativeFamily("exaone4", "Exaone4", dense.exaone4),
    NativeFamily("granite", "Granite", dense.granite),
    NativeFamily("gemma", "Gemma", dense.gemma),
    NativeFamily("gemma2", "Gemma2", dense.gemma2),
    NativeFamily("gemma3_text", "Gemma3", dense.gemma3),
    NativeFamily(
        "cohere2", "Cohere2", dense.cohere2, ("attention|mlp",), (), epsilon="layer_norm_eps"
    ),
    NativeFamily("mixtral", "Mixtral", experts.mixtral, feed_forwards=_SPARSE),
    NativeFamily("qwen2_moe", "Qwen2Moe", experts.qwen2_moe, feed_forwards=_EITHER),
    NativeFamily("qwen3_moe", "Qwen3Moe", experts.qwen3_moe, feed_forwards=_EITHER),
    NativeFamily("granitemoe", "GraniteMoe", experts.granitemoe, feed_forwards=_SPARSE),
    NativeFamily("gpt_oss", "GptOss", experts.gpt_oss, feed_forwards=_SPARSE),
    NativeFamily("glm4_moe", "Glm4Moe", experts.glm4_moe, feed_forwards=_EITHER),
    NativeFamily("deepseek_v3", "DeepseekV3", experts.deepseek_v3, ("mla",), _EITHER),
    NativeFamily("llama4_text", "Llama4", experts.llama4, feed_forwards=_EITHER),
    NativeFamily("mamba", "Mamba", recurrent.mamba, ("mamba1",), (), epsilon="layer_norm_epsilon"),
    NativeFamily(
        "falcon_mamba",
        "FalconMamba",
        recurrent.falcon_mamba,
        ("mamba1",),
        (),
        epsilon="layer_norm_epsilon",
    ),
    NativeFamily(
        "mamba2", "Mamba2", recurrent.mamba2, ("mamba2",), (), epsilon="layer_norm_epsilon"
    ),
    NativeFamily("jamba", "Jamba", hybrids.jamba, ("attention", "mamba1"), _EITHER),
    NativeFamily("bamba", "Bamba", hybrids.bamba, _MAMBA2),
    NativeFamily(
        "granitemoehybrid", "GraniteMoeHybrid", hybrids.granitemoehybrid, _MAMBA2, _EITHER
    ),
    NativeFamily("falcon_h1", "FalconH1", hybrids.falcon_h1, ("attention|mamba2",)),
    NativeFamily("lfm2", "Lfm2", hybrids.lfm2, _LFM, epsilon="norm_eps"),
    NativeFamily("lfm2_moe", "Lfm2Moe", hybrids.lfm2_moe, _LFM, _EITHER, epsilon="norm_eps"),
    NativeFamily("qwen3_next", "Qwen3Next", hybrids.qwen3_next, _DELTA, _EITHER),
    NativeFamily("qwen3_5_text", "Qwen3_5", hybrids.qwen3_5, _DELTA),
    NativeFamily("qwen3_5_moe_text", "Qwen3_5Moe", hybrids.qwen3_5_moe, _DELTA, _SPARSE),
    NativeFamily("olmo_hybrid", "OlmoHybrid", hybrids.olmo_hybrid, _DELTA),
    NativeFamily("kimi_linear", "KimiLinear", hybrids.kimi_linear, ("kda", "mla"), _EITHER),
    NativeFamily("minimax", "MiniMax", recurrent.minimax, _LIGHTNING, _SPARSE),
    NativeFamily(
        "recurrent_gemma", "RecurrentGemma", recurrent.recurrent_gemma, ("attention", "rg_lru")
    ),
    NEMOTRON_H,
)

NATIVE: dict[str, NativeFamily] = {
    family.model_type.removesuffix("_text"): family for family in _FAMILIES
}
"""Every class by the name that `--emit` has for it: its model_type without `_text`."""
