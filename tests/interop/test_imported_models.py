"""Scaled positions and soft caps of imported models: logits are those of transformers."""

from pathlib import Path

import pytest
import torch
from transformers import (
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    RecurrentGemmaConfig,
    RecurrentGemmaForCausalLM,
)

from aira_dsl.interop.weights import load_checkpoint

DEEPSEEK = DeepseekV3Config(
    vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2, kv_lora_rank=12,
    num_attention_heads=4, num_key_value_heads=4, q_lora_rank=9, qk_nope_head_dim=6,
    qk_rope_head_dim=8, v_head_dim=5, first_k_dense_replace=2, max_position_embeddings=64,
    rms_norm_eps=1e-3, attn_implementation="eager",
    rope_parameters={
        "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "beta_fast": 8.0, "mscale": 1.0,
        "original_max_position_embeddings": 16, "mscale_all_dim": 0.7,
    },
)  # fmt: skip
GEMMA = RecurrentGemmaConfig(
    vocab_size=50, hidden_size=32, intermediate_size=96, num_hidden_layers=4, lru_width=40,
    num_attention_heads=4, num_key_value_heads=1, head_dim=8, attention_window_size=8,
    block_types=["recurrent", "recurrent", "attention"], logits_soft_cap=2.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("config", "kind"),
    [(DEEPSEEK, DeepseekV3ForCausalLM), (GEMMA, RecurrentGemmaForCausalLM)],
    ids=["deepseek_v3", "recurrent_gemma"],
)
def test_logits_are_those_of_transformers(
    config: PreTrainedConfig, kind: type[PreTrainedModel], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    theirs = kind(config).eval()
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    theirs.save_pretrained(tmp_path)
    ours = load_checkpoint(tmp_path)
    tokens = torch.randint(50, (2, 40))
    with torch.no_grad():
        expected = theirs(tokens, use_cache=False).logits
        torch.testing.assert_close(ours(tokens), expected, atol=1e-5, rtol=1e-4)
        cache = ours.new_cache(2)
        pieces = [ours(piece, cache) for piece in tokens.split([30] + 10 * [1], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-4)
