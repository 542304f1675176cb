"""Megatron-LM's pattern and arguments, both ways, and what they cannot express."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.errors import InputError, UsageError
from aira_dsl.interop.families.megatron import to_megatron
from aira_dsl.interop.families.megatron_arguments import from_megatron
from aira_dsl.interop.gallery import published_model
from aira_dsl.interop.importers import read as read_importer
from aira_dsl.primitives import MLA, MLP, Attention, Mamba2, MoE
from aira_dsl.primitives.gated_delta_net.spec import GatedDeltaNet

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
        ("MH+", "character 2 of the pattern, 'H', is sparse attention"),
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
        ("--linear-attention-freq 4", "--linear-attention-freq 4 (the pattern has the layers)"),
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the arguments have no --num-experts"),
        ("--num-experts 8 --moe-router-topk 1", "one expert needs --moe-router-pre-softmax"),
        ("--num-experts 8 --moe-router-score-function learned", "(another router)"),
        (
            "--num-experts 8 --moe-router-topk 4 --moe-router-num-groups 4 "
            "--moe-router-group-topk 2",
            "--moe-router-group-topk 2 (groups are chosen by the sum of 2 scores)",
        ),
    ],
)
def test_routers_that_cannot_be_expressed(arguments, message):
    with pytest.raises(InputError) as caught:
        from_megatron(f"{BASE.replace('M*', 'ME')} {arguments}")
    assert message in caught.value.message.replace("the config has", "the arguments have")


def test_latent_attention_of_arguments_has_no_norms():
    with pytest.raises(InputError, match="has no norms of its latents"):
        from_megatron(BASE.replace("M*", "M+"))


CHOSEN = [
    MoE(experts=16, top=4, hidden=24, router="sigmoid", correction_bias=True, scale=2.446),
    MoE(experts=16, top=4, hidden=24, router="sigmoid", groups=4, top_groups=2, latent=12),
    MoE(experts=16, top=2, hidden=24, groups=4, top_groups=2, shared=40, shared_gate=True),
    MoE(experts=16, top=2, hidden=24, renormalize=False),
    MoE(experts=16, top=1, hidden=24, router="sigmoid", renormalize=False),
]


@pytest.mark.parametrize("experts", CHOSEN)
@pytest.mark.parametrize("activation", ["swiglu", "relu2", "gelu"])
def test_experts_delta_nets_and_gates_are_read_back(experts, activation):
    blocks = {
        "E": experts.model_copy(update={"activation": activation}),
        "M": MLP(hidden=300, activation=activation),
        "G": GatedDeltaNet(key_heads=2, value_heads=6, key_dim=16, value_dim=24, conv=3),
        "A": Attention(heads=8, kv_heads=2, rotary=0.25, gate="element", bias="qkv"),
    }
    layers = tuple("GEGEAEGM")
    original = Architecture(blocks=blocks, layers=layers, mtp=("A", "E"), width=128)
    text = to_megatron(original)
    assert '--hybrid-layer-pattern "GEGE*EG-/*E"' in text
    assert from_megatron(text).fingerprint == original.fingerprint


def test_softmax_over_the_chosen_is_read_back_as_softmax_over_all():
    """The weights are equal: exp(l_e) over the sum of exp of the chosen."""
    chosen = MoE(router="topk_softmax")
    original = Architecture(blocks={"E": chosen}, layers=("E",))
    assert from_megatron(to_megatron(original)).blocks["E"] == MoE(router="softmax")


def test_a_qwen3_next_as_arguments_but_for_its_norms():
    """`*` of Megatron-LM's hybrid models does not normalize queries and keys."""
    published = published_model("qwen3_next_80b_a3b").architecture
    with pytest.raises(InputError) as caught:
        to_megatron(published)
    name = "Megatron-LM cannot express qwen3_next_80b_a3b: "
    assert caught.value.message == f"{name}its attention has qk_norm head"
    plain = published.blocks["A"].model_copy(update={"qk_norm": None})
    changed = published.model_copy(update={"blocks": {**published.blocks, "A": plain}})
    assert from_megatron(to_megatron(changed)).fingerprint == changed.fingerprint


def test_a_pattern_needs_one_block_of_each_kind():
    space = SpaceDefinition(blocks={"A": Attention(), "B": Attention(heads=8)}, slots=4)
    for pattern, words in (("*", "several attention blocks (A, B)"), ("M", "no mamba2 block")):
        with pytest.raises(InputError, match="the pattern needs one") as caught:
            from_megatron(pattern, like=space)
        assert words in caught.value.message


def test_arguments_and_like_exclude_each_other():
    with pytest.raises(UsageError, match="E0523"):
        from_megatron(BASE, like=model("AS"))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (MLA(), "it has mla layers"),
        (Attention(gate="head"), "its attention has gate head"),
        (Attention(bias="all"), "its attention has bias all"),
        (Attention(window=9), "its attention has window 9"),
        (MoE(bias=True), "its moe has bias true"),
        (MoE(activation="relu"), "its moe uses relu, for which there is no flag"),
        (MoE(top=1), "its moe has router softmax, top 1, renormalize true"),
        (MoE(router="sigmoid", renormalize=False), "router sigmoid, top 2, renormalize false"),
        (MoE(router="sigmoid_input"), "its moe has router sigmoid_input"),
        (MoE(correction_bias=True), "its moe has a correction bias with router softmax"),
        (MoE(groups=4, top_groups=1), "a group of its experts has the score of its best 1, not 2"),
        (GatedDeltaNet(negative_eigenvalues=True), "has negative_eigenvalues true"),
        (GatedDeltaNet(norm_eps=1e-6), "its gated_delta_net has norm_eps 1e-06"),
    ],
)
def test_what_a_block_has_in_excess(block, reason):
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        to_megatron(Architecture(blocks={"X": block}, layers=("X",)))
    assert caught.value.code == "E0510"


def test_exports_name_two_activations():
    blocks = {"M": MLP(activation="gelu"), "E": MoE()}
    with pytest.raises(InputError, match="its mlp uses gelu and its experts swiglu"):
        to_megatron(Architecture(blocks=blocks, layers=("M", "E")))


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
