"""Every example: it is right, canonical, and costs what the paper says (`pytest -s` prints it)."""

from collections import Counter
from fractions import Fraction
from itertools import groupby
from math import floor
from pathlib import Path

import pytest

import aira_dsl
from aira_dsl.language import expand_pattern, load_space
from aira_dsl.scaling import SIZES, sized
from benchmarks import paper_tables

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "examples").rglob("*.arch"))
PAPER = ROOT / "examples" / "paper"
ROWS = list(paper_tables.rows())

# Designs that recall nothing, or only a window, at long contexts: what the warning is for.
SUSPICIOUS = {"airahybrid_a_stretched", "mamba", "mistral_7b"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_is_right_and_canonical(path):
    text = path.read_text(encoding="utf-8")
    found = {each.code for each in aira_dsl.check(text, file=path)}
    assert found == ({"W0205"} if path.stem in SUSPICIOUS else set())
    assert aira_dsl.format_text(text, file=path) == text
    space = load_space(path)
    if space.layers is not None:
        design = aira_dsl.load(path)
        assert aira_dsl.parse(aira_dsl.to_text(design)) == design
        for name in design.scales:
            assert aira_dsl.cost(design.at(name)).parameters > 0


def test_the_fourteen_designs_and_their_baselines_are_there():
    names = {path.stem for path in PAPER.glob("*.arch")}
    assert set(paper_tables.COUNTS) | {"jamba_period"} == names - {
        "two_primitives", "three_primitives",
    }  # fmt: skip
    assert sum(name.startswith("aira") for name in names) == 14
    for name in paper_tables.COUNTS:
        assert tuple(aira_dsl.load(PAPER / f"{name}.arch").scales) == paper_tables.SIZES


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.size}")
def test_counts_are_the_papers(row):
    if row.printed is None:
        assert row.note
    else:
        assert row.counts == row.printed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.size}")
def test_parameters_differ_from_the_papers_formula_by_what_it_leaves_out(row):
    assert row.parameters - row.formula == row.left_out
    assert row.left_out < 0.0005 * row.formula
    if row.size == "1b" and row.name in paper_tables.AT_1B:
        billions, gigaflops = paper_tables.AT_1B[row.name]
        assert round(row.formula / 1e9, 2) == billions
        assert row.flops / 1e9 == pytest.approx(gigaflops, abs=0.006)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.size}")
def test_flops_follow_the_papers_formula(row):
    model = aira_dsl.load(PAPER / f"{row.name}.arch").at(row.size)
    assert row.flops == sum(paper_tables.layer_flops(model, each) for each in model.layers)
    if row.size == "1b" and row.name in paper_tables.STEPS_AT_1B:
        printed = paper_tables.STEPS_AT_1B[row.name]
        assert row.note or abs(row.steps - printed) <= 1


def test_one_layer_of_each_kind_at_1b():
    model = aira_dsl.load(PAPER / "airahybrid_d_stretched.arch").at("1b")
    for block in model.blocks.values():
        flops = block.training_flops(model.width, model.context)
        assert flops == paper_tables.LAYER_FLOPS[block.kind]
        assert flops != paper_tables.MISPRINTED.get(block.kind)


def test_real_modules_have_as_many_parameters():
    """The formulas against PyTorch modules on the meta device, at 3B."""
    for name in ("airahybrid_d_stretched", "llama_3_2"):
        model = aira_dsl.load(PAPER / f"{name}.arch").at("3b")
        built = aira_dsl.build(model, device="meta")
        real = sum(parameter.numel() for parameter in built.parameters())
        assert real == aira_dsl.cost(model).total_parameters


def fit(base, counts):
    """Scale each kind's runs in proportion, largest remainders first, as rebuilt patterns are."""
    runs = [(name, len(list(group))) for name, group in groupby(base)]
    total, lengths = Counter(base), [0] * len(runs)
    for kind, wanted in counts.items():
        shares = {
            i: Fraction(wanted * length, total[kind])
            for i, (name, length) in enumerate(runs)
            if name == kind
        }
        for i, share in shares.items():
            lengths[i] = floor(share)
        left = wanted - sum(map(floor, shares.values()))
        for i in sorted(shares, key=lambda i: (floor(shares[i]) - shares[i], i))[:left]:
            lengths[i] += 1
    return tuple(name for (name, _), n in zip(runs, lengths, strict=True) for _ in range(n))


@pytest.mark.parametrize("size", ["350m", "3b"])
@pytest.mark.parametrize(
    "name", ["airaformer_a_stretched", "airaformer_c_stretched", "airaformer_d_stretched"]
)
def test_rebuilt_patterns_follow_their_rule(name, size):
    design = aira_dsl.load(PAPER / f"{name}.arch")
    a, m, _ = paper_tables.COUNTS[name][paper_tables.SIZES.index(size)]
    assert design.at(size).layers == fit(design.layers, {"A": a, "M": m})


def test_the_sizes_of_the_command_are_those_of_the_files():
    for dimensions, names in (("two", "AM"), ("three", ["A", "M", "Mb"])):
        space = load_space(PAPER / f"{dimensions}_primitives.arch")
        design = space.architecture(tuple(names))
        for size in SIZES:
            scale = sized(design, size).replace(extrapolate=None, parameters=None)
            assert scale == space.scales[size]


def test_bases_are_the_papers():
    """§2.2: the strings as printed there, expanded."""
    for name, printed in {
        "airaformer_a_stretched": "(A+M)+(2A+2M)+4×(A+M)+2M",
        "airaformer_b_stacked": "2A+5×(A+M)+4M",
        "airaformer_c_stretched": "(2A+M)+3×(A+M)+(2A+M)+4A",
        "airaformer_d_stacked": "5×(2A+M)+A",
        "airahybrid_a_stretched": "2Mb+M+11Mb+2M",
        "airahybrid_b_stacked": "3×(2Mb+M+A)+2Mb+2M",
        "airahybrid_c_stretched": "2Mb+A+2×(Mb+A)+M+2×(A+Mb+A+M)",
        "airahybrid_d_stretched": "2Mb+M+2×(Mb+M)+A+M+Mb+M+A+M+Mb+M+A",
        "airahybrid_e_stacked": "5×(Mb+M+A)+M",
    }.items():
        design = aira_dsl.load(PAPER / f"{name}.arch")
        assert design.layers == expand_pattern(printed, ["A", "M", "Mb"])
        assert design.depth == 16


def test_the_comparison_is_printed(capsys):
    paper_tables.main()
    printed = capsys.readouterr().out
    with capsys.disabled():
        print(f"\n{printed}")
    assert len(printed.splitlines()) == 1 + len(ROWS) + 6, printed
    assert "264,241,152" in printed
    assert "263,192,576" in printed
