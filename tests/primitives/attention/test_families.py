"""Attention with options against the attention of transformers' families, with copied weights.

A small model of the family runs with its own masks and rotary embeddings; what goes into one of its
attention layers goes into ours, and must give what comes out there.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aira_dsl.primitives import Attention
from aira_dsl.primitives.attention.module import Attention as Module
from aira_dsl.primitives.registry import make_mixer

WIDTH, LENGTH, EPS = 32, 24, 1e-5
SIZES = {
    "hidden_size": WIDTH, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 16,
    "intermediate_size": 16, "num_hidden_layers": 1, "max_position_embeddings": 64,
    "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
    "attn_implementation": "eager",
}  # fmt: skip
FULL, SLIDING = ["full_attention"], ["sliding_attention"]
MOE = {"num_local_experts": 2, "num_experts_per_tok": 1}


def rope(theta: float = 10_000.0, kind: str = "default", **options: Any) -> dict[str, Any]:
    return {"rope_type": kind, "rope_theta": theta, **options}


@dataclass
class Family:
    """A family's configuration, and what our block says of its attention layer.

    Attributes:
        name: the module `modeling_NAME` of transformers.
        classes: the beginning of its classes' names, which `text` continues.
        config: fields of its configuration beside SIZES.
        block: parameters of ours beside heads and kv_heads.
        offset: whether its norms scale by 1 + weight.
        renamed: names of its modules by ours.
    """

    name: str
    classes: str
    config: dict[str, Any]
    block: dict[str, Any]
    offset: bool = False
    text: str = ""
    renamed: dict[str, str] = field(default_factory=dict)


YARN = {"factor": 8.0, "original_max_position_embeddings": 8}
FAMILIES = {
    "llama3": Family(
        "llama", "Llama",
        {"rope_parameters": rope(500_000.0, "llama3", factor=8.0, low_freq_factor=1.0,
                                 high_freq_factor=4.0, original_max_position_embeddings=8)},
        {"rope": 500_000.0, "rope_scaling": "llama3", "rope_factor": 8.0, "rope_original": 8},
    ),
    "qwen2": Family("qwen2", "Qwen2", {"layer_types": FULL}, {"bias": "qkv"}),
    "qwen3": Family(
        "qwen3", "Qwen3", {"head_dim": 6, "layer_types": FULL}, {"head_dim": 6, "qk_norm": "head"}
    ),
    "gemma2": Family(
        "gemma2", "Gemma2",
        {"head_dim": 8, "query_pre_attn_scalar": 12, "sliding_window": 5, "layer_types": SLIDING,
         "attn_logit_softcapping": 0.5},
        {"softcap": 0.5, "scale": 12**-0.5, "window": 5},
    ),
    "gemma3": Family(
        "gemma3", "Gemma3",
        {"head_dim": 8, "query_pre_attn_scalar": 12, "sliding_window": 7, "layer_types": SLIDING,
         "rope_parameters": {"sliding_attention": rope(100.0)}},
        {"scale": 12**-0.5, "window": 7, "qk_norm": "head", "rope": 100.0},
        offset=True, text="Text",
    ),
    "gemma3-full": Family(
        "gemma3", "Gemma3",
        {"head_dim": 8, "query_pre_attn_scalar": 8, "layer_types": FULL,
         "rope_parameters": {"full_attention": rope(1e6, "linear", factor=8.0)}},
        {"qk_norm": "head", "rope": 1e6, "rope_scaling": "linear", "rope_factor": 8.0},
        offset=True, text="Text",
    ),
    "olmo3": Family(
        "olmo3", "Olmo3",
        {"sliding_window": 4, "layer_types": SLIDING},
        {"window": 4, "qk_norm": "width", "rope": 500_000.0},
    ),
    "gpt_oss": Family(
        "gpt_oss", "GptOss",
        {**MOE, "head_dim": 16, "sliding_window": 3, "layer_types": SLIDING,
         "rope_parameters": rope(150.0, "yarn", **YARN, beta_fast=32.0, beta_slow=1.0,
                                 truncate=False)},
        {"head_dim": 16, "window": 3, "sinks": True, "bias": "all", "rope": 150.0,
         "rope_scaling": "yarn", "rope_factor": 8.0, "rope_original": 8, "rope_truncate": False},
    ),
    "yarn": Family(
        "llama", "Llama",
        {"head_dim": 16, "rope_parameters": rope(10_000.0, "yarn", **YARN)},
        {"head_dim": 16, "rope_scaling": "yarn", "rope_factor": 8.0, "rope_original": 8},
    ),
    "qwen3_next": Family(
        "qwen3_next", "Qwen3Next",
        {"head_dim": 16, "layer_types": FULL, "num_experts": 0,
         "rope_parameters": rope(partial_rotary_factor=0.25)},
        {"head_dim": 16, "rotary": 0.25, "qk_norm": "head", "gate": "element"},
        offset=True,
    ),
    "cohere2": Family(
        "cohere2", "Cohere2", {"sliding_window": 6, "layer_types": SLIDING},
        {"window": 6, "interleaved": True},
    ),
    "glm4": Family(
        "glm4", "Glm4",
        {"head_dim": 8, "attention_bias": True, "rope_parameters": rope(partial_rotary_factor=0.5)},
        {"rotary": 0.5, "interleaved": True, "bias": "qkv"},
    ),
    "llama4": Family(
        "llama4", "Llama4",
        {**MOE, "head_dim": 8, "intermediate_size_mlp": 16, "attention_chunk_size": 7,
         "no_rope_layers": [1], "layer_types": ["chunked_attention"]},
        {"chunk": 7, "interleaved": True, "qk_norm": "l2", "rope": 500_000.0},
        text="Text",
    ),
    "mimo_v2_flash": Family(
        "mimo_v2_flash", "MiMoV2Flash",
        {"head_dim": 8, "v_head_dim": 6, "sliding_window": 5, "layer_types": SLIDING,
         "mlp_layer_types": ["dense"], "num_key_value_heads": 1,
         "rope_parameters": {"sliding_attention": rope(partial_rotary_factor=0.5)}},
        {"value_dim": 6, "window": 5, "sinks": True, "value_scale": 0.707, "rotary": 0.5},
    ),
    "laguna": Family(
        "laguna", "Laguna",
        {"head_dim": 8, "sliding_window": 5, "layer_types": SLIDING, "mlp_layer_types": ["dense"],
         "rope_parameters": {"sliding_attention": rope()}},
        {"window": 5, "qk_norm": "head", "gate": "head", "gate_activation": "softplus"},
        renamed={"gate_proj": "g_proj"},
    ),
    "lfm3": Family(
        "lfm3", "Lfm3",
        {"head_dim": 8, "layer_types": FULL,
         "rope_parameters": {"full_attention": rope(1e6, "proportional",
                                                    partial_rotary_factor=0.5)}},
        {"qk_norm": "head", "gate": "head", "rope": 1e6, "rope_scaling": "proportional",
         "rotary": 0.5},
        renamed={"gate_proj": "g_proj"},
    ),
    "afmoe": Family(
        "afmoe", "Afmoe", {"head_dim": 8, "sliding_window": 5, "layer_types": SLIDING},
        {"window": 5, "qk_norm": "head", "gate": "element"},
    ),
    "gemma4": Family(
        "gemma4", "Gemma4",
        {"head_dim": 8, "layer_types": FULL, "attention_k_eq_v": True,
         "hidden_size_per_layer_input": 0,
         "global_head_dim": 8,
         "rope_parameters": {"full_attention": rope(1e6, "proportional",
                                                    partial_rotary_factor=0.5)}},
        {"qk_norm": "head", "value_norm": True, "keys_are_values": True, "scale": 1.0,
         "rope": 1e6, "rope_scaling": "proportional", "rotary": 0.5},
        text="Text",
    ),
}  # fmt: skip


def layer_of(family: Family) -> tuple[nn.Module, Tensor, Tensor]:
    """Return the family's attention layer, what went into it and what came out."""
    home = f"transformers.models.{family.name}."
    make_config = getattr(
        import_module(f"{home}configuration_{family.name}"), f"{family.classes}{family.text}Config"
    )
    make_model = getattr(
        import_module(f"{home}modeling_{family.name}"), f"{family.classes}{family.text}Model"
    )
    eps = {"rms_norm_eps": EPS, "norm_eps": EPS}
    torch.manual_seed(0)
    model = make_model(make_config(**SIZES | eps | family.config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    seen: dict[str, Tensor] = {}

    def look(layer: nn.Module, args: tuple[Tensor, ...], given: Any, output: Any) -> None:
        seen["input"] = args[0] if args else given["hidden_states"]
        seen["output"] = output[0]

    layer = model.layers[0].self_attn
    layer.register_forward_hook(look, with_kwargs=True)
    with torch.no_grad():
        model(torch.arange(2 * LENGTH).view(2, LENGTH) * 7 % 16, use_cache=False)
    return layer, seen["input"], seen["output"]


def ours_with_weights_of(theirs: nn.Module, family: Family) -> Module:
    block = Attention(**{"heads": 4, "kv_heads": 2, **family.block}).resolve(WIDTH)
    assert block.problems(WIDTH) == []
    mixer = make_mixer(block, WIDTH, EPS)
    assert isinstance(mixer, Module)
    weights = theirs.state_dict()
    for ours, name in family.renamed.items():
        weights[f"{ours}.weight"] = weights.pop(f"{name}.weight")
    if family.name == "qwen3_next":  # queries and gates take turns, head by head
        both = weights.pop("q_proj.weight").view(4, 2, -1, WIDTH)
        weights["q_proj.weight"] = both[:, 0].reshape(-1, WIDTH)
        weights["gate_proj.weight"] = both[:, 1].reshape(-1, WIDTH)
    if family.offset:
        weights = {name: w + 1 if "norm" in name else w for name, w in weights.items()}
    mixer.load_state_dict(weights)
    return mixer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAMILIES)
def test_attention_equals_that_of_its_family(name: str) -> None:
    family = FAMILIES[name]
    theirs, x, expected = layer_of(family)
    mixer = ours_with_weights_of(theirs, family)
    with torch.no_grad():
        torch.testing.assert_close(mixer(x), expected, atol=1e-5, rtol=1e-4)
        cache = mixer.new_cache(2)
        pieces = [mixer(piece, cache) for piece in x.split([9, 1, 1, 6, 1, 5, 1], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-4)
