"""Norms, scales and parallel layers against models of transformers, with copied weights."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers.models.cohere2 import Cohere2Config, Cohere2ForCausalLM
from transformers.models.falcon_h1 import FalconH1Config, FalconH1ForCausalLM
from transformers.models.gemma3 import Gemma3ForCausalLM, Gemma3TextConfig
from transformers.models.olmo3 import Olmo3Config, Olmo3ForCausalLM

from aira_dsl.language import parse
from aira_dsl.models import LanguageModel, build

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "num_hidden_layers": 2,
    "attn_implementation": "eager",
}
KINDS = ["sliding_attention", "full_attention"]
HEADS = "heads 4, kv_heads 2, head_dim 8"
MLP = {f"{name}_proj.weight": f"mlp.{name}_proj.weight" for name in ("gate", "up", "down")}
ATTENTION = {f"{name}_proj.weight": f"self_attn.{name}_proj.weight" for name in "qkvo"}


def gemma3() -> tuple[nn.Module, LanguageModel]:
    """A norm on both sides of every mixer, gains stored as offsets from 1, scaled embedding."""
    config = Gemma3TextConfig(
        **SIZES, layer_types=KINDS, sliding_window=8, query_pre_attn_scalar=8,
        final_logit_softcapping=2.0,
    )  # fmt: skip
    theirs = Gemma3ForCausalLM(config)
    ours = model(
        f"""
        tie_embeddings true; norm_eps 1e-6; embedding_scale {32**0.5}; softcap 2
        block W = attention {{ {HEADS}, window 8, qk_norm head, norm sandwich }}
        block A = attention {{ {HEADS}, rope 1_000_000, qk_norm head, norm sandwich }}
        block M = mlp {{ hidden 48, activation geglu, norm sandwich }}
        layers W-M-A-M
        """
    )
    norms = {f"mixer.{name}_norm.weight": f"self_attn.{name}_norm.weight" for name in "qk"}
    names = layer_names(
        {"norm.weight": "input_layernorm.weight", **mixer(ATTENTION), **norms,
         "post_norm.weight": "post_attention_layernorm.weight"},
        {"norm.weight": "pre_feedforward_layernorm.weight", **mixer(MLP),
         "post_norm.weight": "post_feedforward_layernorm.weight"},
    )  # fmt: skip
    copy(ours, theirs, names, lambda name, w: w + 1 if "norm" in name else w)
    return theirs, ours


def olmo3() -> tuple[nn.Module, LanguageModel]:
    """A norm after every mixer."""
    theirs = Olmo3ForCausalLM(
        Olmo3Config(**SIZES, layer_types=KINDS, sliding_window=8, eos_token_id=None)
    )
    ours = model(
        f"""
        block W = attention {{ {HEADS}, rope 5e5, window 8, qk_norm width, norm post }}
        block A = attention {{ {HEADS}, rope 5e5, qk_norm width, norm post }}
        block M = mlp {{ hidden 48, activation swiglu, norm post }}
        layers W-M-A-M
        """
    )
    norms = {f"mixer.{name}_norm.weight": f"self_attn.{name}_norm.weight" for name in "qk"}
    names = layer_names(
        {**mixer(ATTENTION), **norms, "post_norm.weight": "post_attention_layernorm.weight"},
        {**mixer(MLP), "post_norm.weight": "post_feedforward_layernorm.weight"},
    )
    copy(ours, theirs, names)
    return theirs, ours


def cohere2() -> tuple[nn.Module, LanguageModel]:
    """Attention and MLP read one LayerNorm without bias; positions on windows only."""
    config = Cohere2Config(**SIZES, layer_types=KINDS, sliding_window=8, logit_scale=0.25)
    theirs = Cohere2ForCausalLM(config)
    ours = model(
        f"""
        tie_embeddings true; norm_kind layer_no_bias; logit_scale 0.25
        block W = attention {{ {HEADS}, window 8, interleaved true }}
        block A = attention {{ {HEADS}, rope none }}
        block M = mlp {{ hidden 48, activation swiglu }}
        layers (W|M)-(A|M)
        """
    )
    names = layer_names(
        {"norm.weight": "input_layernorm.weight", **mixer(ATTENTION, "branches.0."),
         **mixer(MLP, "branches.1.")}
    )  # fmt: skip
    copy(ours, theirs, names)
    return theirs, ours


def falcon_h1() -> tuple[nn.Module, LanguageModel]:
    """Attention and Mamba-2 read one norm, and each output has a factor."""
    config = FalconH1Config(
        **SIZES, mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=4, mamba_n_groups=2,
        mamba_rms_norm=True, mamba_norm_before_gate=False, attention_out_multiplier=0.5,
        ssm_out_multiplier=0.75, embedding_multiplier=3.0, lm_head_multiplier=0.25,
    )  # fmt: skip
    theirs = FalconH1ForCausalLM(config)
    ours = model(
        f"""
        embedding_scale 3; logit_scale 0.25
        block A = attention {{ {HEADS}, rope {config.rope_parameters["rope_theta"]},
                               residual_scale 0.5 }}
        block S = mamba2 {{ inner 32, state 4, head_dim 8, groups 2, residual_scale 0.75 }}
        block M = mlp {{ hidden 48, activation swiglu }}
        layers 2×((A|S)-M)
        """
    )
    mamba = {
        name: f"mamba.{name}"
        for name in ("in_proj.weight", "conv1d.weight", "conv1d.bias", "dt_bias", "A_log", "D",
                     "norm.weight", "out_proj.weight")
    }  # fmt: skip
    feed_forward = {name: f"feed_{each.replace('mlp', 'forward')}" for name, each in MLP.items()}
    names = layer_names(
        {"norm.weight": "input_layernorm.weight", **mixer(ATTENTION, "branches.0."),
         **mixer(mamba, "branches.1.")},
        {"norm.weight": "pre_ff_layernorm.weight", **mixer(feed_forward)},
    )  # fmt: skip
    copy(ours, theirs, names, final="final_layernorm")
    return theirs, ours


def model(body: str) -> LanguageModel:
    return build(parse(f"architecture model {{ width 32; vocab 50\n{body}\n}}")).eval()


def mixer(names: dict[str, str], branch: str = "") -> dict[str, str]:
    return {f"mixer.{branch}{ours}": theirs for ours, theirs in names.items()}


def layer_names(*layers: dict[str, str]) -> dict[str, str]:
    """Names of the weights of two decoder layers, each of several of our layers."""
    return {
        f"layers.{number * len(layers) + place}.{ours}": f"model.layers.{number}.{theirs}"
        for number in range(2)
        for place, names in enumerate(layers)
        for ours, theirs in names.items()
    }


def copy(
    ours: LanguageModel,
    theirs: nn.Module,
    names: dict[str, str],
    convert: Callable[[str, Tensor], Tensor] = lambda name, weight: weight,
    final: str = "norm",
) -> None:
    """Draw the weights of transformers' model, and copy every one of them to ours."""
    generator = torch.Generator().manual_seed(0)
    for name, weight in theirs.named_parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=0.2, generator=generator)
        else:
            weight.data += 0.2 * torch.randn(weight.shape, generator=generator)
        assert torch.isfinite(weight).all(), name
    names = {
        "embedding.weight": "model.embed_tokens.weight",
        "norm.weight": f"model.{final}.weight",
        "head.weight": "lm_head.weight",
        **names,
    }
    source = theirs.state_dict()
    weights = {name: convert(other, source[other]) for name, other in names.items()}
    assert {names[name] for name in weights} == source.keys()
    ours.load_state_dict(weights)


@pytest.mark.parametrize("family", [gemma3, olmo3, cohere2, falcon_h1])
def test_logits_and_decoding_equal_transformers(
    family: Callable[[], tuple[nn.Module, LanguageModel]],
) -> None:
    theirs, ours = family()
    tokens_BL = torch.randint(0, 50, (2, 21), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.eval()(tokens_BL, use_cache=False).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(tokens_BL), expected, atol=1e-5, rtol=1e-5)
        cache = ours.new_cache(2)
        parts = [ours(part, cache) for part in tokens_BL.split((12, 1, 1, 7), dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-5, rtol=1e-5)
