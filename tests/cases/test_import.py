"""Published configs and common Megatron-LM arguments: read exactly, or refused by name."""

import json
from pathlib import Path

import pytest

import aira_dsl
from tests.helpers.command_line import run

INPUTS = Path(__file__).parent / "import"


def refusal(*arguments):
    done = run("import", *arguments)
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("error[E052")
    return done.err


@pytest.mark.parametrize(
    ("name", "parameters", "kv_bytes"),  # as counted by transformers 5.23
    [
        ("nemotron_h_4b", 3_973_556_832, 16_384),
        ("nemotron_h_8b", 8_100_852_736, 16_384),
        ("nemotron_h_9b", 8_888_227_328, 16_384),
        ("nemotron_h_conv_bias", 8_100_606_976, 16_384),
    ],
)
@pytest.mark.parametrize("form", [(), ("nemotron_h",)], ids=["recognized", "named"])
def test_nemotron_h_has_the_published_number_of_parameters(form, name, parameters, kv_bytes):
    done = run("import", *form, INPUTS / f"{name}.json")
    assert (done.code, done.err) == (0, "")
    read = aira_dsl.parse(done.out)
    assert aira_dsl.cost(read).total_parameters == parameters
    assert aira_dsl.cost(read).kv_cache_bytes == kv_bytes  # of a token, in bfloat16


@pytest.mark.parametrize(
    ("name", "parameters"),  # as counted by transformers 5.23
    [("mamba2", 7_285_403_648), ("jamba", 51_570_323_328), ("lfm2", 1_908_669_440)],
)
def test_state_spaces_and_convolutions_have_the_published_number_of_parameters(name, parameters):
    done = run("import", INPUTS / f"{name}.json")
    assert done.code == 0, done.err
    assert aira_dsl.cost(aira_dsl.parse(done.out)).total_parameters == parameters


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nemotron_h_activation", ['mamba_hidden_act "gelu"']),
        ("text_for_a_number", ['num_attention_heads is "32", not a whole number']),
        ("olmo_core_bias", ["bias true", "block.a.sequence_mixer, block.a.feed_forward"]),
        ("olmo_core_delta_net", ["GatedDeltaNetConfig", "block.gdn.sequence_mixer"]),
        ("olmo_core_experiment", ["GatedDeltaNetConfig", "model.block.gdn.sequence_mixer"]),
        ("olmo_core_gate", ['gate {"granularity": "elementwise"}']),
        ("olmo_core_post_norm", ['name "reordered_norm"', "qk_norm"]),
        ("olmo_core_window", ["sliding_window", "qk_norm", "reordered_norm"]),
    ],
)
def test_what_the_language_cannot_express_is_named(name, words):
    message = refusal(INPUTS / f"{name}.json")
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"model_type": "starcoder2", "no_rope_layers": [1, 0]}, ""),  # `rope none` expresses it
        ({"model_type": "dbrx", "num_experts": 16, "kv_lora_rank": 512}, ""),  # moe, mla
        ({"model_type": "rwkv", "linear_attn_config": {"num_heads": 2}}, ""),  # kda
        ({"model_type": "phi", "sliding_window": 9, "hidden_act": "gelu"}, ""),
        ({"model_type": "zamba2", "num_mem_blocks": 2}, "its shared layers (num_mem_blocks 2)"),
        (
            {"model_type": "zamba2"},
            "its embedding beside the stream as the input",
        ),
        ({"model_type": "zamba2", "adapter_rank": 128}, "adapters of each use of shared layers"),
        ({"model_type": "zamba", "n_mamba_heads": 2}, "Mamba-1 with projections of each head"),
        ({"model_type": "gemma3n", "num_kv_shared_layers": 0}, ""),
    ],
)
def test_only_what_a_config_asks_for_is_named(change, lacks, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(change), encoding="utf-8")
    message = refusal(tmp_path)
    assert f"model_type {change['model_type']!r}" in message
    assert lacks in message
    assert ("the language cannot express" in message) == bool(lacks)


def test_a_model_type_in_other_letters_is_recognized(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "Llama"}', encoding="utf-8")
    assert "did you mean `llama`?" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["qwen3_next", "granitemoehybrid", "smollm3", "olmo_hybrid"])
def test_a_named_format_does_not_override_model_type(name):
    """`layer_types` of these models uses the words of NemotronH for other layers."""
    assert f"model_type {name!r}" in refusal("nemotron_h", INPUTS / f"{name}.json")


def without_qk_norm(name, tmp_path):
    text = (INPUTS / f"{name}.json").read_text(encoding="utf-8")
    start = text.index('"qk_norm"')
    while start >= 0:
        end = text.index("}", start)
        text = text[:start] + '"qk_norm": null' + text[end + 1 :]
        start = text.find('"qk_norm": {', start)
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected", "counted", "depth"),  # parameters by OLMo-core, with the norms of QK
    [
        ("olmo_core_tied", "tie_embeddings true", 6_331_272_960, 32),
        ("olmo_core_cycled", "7×(3×(l_A-l_M)-g_A-g_M)", 6_345_004_800, 30),
    ],
)
def test_olmo_core_configs_of_attention_are_read(name, expected, counted, depth, tmp_path):
    assert "qk_norm" in refusal(INPUTS / f"{name}.json")
    done = run("import", without_qk_norm(name, tmp_path))
    assert done.code == 0
    assert expected in done.out
    assert done.err == "note: context 256 is assumed: OLMo-core's model config has none\n"
    read = aira_dsl.parse(done.out)
    assert aira_dsl.cost(read).total_parameters == counted - depth * 2 * read.width


def test_megatron_arguments_have_their_own_dimensions():
    done = run("import", INPUTS / "megatron_arguments.txt")
    assert done.code == 0
    read = aira_dsl.parse(done.out)
    assert (read.width, read.pattern, read.tie_embeddings) == (4096, "Mb-M-Mb-A-M", False)
    assert (read.blocks["A"].heads, read.blocks["A"].kv_heads, read.blocks["A"].rope) == (
        32,
        8,
        None,
    )
    assert (read.blocks["M"].hidden, read.blocks["M"].activation) == (21504, "relu2")
    assert (read.blocks["Mb"].inner, read.blocks["Mb"].groups) == (8192, 8)
    assert "note: vocab 256 is assumed" in done.err


@pytest.mark.parametrize(
    ("name", "layers"),
    [("escaped", 28), ("pipes", 44), ("leading_mlp", 4)],
)
@pytest.mark.parametrize("as_file", [True, False], ids=["file", "argument"])
def test_megatron_patterns_as_scripts_write_them(as_file, name, layers):
    path = INPUTS / f"megatron_{name}.txt"
    done = run("import", "megatron", path if as_file else path.read_text(encoding="utf-8").strip())
    assert done.code == 0, done.err
    assert aira_dsl.parse(done.out).depth == layers


@pytest.mark.parametrize("name", ["escaped", "pipes", "leading_mlp"])
def test_a_file_of_a_pattern_without_its_format_names_it(name):
    assert "`aira-dsl import megatron`" in refusal(INPUTS / f"megatron_{name}.txt")


@pytest.mark.parametrize("command", ["check", "show", "diff"])
def test_commands_take_configs_of_other_tools(command, tmp_path):
    """As a file, as a folder and as the standard input."""
    path = INPUTS / "nemotron_h_8b.json"
    (tmp_path / "Nemotron-H-8B").mkdir()
    (tmp_path / "Nemotron-H-8B" / "config.json").write_bytes(path.read_bytes())
    second = (path,) if command == "diff" else ()
    found = [run(command, each, *second) for each in (path, tmp_path / "Nemotron-H-8B")]
    found.append(run(command, "-", *second, stdin=path.read_bytes()))
    for done in found:
        assert (done.code, done.err) == (0, "")
    said = {"check": "52 layers", "show": "8,100,852,736", "diff": "mean the same model"}[command]
    assert [said in done.out for done in found] == [True] * 3
    named = {"check": "Nemotron-H-8B: ok", "show": "Nemotron_H_8B", "diff": "Nemotron_H_8B"}
    assert named[command] in found[1].out


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_config_that_cannot_be_expressed_gets_one_message(command):
    done = run(command, INPUTS / "olmo_core_tied.json")
    assert done.code == 1
    assert (done.out + done.err).count("error[") == 1
    assert "E0520" in done.out + done.err
    assert "qk_norm" in done.out + done.err
