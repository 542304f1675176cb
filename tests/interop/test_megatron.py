"""Megatron-LM's pattern and arguments, both ways, and what they cannot express."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.errors import InputError, UsageError
from aira_dsl.interop.families.megatron import to_megatron
from aira_dsl.interop.families.megatron_arguments import from_megatron
from aira_dsl.interop.importers import read as read_importer
from aira_dsl.primitives import MLP, Attention, Mamba2, MoE

BLOCKS = {
    "A": Attention(heads=8, kv_heads=2),
    "M": MLP(hidden=300, activation="swiglu"),
    "S": Mamba2(inner=256, state=16, groups=2),
}
NEMOTRON_8B = "M-M-M--M-M*-M-M-M-M--M*-M-M-M-M-M*--M-M-M-M-M*-M--M-M-M-"
BASE = (
    "--hybrid-layer-pattern M* --hidden-size 64 --num-attention-heads 4 --normalization RMSNorm "
    "--disable-bias-linear --position-embedding-type rope --vocab-size 256 --seq-length 128 "
    "--mamba-num-groups 1 "
)


def model(layers, **changes):
    return Architecture(blocks=BLOCKS, layers=tuple(layers), **changes)


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from("AMS"), min_size=1, max_size=60),
    st.booleans(),
    st.sampled_from(["swiglu", "relu2", "gelu"]),
    st.sampled_from([None, 10_000.0, 500_000.0]),
    st.integers(1, 100_000),
)
def test_exported_arguments_are_read_back(layers, tied, activation, rope, vocab):
    blocks = {
        **BLOCKS,
        "A": Attention(heads=8, kv_heads=2, head_dim=12, rope=rope),
        "M": MLP(hidden=300, activation=activation),
    }
    original = Architecture(
        blocks=blocks, layers=tuple(layers), vocab=vocab, context=99, tie_embeddings=tied,
        norm_eps=1e-6,
    )  # fmt: skip
    assert from_megatron(to_megatron(original)).fingerprint == original.fingerprint


def test_patterns_alone_take_dimensions_from_another_architecture():
    original = model("SMSMAM", width=64)
    assert from_megatron("M-M-*-", like=original).fingerprint == original.fingerprint


def test_megatron_arguments(snapshot):
    assert to_megatron(model("SMSMAM", tie_embeddings=True, context=4096)) == snapshot
    assert "--position-embedding-type none" in to_megatron(
        Architecture(blocks={"S": Mamba2()}, layers=("S",))
    )


def test_megatrons_own_example():
    """The 8B pattern of its documentation: 56 layers, 4 attention, 28 MLP, 24 Mamba-2."""
    found = from_megatron(f'"{NEMOTRON_8B}"')
    assert found.depth == 56
    assert [found.layers.count(name) for name in ("A", "M", "Mb")] == [4, 28, 24]


def test_layout_and_escapes_of_patterns_are_ignored():
    plain = from_megatron("M-M*M-")
    for written in ("M-|M*|M-", r"M-M\*M-", "'M-M*M-'", "[M-][M*]M-", " M-M* M- "):
        assert from_megatron(written) == plain


def test_arguments_as_shell_scripts_write_them():
    text = BASE.replace("--hidden-size 64", "\\\n  --hidden-size=64").replace("M*", r"M\*")
    read = from_megatron(f"{text} --lr 1e-4 --bf16 --rotary-base 500000 # a comment")
    assert (read.width, read.pattern, read.blocks["A"].rope) == (64, "Mb-A", 500_000.0)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("M|D*", "character 3 of the pattern, 'D', is sparse attention"),
        ("M?", "character 2 of the pattern, '?', is not a symbol of Megatron-LM"),
        ("", "the pattern has 0 layers, not 1 to 4,096"),
        ("|", "the pattern has 0 layers, not 1 to 4,096"),
        ("M" * 5000, "the pattern has 5,000 layers, not 1 to 4,096"),
    ],
)
def test_patterns_that_cannot_be_read(pattern, message):
    with pytest.raises(InputError) as caught:
        from_megatron(pattern)
    assert caught.value.message == message
    assert caught.value.code == "E0520"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--normalization LayerNorm", '--normalization "LayerNorm" (LayerNorm)'),
        ("--window-size 128", "--window-size 128 (a sliding window)"),
        ("--qk-layernorm", "--qk-layernorm true"),
        ("--add-qkv-bias", "--add-qkv-bias true (biases)"),
        ("--moe-router-fusion", "--moe-router-fusion true (unknown setting)"),
        ("--position-embedding-type learned_absolute", "positions other than rope and none"),
        ("--hybrid-override-pattern M-", "settings disagree: --hybrid-layer-pattern"),
        ("--hidden-size wide", '--hidden-size is "wide", not a whole number'),
        ("--num-attention-heads 5", "--num-attention-heads: width 64 is not divisible"),
        ("--seq-length 'unclosed", "the arguments cannot be read: No closing quotation"),
    ],
)
def test_arguments_that_cannot_be_expressed(arguments, words):
    with pytest.raises(InputError) as caught:
        from_megatron(BASE + arguments)
    assert words in caught.value.message
    assert caught.value.code == "E0520"


def test_pipes_experts_delta_nets_and_modules_of_a_pattern():
    """Megatron-Bridge #4129, #4107: `/` and `|` were left in the layers of exports."""
    read = read_importer("M*M*|M-M*/*E/*E", "megatron")
    assert read.architecture.pattern == "2×(Mb-A)-Mb-M-Mb-A"
    assert read.architecture.mtp == ("A", "E")
    assert "of 2 modules for multi-token prediction one is written" in read.notes
    kinds = [block.kind for block in from_megatron("[GE]+E").blocks.values()]
    assert kinds == ["moe", "gated_delta_net", "mla"]


def test_multi_token_prediction_is_written_after_a_slash():
    original = model("SMSMAM", mtp=("A", "M"))
    assert '--hybrid-layer-pattern "M-M-*-/*-"' in to_megatron(original)
    assert from_megatron(to_megatron(original)).fingerprint == original.fingerprint


def test_arguments_of_experts():
    text = BASE.replace("M*", "M*E") + (
        "--num-experts 16 --moe-router-topk 4 --moe-ffn-hidden-size 24 --squared-relu "
        "--moe-router-score-function sigmoid --moe-router-enable-expert-bias "
        "--moe-shared-expert-intermediate-size 48 --moe-router-topk-scaling-factor 2.5"
    )
    assert from_megatron(text).blocks["E"] == MoE(
        experts=16, top=4, hidden=24, activation="relu2", router="sigmoid", correction_bias=True,
        shared=48, scale=2.5,
    )  # fmt: skip


def test_arguments_of_other_layers_are_not_read():
    with pytest.raises(InputError, match="arguments of gated_delta_net layers are not read"):
        from_megatron(BASE.replace("M*", "MG"))


def test_a_pattern_needs_one_block_of_each_kind():
    space = SpaceDefinition(blocks={"A": Attention(), "B": Attention(heads=8)}, slots=4)
    for pattern, words in (("*", "several attention blocks (A, B)"), ("M", "no mamba2 block")):
        with pytest.raises(InputError, match="the pattern needs one") as caught:
            from_megatron(pattern, like=space)
        assert words in caught.value.message


def test_arguments_and_like_exclude_each_other():
    with pytest.raises(UsageError, match="E0523"):
        from_megatron(BASE, like=model("AS"))


def test_exports_that_cannot_be_expressed():
    blocks = {"M": MLP(activation="relu"), "N": MLP(hidden=9), "S": Mamba2(conv=3)}
    with pytest.raises(InputError) as caught:
        to_megatron(Architecture(blocks=blocks, layers=("M", "N", "S")))
    assert caught.value.code == "E0510"
    assert caught.value.message == (
        "Megatron-LM cannot express model: its mlp layers differ (blocks M, N); "
        "its mlp uses relu, for which there is no flag; "
        "its mamba2 convolves over 3 tokens, and 4 is fixed there"
    )
