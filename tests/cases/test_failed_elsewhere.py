"""Hybrid models that other tools misread or miscounted, with the right outcome.

Every case has a number, which is in the name of its test (`pytest -k case_12`); not all numbers are
used. Docstrings name the threads that ask for what is tested.
"""

import json
from pathlib import Path

import pytest
import torch

import aira_dsl
from aira_dsl.architecture import cost
from aira_dsl.errors import InputError
from aira_dsl.interop.families.megatron import to_megatron
from aira_dsl.interop.families.nemotron_h import to_nemotron_h
from aira_dsl.interop.families.nemotron_h_config import from_nemotron_h
from aira_dsl.interop.gallery import published_models
from aira_dsl.interop.importers import read, read_content
from aira_dsl.interop.weights.plan import make_links
from aira_dsl.models.construction import lay_out
from aira_dsl.models.storage import stored
from aira_dsl.report.stack import count_kinds

INPUTS = Path(__file__).parent / "import"
MEGATRON = "--hybrid-layer-pattern M-M* --hidden-size 512 --num-attention-heads 4"
NEMOTRON = (
    "--hidden-size 512 --num-attention-heads 4 --ffn-hidden-size 64 --squared-relu "
    "--normalization RMSNorm --disable-bias-linear --position-embedding-type none "
    "--untie-embeddings-and-output-weights --vocab-size 256 --seq-length 64"
)
MODELS = {model.name: model for model in published_models()}


def config(name):
    return json.loads((INPUTS / f"{name}.json").read_text(encoding="utf-8"))


def changed(name, **changes):
    return read_content({**MODELS[name].config, **changes}, costs_only=True)


def test_case_1_a_pattern_with_dashes():
    """Mlp layers are `-` (transformers #45300, #44763)."""
    pattern = "M-M-M-MM-M-M*-M-M*-M-M-M*-M-M-MM*-MMM-M-M-"
    found = changed("nemotron_h_8b", hybrid_override_pattern=pattern).architecture
    assert found.depth == 42
    assert count_kinds(found) == {"mamba2": 21, "mlp": 17, "attention": 4}


def test_case_2_and_3_the_list_of_layers_counts_whatever_the_number_says():
    """TensorRT-LLM #18042, TensorRT-Edge-LLM #56, transformers #48021."""
    kinds = ["mamba", "mlp", "attention", "mlp"]
    base = {key: value for key, value in config("nemotron_h_8b").items() if "layers" not in key}
    del base["hybrid_override_pattern"]
    assert read_content({**base, "layers_block_type": kinds}).architecture.depth == 4
    found = read_content({**base, "layers_block_type": kinds, "num_hidden_layers": 9})
    assert found.architecture.depth == 4
    assert "num_hidden_layers is 9, but 4 layers are listed" in found.notes[0]
    found = changed("qwen3_5_9b", layer_types=["linear_attention", "full_attention"])
    assert found.architecture.depth == 4
    assert "num_hidden_layers is 32, but layer_types lists 2 layers" in found.notes[0]


def test_case_4_pipes_and_modules_are_not_left_in_an_export():
    """Megatron-Bridge #4129, #4107: `M*M*|M-M*/*E/*E` became layers with `|` and `/` in them."""
    text = f"{NEMOTRON} --hybrid-layer-pattern M*M*|M-M*"
    whole = read(f"{text}/*-/*-", "megatron").architecture
    assert whole.mtp == ("A", "M")
    exported = to_nemotron_h(read(text, "megatron").architecture)
    kinds = ["mamba", "attention", "mamba", "attention", "mamba", "mlp", "mamba", "attention"]
    assert exported["layers_block_type"] == kinds
    assert from_nemotron_h(exported).layers == whole.layers
    assert '"M*M*M-M*/*-"' in to_megatron(whole)


def test_case_5_a_pattern_with_pipes_and_modules_in_a_config():
    """Model-Optimizer #2061, #2005: pruned patterns were saved, and then cut, with `|` and `/`."""
    settings = config("nemotron_h_8b")
    settings["num_hidden_layers"] = 6
    settings["hybrid_override_pattern"] = "M-M-|M*/*-/*-"
    found = read_content(settings)
    assert found.architecture.pattern == "2×(Mb-M)-Mb-A"
    assert found.architecture.mtp == ("A", "M")
    assert found.notes == ("of 2 modules for multi-token prediction one is written",)
    settings["num_hidden_layers"] = 13  # the characters of the text
    assert "num_hidden_layers is 13, but 6 layers" in read_content(settings).notes[0]
    settings["mtp_hybrid_override_pattern"] = "*E"
    with pytest.raises(InputError, match="modules for multi-token prediction disagree"):
        read_content(settings)


def test_case_6_a_pattern_shorter_than_a_stated_number_of_layers_is_not_cut():
    """Model-Optimizer #1377."""
    with pytest.raises(InputError, match="--num-layers 9"):
        read(f"{MEGATRON} --num-layers 9", "megatron")


def test_case_8_lfm2_names_its_attention_layers_by_index():
    """mistral.rs #2305: without layer_types everything became attention."""
    found = changed("lfm2_1_2b", full_attn_idxs=[2, 5, 8, 10, 12, 14]).architecture
    assert count_kinds(found) == {"short_conv": 10, "mlp": 16, "attention": 6}
    assert cost(found).kv_cache_bytes == 6 * 2 * 8 * 64 * 2  # gguf-parser-go #28: zero


def test_case_10_falcon_h1_has_one_norm_for_both_branches():
    """Megatron-Bridge #4845, transformers #38320: a scale before a norm cancels."""
    found = changed("falcon_h1_0_5b", ssm_in_multiplier=1.25, attention_out_multiplier=0.9375)
    model = found.architecture
    assert model.pattern == "36×((A|Mb)-M)"
    assert model.blocks["A"].residual_scale == 0.9375
    assert model.blocks["Mb"].residual_scale == 1
    assert cost(model).total_parameters == MODELS["falcon_h1_0_5b"].total
    assert any("ssm_in_multiplier" in note for note in found.notes)


def test_case_12_olmo_hybrid_places_norms_by_kind_and_has_no_positions():
    """open-instruct #1822: rotary positions and one order of norms were assumed."""
    model = MODELS["olmo_hybrid_7b"].architecture
    attention, net = model.blocks["A"], model.blocks["G"]
    assert (attention.rope, attention.norm, attention.qk_norm) == (None, "post", "width")
    assert (net.norm, net.negative_eigenvalues) == ("pre", True)
    assert count_kinds(model) == {"gated_delta_net": 24, "mlp": 32, "attention": 8}


def test_case_12_a_checkpoint_of_olmo_hybrid_has_523_tensors():
    """open-instruct #1822: the same for the names and numbers of its weights."""
    model = MODELS["olmo_hybrid_7b"]
    laid_out = stored(lay_out(model.architecture, seed=0))
    shapes = {name: tuple(tensor.shape) for name, tensor in laid_out.items()}
    links = make_links(model.architecture, shapes, {}, model.config)
    names = {link.theirs for link in links}
    assert (len(links), len(names)) == (523, 523)
    before = {name for name in names if name.endswith(".attention_layer_norm.weight")}
    assert len(before) == 24  # of delta nets; attention layers have none


@pytest.mark.parametrize(
    ("name", "layers", "token_bytes"),
    [
        ("qwen3_5_9b", 8, 32_768),  # llmfit #203, #951, LMCache #3080, vLLM #37124: 32 layers
        ("qwen3_5_35b_a3b", 10, 20_480),  # lilbee #721: 40 layers
        ("qwen3_next_80b_a3b", 12, 24_576),  # TensorRT-LLM #9072, inference-sim #1557: 48 layers
        ("nemotron_h_8b", 4, 16_384),  # TensorRT-LLM #5371: 52 layers
    ],
)
def test_case_14_15_16_17_keys_and_values_are_those_of_attention_layers(name, layers, token_bytes):
    model = MODELS[name].architecture
    assert count_kinds(model)["attention"] == layers
    assert cost(model).kv_cache_bytes == token_bytes
    assert cost(model).state_bytes > 10_000_000


def test_case_16_qwen_3_5_fits_where_its_real_cache_fits():
    """LMCache #3080, tokenspeed #194: 2·layers·heads·size was four times too much."""
    costs = cost(MODELS["qwen3_5_9b"].architecture)
    assert costs.kv_bytes(1 << 15) == 1 << 30
    assert costs.state_bytes == 51_511_296  # 49 MiB


def test_case_19_flops_count_gates_and_windows():
    """Megatron-Bridge #3029, #777, MaxText #2999: terms were missing."""
    attention = MODELS["qwen3_5_9b"].architecture.blocks["A"]
    gated = attention.training_flops(4096, 1000)
    plain = attention.model_copy(update={"gate": None}).training_flops(4096, 1000)
    assert gated - plain == 6 * 4096 * 16 * 256
    window = MODELS["gpt_oss_120b"].architecture.blocks["W"]
    core = 2 * 64 * (64 + 64)
    assert window.decode_flops(2880, 10_000) - window.decode_flops(2880, 1000) == 0
    assert window.decode_flops(2880, 100) - window.decode_flops(2880, 99) == core


def test_case_19_flops_count_latents_and_delta_nets():
    """Megatron-Bridge #3029, #777: the same for experts of a latent width and for states."""
    mixture = MODELS["nemotron_3_nano_30b_a3b"].architecture.blocks["E"]
    latent = mixture.model_copy(update={"latent": 1024})
    routed = 6 * 2 * mixture.top * mixture.hidden  # of one channel: up and down, both ways
    saved = routed * (2688 - 1024) - 6 * 2 * 2688 * 1024
    assert mixture.training_flops(2688, 1) - latent.training_flops(2688, 1) == saved
    net = MODELS["qwen3_next_80b_a3b"].architecture.blocks["G"]
    more = net.model_copy(update={"value_dim": 2 * net.value_dim})
    added = more.training_flops(2048, 1) - net.training_flops(2048, 1)
    linear, convolution, state = 3 * 2048, net.conv, 7 / 2 * net.key_dim
    # z and the output are projections as well as the values; only the values are convolved.
    assert added == 6 * 32 * 128 * (linear + convolution + state)


def test_case_20_the_inner_width_of_mamba2_comes_from_its_heads():
    """Megatron-LM's flops.py takes twice the width: 5376 in place of 64 heads of 64."""
    model = MODELS["nemotron_3_nano_30b_a3b"].architecture
    assert (model.width, model.blocks["Mb"].inner) == (2688, 4096)


def test_case_21_flops_of_mamba2_are_a_sum_of_terms():
    """zcookbook #1, mamba #817, #310, #110, #394: a factor too many, unclear letters.

    The sum is by layer, from the shapes of Nemotron-H 8B: 128 heads of 64, state 128, 8 groups.
    """
    mamba = MODELS["nemotron_h_8b"].architecture.blocks["Mb"]
    inner, states = 128 * 64, 2 * 8 * 128
    projections = 4096 * (2 * inner + states + 128) + inner * 4096
    convolution = (inner + states) * 4
    scan = inner * 128
    found = mamba.training_flops(4096, 8192)
    assert found == 3 * (2 * projections + 2 * convolution + 4 * scan)
    found = mamba.training_flops(4096, 8192, "megatron")
    assert found == 3 * (2 * projections + 7 * scan)


GEMMA_4 = {
    "model_type": "gemma4_text", "hidden_size": 1024, "num_attention_heads": 8, "head_dim": 256,
    "num_key_value_heads": 8, "num_hidden_layers": 6, "hidden_size_per_layer_input": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    "sizes",
    [
        {"per_layer_config": {"05": {"head_dim": 512, "num_key_value_heads": 1}}},
        {"global_head_dim": 512, "num_global_key_value_heads": 1, "attention_k_eq_v": True},
    ],
)
def test_case_23_heads_of_gemma_4_have_sizes_by_kind_of_layer(sizes):
    """vLLM #48432, #44494, #52206: matrices of one head size for all layers did not fit."""
    model = read_content({**GEMMA_4, **sizes}).architecture
    assert model.pattern == "5×(W-M)-A-M"
    full, near = model.blocks["A"], model.blocks["W"]
    assert (full.head_dim, full.kv_heads, full.rotary) == (512, 1, 0.25)
    assert (near.head_dim, near.kv_heads, near.window) == (256, 8, 512)
    assert cost(model).kv_bytes(4096) == 2 * (2 * 512 * 4096 + 5 * 2 * 8 * 256 * 512)


def test_case_25_dimensions_that_do_not_give_the_published_total_are_seen():
    """torchtitan #4482: 32 layers of 4096 for a model of 52 layers of 2688."""
    model = MODELS["nemotron_3_nano_30b_a3b"]
    assert (model.architecture.depth, model.architecture.width) == (52, 2688)
    other = changed(
        model.name,
        hidden_size=4096,
        hybrid_override_pattern=model.config["hybrid_override_pattern"][:32],
    )
    assert cost(other.architecture).total_parameters != model.total


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("qwen3_next_80b_a3b", "gated_delta_net"),
        ("granite_4_0_h_small", "mamba2"),
        ("jamba_v0_1", "mamba1"),
        ("minimax_text_01", "linear_attention"),
    ],
)
def test_case_27_what_linear_attention_means_depends_on_the_model_type(name, kind):
    """transformers #46738, prismaquant #80, #276: one word for four kinds of layers."""
    assert kind in count_kinds(MODELS[name].architecture)


def test_case_28_olmo_3_scales_positions_on_full_layers_only():
    """transformers #45945."""
    blocks = MODELS["olmo_3_7b"].architecture.blocks
    assert (blocks["A"].rope_scaling, blocks["W"].rope_scaling) == ("yarn", None)
    assert blocks["A"].rope == blocks["W"].rope == 500_000


def test_case_29_and_30_five_windows_to_one_full_layer_are_a_pattern():
    """litgpt #1972, #1995, llm-compressor #2260, flash-linear-attention #1051, #153."""
    model = MODELS["gemma_3_12b"].architecture
    assert model.pattern == "8×(5×(W-M)-A-M)"
    assert (model.blocks["W"].window, model.blocks["A"].window) == (1024, None)
    assert (model.blocks["W"].rope, model.blocks["A"].rope) == (10_000, 1_000_000)


def golf(blocks, layers):
    return aira_dsl.parse(f"architecture golf {{\n width 64\n {blocks}\n layers {layers}\n}}")


def test_case_31_delta_nets_windows_and_a_shared_window_in_one_line():
    """parameter-golf #1563, #1545: `[GDN×5] → SWA → [GDN×5] → SWA_shared`, read, counted, built."""
    net = "block G = gated_delta_net { key_heads 2, value_heads 2, key_dim 16, value_dim 16 }"
    window = "block W = attention { heads 4, window 8, tied true }"
    model = golf(f"{net}\n {window}", "2×(5G-W)")
    assert count_kinds(model) == {"gated_delta_net": 10, "attention": 2}
    assert cost(model).kv_bytes(4096) == 2 * 8 * 2 * 2 * 64  # a cache for each use
    apart = golf(f"{net}\n {window.replace(', tied true', '')}", "2×(5G-W)")
    one = 4 * 64 * 64 + 64  # projections and the norm
    assert cost(apart).total_parameters - cost(model).total_parameters == one
    built = aira_dsl.build(model, seed=0)
    assert sum(each.numel() for each in built.parameters()) == cost(model).total_parameters
    assert built(torch.zeros(1, 16, dtype=torch.long)).shape == (1, 16, 256)


def test_case_31_attention_and_a_state_space_side_by_side():
    """parameter-golf #599, #1107: blocks of Hymba."""
    blocks = "block A = attention { heads 4 }; block S = mamba2 { inner 64, head_dim 16, state 8 }"
    model = golf(f"{blocks}; block M = mlp", "3×((A|S)-M)")
    costs, built = cost(model), aira_dsl.build(model, seed=0)
    assert sum(each.numel() for each in built.parameters()) == costs.total_parameters
    assert (costs.kv_cache_bytes, costs.state_bytes > 0) == (3 * 2 * 2 * 64, True)


def test_case_31_the_line_as_it_was_written_says_how_to_write_it():
    for layers, message in [("5G → W", "layers are joined by `-`"), ("[5G]-W", "has no brackets")]:
        with pytest.raises(aira_dsl.ArchitectureError, match=message):
            golf("block G = gated_delta_net; block W = attention { heads 4 }", layers)
