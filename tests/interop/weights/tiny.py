"""Sizes of tiny models of every family, and random checkpoints that transformers writes of them."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

WIDTH, VOCAB = 32, 48
SIZES: dict[str, Any] = {
    "hidden_size": WIDTH, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": VOCAB,
    "intermediate_size": 40, "num_hidden_layers": 2, "max_position_embeddings": 64,
    "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip
ATTENTION = ("num_attention_heads", "num_key_value_heads", "intermediate_size")
FULL_SLIDING = ["sliding_attention", "full_attention"]
LINEAR_FULL = ["linear_attention", "full_attention"]
WINDOWS = {"layer_types": FULL_SLIDING, "sliding_window": 5}
DELTA = {
    "layer_types": LINEAR_FULL, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "linear_key_head_dim": 8, "linear_value_head_dim": 6,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 12}
MAMBA = {
    "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 2, "mamba_d_state": 8,
    "mamba_d_conv": 4, "mamba_expand": 2, "mamba_chunk_size": 8,
}  # fmt: skip
LATENT = {
    "kv_lora_rank": 12, "qk_nope_head_dim": 6, "qk_rope_head_dim": 8, "v_head_dim": 5,
    "num_key_value_heads": 4,
}  # fmt: skip

NEXT = {
    **DELTA,
    **EXPERTS,
    "shared_expert_intermediate_size": 10,
    "head_dim": 16,
}
TINY: dict[str, dict[str, Any]] = {
    "llama": {"attention_bias": True, "mlp_bias": True},
    "mistral": {"sliding_window": 5},
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"head_dim": 6},
    "gemma2": {**WINDOWS, "head_dim": 8, "query_pre_attn_scalar": 12},
    "gemma3_text": {**WINDOWS, "head_dim": 8, "query_pre_attn_scalar": 12},
    "olmo2": {},
    "olmo3": WINDOWS,
    "smollm3": {"no_rope_layers": [1, 0]},
    "cohere2": WINDOWS,
    "gpt_oss": {**WINDOWS, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": {**EXPERTS, "mlp_only_layers": [0], "head_dim": 8},
    "qwen3_next": NEXT,
    "qwen3_5_text": {**DELTA, "head_dim": 16},
    "granitemoehybrid": {
        **MAMBA, "layer_types": ["mamba", "attention"], "num_local_experts": 4,
        "num_experts_per_tok": 2, "shared_intermediate_size": 10, "embedding_multiplier": 2.0,
        "residual_multiplier": 0.5, "logits_scaling": 3.0, "attention_multiplier": 0.2,
    },
    "jamba": {
        "num_experts": 4, "num_experts_per_tok": 2, "attn_layer_period": 2,
        "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1,
        "mamba_d_state": 4, "mamba_dt_rank": 5, "use_mamba_kernels": False,
    },
    "lfm2": {
        "layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False,
    },
    "falcon_h1": {
        **MAMBA, "mamba_d_ssm": 64, "ssm_in_multiplier": 0.7, "ssm_out_multiplier": 0.6,
        "ssm_multipliers": [0.5, 0.6, 0.7, 0.8, 0.9], "mlp_multipliers": [0.8, 0.9],
        "key_multiplier": 0.5, "attention_in_multiplier": 1.2, "attention_out_multiplier": 0.9,
        "embedding_multiplier": 2.0, "lm_head_multiplier": 0.5, "head_dim": 8,
        "mamba_rms_norm": True, "mamba_norm_before_gate": False,
    },
    "bamba": {**MAMBA, "attn_layer_indices": [1]},
    "olmo_hybrid": {
        **DELTA, "linear_num_key_heads": 4, "num_key_value_heads": 4,
    },
    "mamba": {"state_size": 4},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 2, "state_size": 8, "chunk_size": 8},
    "falcon_mamba": {"state_size": 4},
    "minimax": {
        "layer_types": LINEAR_FULL, "head_dim": 8, "num_local_experts": 4, "block_size": 16,
        "linear_attn_alpha_factor": 1.5, "linear_attn_beta_factor": 0.8, "mlp_alpha_factor": 1.2,
        "full_attn_alpha_factor": 3.5, "full_attn_beta_factor": 2.0, "mlp_beta_factor": 0.5,
    },
    "recurrent_gemma": {
        "intermediate_size": 80, "lru_width": 40, "num_key_value_heads": 1, "head_dim": 8,
        "attention_window_size": 8, "block_types": ["recurrent", "attention"],
    },
    "deepseek_v3": {
        **LATENT, "q_lora_rank": 9, "first_k_dense_replace": 1, "n_routed_experts": 4,
        "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "moe_intermediate_size": 12,
    },
    "nemotron_h": {
        "layers_block_type": ["mamba", "attention", "mlp", "moe"], "mamba_num_heads": 8,
        "mamba_head_dim": 8, "n_groups": 2, "ssm_state_size": 8, "head_dim": 8,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 12,
        "moe_shared_expert_intermediate_size": 10, "chunk_size": 8,
        "time_step_min": 1e-30,  # a lower bound of dt in transformers, of fresh weights elsewhere
    },
    "ministral": {**WINDOWS, "head_dim": 8},
    "phi3": {"sliding_window": 5},
    "exaone4": WINDOWS,
    "granite": {"residual_multiplier": 0.5, "logits_scaling": 3.0},
    "gemma": {"head_dim": 8},
    "qwen2_moe": {**EXPERTS, "shared_expert_intermediate_size": 10},
    "granitemoe": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "glm4_moe": {
        **EXPERTS, "n_routed_experts": 4, "first_k_dense_replace": 1, "head_dim": 8,
        "use_qk_norm": True, "attention_bias": True, "num_experts": None,
    },
    "lfm2_moe": {
        **EXPERTS, "layer_types": ["conv", "full_attention"], "num_dense_layers": 1,
    },
    "qwen3_5_moe_text": NEXT,
    "llama4_text": {
        "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 1,
        "intermediate_size_mlp": 16, "attention_chunk_size": 8, "no_rope_layers": [1, 0],
        "interleave_moe_layer_step": 2, "attn_temperature_tuning": False,
    },
    "kimi_linear": {
        **LATENT, "layer_types": LINEAR_FULL, "mlp_layer_types": ["dense", "sparse"],
        "linear_num_heads": 2, "linear_head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 12, "q_lora_rank": None,
    },
}  # fmt: skip


def settings(model_type: str) -> dict[str, Any]:
    """Return the settings of a tiny model; a stack of Mamba has none of attention."""
    left_out = ATTENTION if model_type in {"mamba", "mamba2", "falcon_mamba"} else ()
    common = {key: value for key, value in SIZES.items() if key not in left_out}
    return common | TINY[model_type]


def write_checkpoint(model_type: str, folder: Path, **options: Any) -> nn.Module:
    """Write a random model of a family as transformers does, and return it."""
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[model_type](**settings(model_type))
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        biases = [each for name, each in model.named_buffers() if name.endswith("bias")]
        for weight in [*model.parameters(), *biases]:
            weight.add_(0.1 * torch.randn_like(weight))
    model.save_pretrained(folder, **options)
    return model
