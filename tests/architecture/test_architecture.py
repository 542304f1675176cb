"""The value itself: identity, notation and costs against the paper's own numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aira_dsl.architecture import Architecture, SpaceDefinition, compress, cost
from aira_dsl.language import expand_pattern
from aira_dsl.models import build
from aira_dsl.primitives import MLP, Attention, Mamba2

BLOCKS = {"A": Attention(), "M": MLP(), "Mb": Mamba2()}
BASE = Architecture(blocks=BLOCKS, layers=("A", "M", "Mb"))


def test_defaults_are_the_papers_small_scale() -> None:
    assert BASE.width == 128
    assert BASE.blocks["A"] == Attention(heads=16, kv_heads=16, head_dim=8, rope=10_000)
    # Paper, small scale: the three primitives have about the same size.
    sizes = [BASE.blocks[name].parameters(128) for name in ("A", "M", "Mb")]
    assert sizes[:2] == [65_536, 66_048]
    assert abs(sizes[2] - 63_800) < 500


@pytest.mark.parametrize(
    "same",
    [
        BASE.replace(name="other"),
        Architecture(
            blocks={"x": Mamba2(), "y": MLP(), "z": Attention(), "unused": MLP(hidden=9)},
            layers=("z", "y", "x"),
        ),
        BASE.replace(blocks={**BLOCKS, "A": Attention(kv_heads=16, head_dim=8)}),
    ],
)
def test_the_fingerprint_does_not_depend_on_names_unused_blocks_or_spelt_out_defaults(
    same: Architecture,
) -> None:
    assert same.fingerprint == BASE.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace(layers=("M", "A", "Mb")),
        BASE.replace(layers=("A", "M", "Mb", "Mb")),
        BASE.replace(width=256),
        BASE.replace(vocab=257),
        BASE.replace(context=512),
        BASE.replace(tie_embeddings=True),
        BASE.replace(norm_eps=1e-6),
        BASE.replace(blocks={**BLOCKS, "A": Attention(rope=None)}),
        BASE.replace(blocks={**BLOCKS, "M": MLP(activation="relu2")}),
        BASE.replace(blocks={**BLOCKS, "Mb": Mamba2(state=8)}),
    ],
)
def test_the_fingerprint_depends_on_everything_that_is_computed(other: Architecture) -> None:
    assert other.fingerprint != BASE.fingerprint


def test_the_fingerprint_is_stable_over_releases() -> None:
    """Stores and studies of users hold it: changing it makes them worthless."""
    assert BASE.fingerprint == "0f083301eceef34a"


def test_a_copy_with_other_values_has_its_own_fingerprint_and_can_be_built() -> None:
    assert BASE.fingerprint  # cached from here on
    assert build(BASE, vocab=8, device="meta").architecture.vocab == 8
    assert BASE.replace(vocab=8).fingerprint != BASE.fingerprint


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": ()},
        {"layers": ("A", "X")},
        {"width": 0},
        {"width": True},
        {"blocks": {}},
        {"blocks": {"A": Attention(heads=7)}, "layers": ("A",)},
        {"blocks": {"A": Attention(kv_heads=3)}, "layers": ("A",)},
        {"blocks": {"Mb": Mamba2(inner=100, head_dim=32)}, "layers": ("Mb",)},
        {"layers": ("A",) * 5000},
        {"unknown": 1},
    ],
)
def test_values_that_break_a_rule_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BASE.replace(**wrong)


def test_a_space_definition_gives_its_members_its_dimensions() -> None:
    definition = SpaceDefinition(width=64, vocab=9, blocks=BLOCKS, slots=3)
    member = definition.architecture(("A", "M", "Mb"))
    assert member == Architecture(
        name="space", width=64, vocab=9, blocks=BLOCKS, layers=("A", "M", "Mb")
    )


@given(st.lists(st.sampled_from(["A", "M", "Mb"]), min_size=1, max_size=40))
def test_the_notation_reads_back_as_the_same_layers(layers: list[str]) -> None:
    text = compress(layers)
    assert expand_pattern(text, ("A", "M", "Mb")) == tuple(layers)
    assert len(text) <= len("-".join(layers))


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ("A A M " * 5 + "A", "5×(2A-M)-A"),
        ("A M " * 16, "16×(A-M)"),
        ("A " * 7, "7A"),
        ("Mb Mb M Mb M Mb M A M Mb M A M Mb M A", "2Mb-M-Mb-3×(M-Mb-M-A)"),
        ("Mb F " * 5 + "A F " + "Mb F " * 4, "5×(Mb-F)-A-F-4×(Mb-F)"),
        ("Mb Mb M A " * 3 + "Mb Mb M M", "3×(2Mb-M-A)-2Mb-2M"),
    ],
)
def test_the_notation_is_short(layers: str, text: str) -> None:
    assert compress(layers.split()) == text


# Paper, 1B scale: width 2048, 32 heads of 64 with 8 KV heads, SwiGLU 8192, SSM width 4096.
LARGE = {
    "A": Attention(heads=32, kv_heads=8, head_dim=64),
    "M": MLP(hidden=8192, activation="swiglu"),
    "Mb": Mamba2(inner=4096, state=128, head_dim=64),
}


@pytest.mark.parametrize(
    ("name", "flops"), [("A", 264_241_152), ("M", 301_989_888), ("Mb", 161_323_008)]
)
def test_training_flops_are_the_papers_at_1b(name: str, flops: int) -> None:
    """The formulas of the paper; its worked examples misprint A and Mb, its step tables do not."""
    model = Architecture(width=2048, context=8192, blocks=LARGE, layers=(name,))
    costs = cost(model)
    assert costs.training_flops == flops
    assert costs.forward_flops * 3 == flops


def test_steps_for_a_flop_budget_are_the_papers() -> None:
    """2e19 FLOPs at 524,288 tokens a step: the paper's step table for AIRAformer-A/B, C/D."""
    for layers, steps in ((("A",) * 14 + ("M",) * 18, 4176), (("A",) * 33 + ("M",) * 15, 2879)):
        model = Architecture(width=2048, context=8192, blocks=LARGE, layers=layers)
        assert abs(2e19 / (cost(model).training_flops * 524_288) - steps) < 1


def test_cache_and_state_are_counted_for_the_layers_that_have_them() -> None:
    per_token = {"A": 2 * 16 * 8, "M": 0, "Mb": 0}
    per_sequence = {"A": 0, "M": 0, "Mb": 160 * 4 * 4 + (160 + 8) * 3 * 2}  # float32, bfloat16
    for name in BLOCKS:
        costs = cost(BASE.replace(layers=(name, name)), element_bytes=2)
        assert costs.kv_cache_bytes == 2 * 2 * per_token[name]
        assert costs.state_bytes == 2 * per_sequence[name]
