"""The arrangement space against brute force and against independent arithmetic."""

import itertools
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import AS_WRITTEN, SpaceDefinition, cost
from aira_dsl.architecture.record import costs_json
from aira_dsl.errors import InputError
from aira_dsl.language import load_space
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.moe.spec import MoE
from aira_dsl.primitives.registry import Block
from aira_dsl.space import Constraint, Space
from aira_dsl.space.quantities import QUANTITIES

EXAMPLES = Path(__file__).parents[2] / "examples"
BLOCKS = {"A": Attention(), "M": MLP(), "Mb": Mamba2()}


def make(slots: int, names: str = "A M Mb") -> Space:
    blocks = {name: BLOCKS[name] for name in names.split()}
    return Space(SpaceDefinition(name="test", blocks=blocks, slots=slots))


@pytest.mark.parametrize(
    ("slots", "names", "size"),
    [(16, "A M", 65_536), (16, "A M Mb", 43_046_721), (6, "A M Mb", 729)],
)
def test_sizes_of_the_papers_spaces(slots: int, names: str, size: int) -> None:
    space = make(slots, names)
    assert space.size == space.count == size


def test_default_is_the_papers_three_primitive_space() -> None:
    space = Space.default()
    assert space.size == 3**16
    assert [block.kind for block in space.definition.blocks.values()] == [
        "attention",
        "mlp",
        "mamba2",
    ]


def test_index_enumerates_in_lexicographic_order() -> None:
    space = make(4)
    expected = list(itertools.product(space.names, repeat=4))
    assert [space.layers(index) for index in range(space.size)] == expected
    assert [space.index(layers) for layers in expected] == list(range(space.size))


@given(st.integers(1, 40), st.data())
def test_index_and_layers_are_inverse_at_any_depth(slots: int, data: st.DataObject) -> None:
    space = make(slots)
    index = data.draw(st.integers(0, space.size - 1))
    assert space.index(space.layers(index)) == index


@pytest.mark.parametrize("slots", [6, 16, 60])  # 3^60 does not fit 64 bits
def test_batched_ranking_agrees_with_single_ranking(slots: int) -> None:
    space = make(slots)
    rng = random.Random(0)
    indices = [rng.randrange(space.size) for _ in range(50)]
    array = np.array(indices, dtype=np.int64 if slots < 40 else object)
    digits = space.digits(array)
    assert [tuple(space.names[d] for d in row) for row in digits] == list(
        map(space.layers, indices)
    )
    assert list(space.indices(digits)) == indices


def test_a_million_arrangements_are_ranked_and_unranked_in_two_seconds() -> None:
    space = Space.default()
    indices = np.random.default_rng(0).integers(space.size, size=1_000_000)
    started = time.process_time()
    assert (space.indices(space.digits(indices)) == indices).all()
    assert time.process_time() - started < 2


@pytest.mark.parametrize("index", [-1, 3**6])
def test_index_outside_is_refused(index: int) -> None:
    with pytest.raises(InputError, match="outside") as caught:
        make(6).layers(index)
    assert caught.value.code == "E0405"


def test_wrong_depth_and_unknown_block_are_refused() -> None:
    for layers in (["A"] * 5, ["A"] * 5 + ["X"]):
        with pytest.raises(InputError) as caught:
            make(6).architecture(layers)
        assert caught.value.code == "E0401"


def test_neighbours_are_those_at_hamming_distance_one() -> None:
    space = make(4)
    everything = itertools.product(space.names, repeat=4)
    start = ("A", "M", "A", "Mb")
    expected = {o for o in everything if sum(a != b for a, b in zip(o, start, strict=True)) == 1}
    found = list(space.neighbours(start))
    assert set(found) == expected
    assert len(found) == len(expected) == 8


CONSTRAINTS = [
    ("A<=2",),
    ("A<=1", "M>=2"),
    ("Mb==0",),
    ("parameters<=390_000",),
    ("flops<3.9e6", "A>0"),
    ("kv_cache<=1024",),
    ("state>4000", "state<9000"),
]


@pytest.mark.parametrize("rules", CONSTRAINTS)
def test_counting_under_constraints_equals_brute_force(rules: tuple[str, ...]) -> None:
    """Brute force costs every arrangement as a whole, never block by block."""
    space = make(6)
    allowed = set()
    for layers in itertools.product(space.names, repeat=6):
        costs = cost(space.architecture(layers))
        facts = Counter(layers) | {
            "parameters": costs.parameters,
            "flops": costs.training_flops,
            "kv_cache": costs.kv_cache_bytes,
            "state": costs.state_bytes,
        }
        names = {name: facts.get(name, 0) for name in ("A", "M", "Mb", *facts)}
        if all(eval(rule, {}, names) for rule in rules):
            allowed.add(layers)
    narrowed = space.where(*rules)
    assert 0 < len(allowed) < space.size
    assert narrowed.count == len(allowed)
    assert {o for o in itertools.product(space.names, repeat=6) if narrowed.allows(o)} == allowed
    assert set(narrowed.sample(len(allowed), seed=0)) == allowed


def costs_in_json(space: Space, layers: tuple[str, ...]) -> dict[str, int]:
    """Return the costs of an arrangement as `show --format json` prints them."""
    found = costs_json(space.architecture(layers), AS_WRITTEN)
    return {quantity: found[each.key] for quantity, each in QUANTITIES.items()}


WINDOWS = st.sampled_from([None, 1, 100, 256, 1000])
MENU = st.lists(
    st.one_of(
        st.builds(Attention, window=WINDOWS, kv_heads=st.sampled_from([4, 16]), tied=st.booleans()),
        st.builds(MoE, experts=st.just(4), top=st.integers(1, 4), tied=st.booleans()),
        st.builds(Mamba2, state=st.sampled_from([4, 16]), tied=st.booleans()),
        st.builds(MLP, tied=st.booleans()),
    ),
    min_size=2,
    max_size=3,
)


@settings(max_examples=25)
@given(MENU, st.sampled_from(sorted(QUANTITIES)), st.integers(0, 80), st.booleans())
def test_every_quantity_counts_exactly_with_windows_experts_and_tied_blocks(
    blocks: list[Block], quantity: str, chosen: int, tie: bool
) -> None:
    named = {f"B{i}": block for i, block in enumerate(blocks)}
    definition = SpaceDefinition(name="menu", blocks=named, slots=4, tie_embeddings=tie)
    space = Space(definition)
    costs = {
        layers: costs_in_json(space, layers)[quantity]
        for layers in itertools.product(space.names, repeat=4)
    }
    bound = list(costs.values())[chosen % len(costs)]  # so that the bound itself is met
    allowed = {layers for layers, value in costs.items() if value <= bound}
    narrowed = space.where(f"{quantity}<={bound}")
    assert narrowed.count == len(allowed)
    assert {layers for layers in costs if narrowed.allows(layers)} == allowed
    assert set(narrowed.sample(len(allowed), seed=0)) == allowed


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("kv<=512M", "kv<=536870912"),
        ("state<1.5k", "state<1536"),
        ("kv_cache>=2G", "kv_cache>=2147483648"),
        ("active<=1.5B", "active<=1500000000"),
        ("flops<3.9e6", "flops<3900000"),
        ("kv_bytes<=1k", "kv<=1024"),
        ("active_parameters<=20M", "active<=20000000"),
        ("parameters<=9007199254740993", "parameters<=9007199254740993"),
    ],
)
def test_bounds_have_units_and_quantities_the_names_of_json(text: str, same: str) -> None:
    assert str(Constraint.parse(text, ())) == same
    assert Constraint.parse(same, ()) == Constraint.parse(text, ())


def test_a_block_with_the_name_of_a_quantity_takes_its_place() -> None:
    named = {"kv": Attention(), "M": MLP()}
    space = Space(SpaceDefinition(name="named", blocks=named, slots=3))
    assert space.where("kv<=1").count == 4
    assert space.where("kv_cache<=1024", "kv==1").count == 3
    with pytest.raises(InputError, match="is not a number of kv"):
        space.where("kv<=1k")


def test_the_menu_of_hybrids_is_counted_under_a_bound_on_keys_and_values() -> None:
    space = Space(load_space(EXAMPLES / "hybrid_menu.arch"))
    kinds = {block.kind for block in space.definition.blocks.values()}
    assert {"gated_delta_net", "attention", "moe"} <= kinds
    tokens = {"A": space.definition.context, "W": 64}
    token_bytes = 2 * 2 * 16 * 2  # keys and values of two heads of 16 channels, in bfloat16
    kept = {name: token_bytes * tokens.get(name, 0) for name in space.names}
    every = itertools.product(space.names, repeat=space.slots)
    expected = sum(sum(map(kept.__getitem__, layers)) <= 64 << 10 for layers in every)
    assert 0 < expected < space.size
    assert space.where("kv<=64k").count == expected


def test_attention_count_under_constraint_equals_binomials() -> None:
    space = Space.default().where("A<=4")
    binomial = [1, 16, 120, 560, 1820]
    assert space.count == sum(b * 2 ** (16 - a) for a, b in enumerate(binomial))


@pytest.mark.parametrize("rules", [(), ("A<=2",)])
def test_sampling_is_uniform(rules: tuple[str, ...]) -> None:
    space = make(3).where(*rules)
    rng = random.Random(1)
    draws = 200 * space.count
    counts = Counter(space.draw(rng) for _ in range(draws))
    chi_square = sum((counts[o] - 200) ** 2 / 200 for o in counts)
    assert len(counts) == space.count
    assert chi_square < 2 * space.count  # the mean is count - 1; twice that is far in the tail


def test_samples_are_distinct_and_follow_the_seed() -> None:
    space = make(16)
    sample = space.sample(100, seed=3)
    assert len(set(sample)) == 100
    assert sample == space.sample(100, seed=3)
    assert sample != space.sample(100, seed=4)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("A", "E0402"),
        ("B<=1", "E0402"),
        ("A<=x", "E0402"),
        ("A>=17", "E0403"),
        ("A<=-1", "E0402"),
        ("A<=1k", "E0402"),
        ("kv<=1T", "E0402"),
        ("kv<=1e999", "E0402"),
        ("parameters<=0", "E0403"),
    ],
)
def test_bad_constraints_are_refused(rule: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        make(16).where(rule)
    assert caught.value.code == code


def test_more_samples_than_there_are_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        make(2).sample(10, seed=0)
    assert caught.value.code == "E0406"


def test_a_space_too_large_to_count_exactly_is_refused_at_once() -> None:
    blocks = {f"B{i}": MLP(hidden=i + 1) for i in range(30)}
    space = Space(SpaceDefinition(name="wide", blocks=blocks, slots=64))
    assert space.count == 30**64
    with pytest.raises(InputError) as caught:
        space.where("B0<=1")
    assert caught.value.code == "E0404"


def test_parameters_of_tied_blocks_are_counted_once() -> None:
    blocks: dict[str, Block] = {
        "A": Attention(heads=4, tied=True),
        "M": MLP(hidden=100),
        "T": MLP(hidden=300, tied=True, norm="sandwich"),
    }
    space = Space(SpaceDefinition(width=32, blocks=blocks, slots=5))
    every = [space.layers(index) for index in range(space.size)]
    sizes = [cost(space.architecture(layers)).parameters for layers in every]
    for bound in sorted(set(sizes)):
        expected = sum(size <= bound for size in sizes)
        assert space.where(f"parameters<={bound}").count == expected
