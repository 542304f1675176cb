"""Names of weights in the checkpoints of every family, by model_type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aira_dsl.interop.weights import experts, mixers
from aira_dsl.interop.weights.form import Form

_BEFORE, _BETWEEN = "input_layernorm", "post_attention_layernorm"


@dataclass(frozen=True, slots=True)
class Family:
    """Names of a family; alternatives are separated by `|`.

    Attributes:
        forms: of the mixers, by the kinds of our blocks.
        norms: of the layers of ours that one layer of theirs is, before the mixer.
        posts: of the same layers, after the mixer.
        root: module of everything but the head.
        embedding: of tokens.
        norm: the final one.
        offset: 1 if gains of norms are stored as offsets from 1.
    """

    forms: Mapping[str, Form]
    norms: tuple[str, ...] = (_BEFORE, _BETWEEN)
    posts: tuple[str, ...] = ("", "")
    root: str = "model"
    embedding: str = "embed_tokens"
    norm: str = "norm"
    offset: float = 0.0


_SELF = Form("self_attn")
_MLP = Form("mlp")
_SHIFTED = Form("self_attn", offsets=("q_norm", "k_norm"))
_FEED_FORWARD = Form("feed_forward")
_MAMBA = Form("mamba")
_ROUTER = {"router.correction_bias": "gate.e_score_correction_bias", "router": "gate"}
_SHARED = {"shared_gate": "shared_expert_gate"}
_EXPERTS = Form("mlp", {**_ROUTER, **_SHARED}, experts.experts)
_DEEPSEEK = Form("mlp", {**_ROUTER, "shared_expert": "shared_experts"}, experts.experts)
_MIXTRAL = Form("block_sparse_moe", {"router": "gate"}, experts.numbered_experts)
_NUMBERED = {"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}
_GATED = Form("self_attn", fused=mixers.gated_queries, offsets=("q_norm", "k_norm"))
_MIXED = {"attention": _SELF, "mlp": _MLP, "moe": _EXPERTS}
_SINGLE: dict[str, Any] = {
    "norms": ("norm",), "posts": ("",), "root": "backbone|model", "embedding": "embeddings",
    "norm": "norm_f",
}  # fmt: skip
_AFTER: dict[str, Any] = {"norms": ("", ""), "posts": (_BETWEEN, "post_feedforward_layernorm")}
_AROUND: dict[str, Any] = {
    "norms": (_BEFORE, "pre_feedforward_layernorm"),
    "posts": (_BETWEEN, "post_feedforward_layernorm"),
}
_FALCON_LIKE: dict[str, Any] = {"norms": (_BEFORE, "pre_ff_layernorm"), "norm": "final_layernorm"}

_GRANITE = {
    "experts.down_proj": "block_sparse_moe.output_linear",
    "router": "block_sparse_moe.router.layer",
    "shared_expert.down_proj": "shared_mlp.output_linear",
    "down_proj": "shared_mlp.output_linear",
}
_LFM_ATTENTION = {"q_norm": "q_layernorm", "k_norm": "k_layernorm", "o_proj": "out_proj"}
_OLMO_NET = {
    "in_proj_z": "g_proj", "in_proj_b": "b_proj", "in_proj_a": "a_proj", "norm": "o_norm",
    "out_proj": "o_proj",
}  # fmt: skip
_KIMI_MOE = Form(
    "block_sparse_moe|mlp",
    {**_ROUTER, "shared_expert": "shared_experts"},
    experts.numbered_experts,
)
_NEMOTRON_MOE = {"latent_in": "fc1_latent_proj", "latent_out": "fc2_latent_proj"}

_LLAMA = Family({"attention": _SELF, "mlp": _MLP})
_QWEN_MOE = Family(_MIXED)
_GRANITE_MOE = Form("", _GRANITE, experts.granite_feed_forward)
_LFM = {
    "attention": Form("self_attn", _LFM_ATTENTION),
    "short_conv": Form("conv"),
    "mlp": Form("feed_forward", _NUMBERED),
}
_NEXT = {"attention": _GATED, "mlp": _MLP, "moe": _EXPERTS}
_MAMBA_STACK = Family({"mamba1": Form("mixer")}, **_SINGLE)

FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("llama", "mistral", "ministral", "qwen2", "qwen3", "smollm3"), _LLAMA),
    "granite": _LLAMA,
    **dict.fromkeys(("olmo2", "olmo3", "exaone4"), Family(_LLAMA.forms, **_AFTER)),
    "phi3": Family(
        {
            "attention": Form("self_attn", fused=mixers.fused_qkv),
            "mlp": Form("mlp", fused=mixers.fused_gate_up),
        }
    ),
    "gemma": Family(_LLAMA.forms, offset=1.0),
    "gemma2": Family(_LLAMA.forms, **_AROUND, offset=1.0),
    "gemma3_text": Family({"attention": _SHIFTED, "mlp": _MLP}, **_AROUND, offset=1.0),
    "cohere2": Family(_LLAMA.forms, norms=(_BEFORE,), posts=("",)),
    "gpt_oss": Family(
        {"attention": _SELF,
         "moe": Form("mlp", {"experts.down_proj.bias": "experts.down_proj_bias"},
                     experts.clamped_experts)}
    ),
    "mixtral": Family({"attention": _SELF, "moe": _MIXTRAL}),
    **dict.fromkeys(("qwen2_moe", "qwen3_moe"), _QWEN_MOE),
    "qwen3_next": Family(
        {**_NEXT, "gated_delta_net": Form("linear_attn", fused=mixers.by_key_heads)}, offset=1.0
    ),
    **dict.fromkeys(
        ("qwen3_5_text", "qwen3_5_moe_text"),
        Family({**_NEXT, "gated_delta_net": Form("linear_attn")}, offset=1.0),
    ),
    **dict.fromkeys(
        ("granitemoe", "granitemoehybrid"),
        Family({"attention": _SELF, "mamba2": _MAMBA, "moe": _GRANITE_MOE, "mlp": _GRANITE_MOE}),
    ),
    "jamba": Family(
        {"attention": _SELF, "mamba1": _MAMBA, "mlp": _FEED_FORWARD,
         "moe": Form("feed_forward", fused=experts.experts)},
        **_FALCON_LIKE,
    ),
    "bamba": Family({"attention": _SELF, "mamba2": _MAMBA, "mlp": _FEED_FORWARD}, **_FALCON_LIKE),
    "falcon_h1": Family(
        {"attention": _SELF, "mamba2": Form("mamba", fused=mixers.scaled_mamba2),
         "mlp": Form("feed_forward", fused=mixers.scaled_gate)},
        **_FALCON_LIKE,
    ),
    **dict.fromkeys(
        ("lfm2", "lfm2_moe"),
        Family(
            {**_LFM, "moe": Form(
                "feed_forward", {"router.correction_bias": "expert_bias", "router": "gate"},
                experts.numbered_experts)},
            norms=("operator_norm", "ffn_norm"), norm="embedding_norm",
        ),
    ),
    "olmo_hybrid": Family(
        {**_LLAMA.forms,
         "gated_delta_net": Form("linear_attn", _OLMO_NET, mixers.separate_delta)},
        norms=("attention_layer_norm|input_layernorm",
               "feedforward_layer_norm|post_attention_layernorm"),
        posts=("feedforward_layer_norm|post_attention_layernorm", "post_feedforward_layernorm"),
    ),
    **dict.fromkeys(("mamba", "falcon_mamba"), _MAMBA_STACK),
    "mamba2": Family({"mamba2": Form("mixer")}, **_SINGLE),
    "minimax": Family({"attention": _SELF, "linear_attention": _SELF, "moe": _MIXTRAL}),
    "recurrent_gemma": Family(
        {"attention": Form("temporal_block"), "rg_lru": Form("temporal_block"),
         "mlp": Form("mlp_block")},
        norms=("temporal_pre_norm", "channel_pre_norm"), norm="final_norm", offset=1.0,
    ),
    "deepseek_v3": Family({"mla": _SELF, "mlp": _MLP, "moe": _DEEPSEEK}),
    "glm4_moe": Family({"attention": _SELF, "mlp": _MLP, "moe": _DEEPSEEK}),
    "llama4_text": Family(
        {"attention": _SELF, "mlp": _FEED_FORWARD,
         "moe": Form("feed_forward", fused=experts.transposed_experts)}
    ),
    "nemotron_h": Family(
        {**dict.fromkeys(("attention", "mlp", "mamba2"), Form("mixer")),
         "moe": Form("mixer", {**_DEEPSEEK.renamed, **_NEMOTRON_MOE}, experts.experts)},
        **{**_SINGLE, "root": "model|backbone"},
    ),
    "kimi_linear": Family(
        {"kda": Form("self_attn", {"norm": "o_norm", "out_proj": "o_proj"}, mixers.separate_kda),
         "mla": _SELF, "mlp": Form("block_sparse_moe|mlp"), "moe": _KIMI_MOE}
    ),
}  # fmt: skip
"""Every family whose weights can be read; a new one is a line here."""
