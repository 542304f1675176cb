"""Models built from a config compute what transformers' models of the same config compute."""

import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    PreTrainedConfig,
    RecurrentGemmaConfig,
    RecurrentGemmaForCausalLM,
)

from aira_dsl.interop.importers import read_content
from aira_dsl.models import LanguageModel, build

Rename = Callable[[str], str]

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


def deepseek(model: nn.Module) -> dict[str, Tensor]:
    return renamed(
        model,
        {"embed_tokens": "embedding", "lm_head": "head"},
        ("input_layernorm", "self_attn", "post_attention_layernorm", "mlp"),
    )


def gemma(model: nn.Module) -> dict[str, Tensor]:
    """Gains of norms are stored as offsets from 1."""
    found = renamed(
        model,
        {"embed_tokens": "embedding", "final_norm": "norm", "lm_head": "head"},
        ("temporal_pre_norm", "temporal_block", "channel_pre_norm", "mlp_block"),
    )
    return {name: w + 1 if name.endswith("norm.weight") else w for name, w in found.items()}


def renamed(
    model: nn.Module, outer: dict[str, str], parts: tuple[str, str, str, str]
) -> dict[str, Tensor]:
    """Return the weights of a model under our names; a layer of theirs is two of ours.

    Args:
        model: of transformers.
        outer: their name of what is outside of the layers, and ours.
        parts: their names of the norms and mixers of a layer, in order.
    """
    found = {}
    for name, weight in model.state_dict().items():
        words = name.removeprefix("model.").split(".")
        if words[0] == "layers":
            place = parts.index(words[2])
            layer = str(2 * int(words[1]) + place // 2)
            words[1:3] = [layer, ("norm", "mixer")[place % 2]]
        else:
            words[0] = outer.get(words[0], words[0])
        found[".".join(words)] = weight
    return found


@pytest.mark.parametrize(
    ("config", "kind", "weights"),
    [(DEEPSEEK, DeepseekV3ForCausalLM, deepseek), (GEMMA, RecurrentGemmaForCausalLM, gemma)],
    ids=["deepseek_v3", "recurrent_gemma"],
)
def test_logits_are_those_of_transformers(
    config: PreTrainedConfig,
    kind: type[nn.Module],
    weights: Callable[[nn.Module], dict[str, Tensor]],
) -> None:
    torch.manual_seed(0)
    theirs = kind(config).eval()
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    ours: LanguageModel = build(read_content(json.loads(config.to_json_string())).architecture)
    ours.load_state_dict(weights(theirs))
    tokens = torch.randint(50, (2, 40))
    with torch.no_grad():
        expected = theirs(tokens, use_cache=False).logits
        torch.testing.assert_close(ours(tokens), expected, atol=1e-5, rtol=1e-4)
        cache = ours.new_cache(2)
        pieces = [ours(piece, cache) for piece in tokens.split([30] + 10 * [1], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-4)
