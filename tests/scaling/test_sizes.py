"""The paper's sizes, and `aira-dsl extrapolate`."""

from pathlib import Path

import pytest

import aira_dsl
from aira_dsl.language import expand_pattern, parse
from aira_dsl.scaling import SIZES
from tests.helpers.command_line import run

BLOCKS = "block A = attention; block M = mlp"
COMPOSITE = f"architecture composite {{ {BLOCKS}; layers 2A-5M-2A-3M-A-3M }}\n"
SIX = f"architecture six {{ {BLOCKS}; layers 2A-4M }}\n"

# arXiv 2605.15871, Tables 9 to 11: the two baselines that follow one formula at all sizes.
PRINTED = {
    (COMPOSITE, "stretch"): {
        "350m": "3A-8M-3A-5M-2A-5M",
        "1b": "4A-9M-4A-5M-2A-5M",
        "3b": "7A-16M-7A-10M-4A-10M",
    },
    (SIX, "stack"): {
        "350m": "4×(2A-4M)",
        "1b": "4×(2A-4M)-A-2M",
        "3b": "8×(2A-4M)-A-2M",
    },
}


@pytest.mark.parametrize("to", SIZES)
@pytest.mark.parametrize("case", PRINTED)
def test_composites_of_the_paper(case, to):
    text, how = case
    large = aira_dsl.extrapolate(parse(text), to, how=how)
    assert large.layers == expand_pattern(PRINTED[case][to], "AM")
    assert (large.vocab, large.context, large.tie_embeddings) == (128_256, 8_192, True)


def test_layers_per_token_at_1b_are_the_papers():
    """Table 9's dimensions give §4.3's FLOPs (the printed worked examples are off, see docs)."""
    text = f"architecture x {{ {BLOCKS}; block Mb = mamba2; layers A-M-Mb }}"
    large = aira_dsl.extrapolate(parse(text), "1b")
    flops = {n: b.training_flops(large.width, large.context) for n, b in large.blocks.items()}
    assert flops == {"A": 264_241_152, "M": 301_989_888, "Mb": 161_323_008}


def test_a_scale_of_the_file_goes_first():
    model = parse(COMPOSITE + "scale 1b { width 1024 }\nscale tall { layers 9A; width 64 }\n")
    assert aira_dsl.extrapolate(model, "1b").width == 1024
    assert aira_dsl.extrapolate(model, "tall").pattern == "9A"
    with pytest.raises(aira_dsl.UsageError, match="does not say what size"):
        aira_dsl.extrapolate(model, "tall", how="stack")
    stacked = aira_dsl.extrapolate(model, "1b", how="stack")
    assert stacked.width == 1024
    assert stacked.layers[:32] == model.layers * 2


def test_positions_stay_off():
    model = parse(f"architecture x {{ {BLOCKS}; layers 2A-M; layer 1 {{ rope none }} }}")
    large = aira_dsl.extrapolate(model, "1b")
    assert [large.blocks[name].rope for name in ("A_1", "A")] == [None, 500_000.0]


def test_command(tmp_path):
    (tmp_path / "c.arch").write_text(COMPOSITE, encoding="utf-8")
    printed = run("extrapolate", "c.arch", "--to", "1b", "--how", "stretch", cwd=tmp_path)
    assert printed.code == 0, printed.err
    large = parse(printed.out)
    assert large.name == "composite_1b"
    assert large == aira_dsl.extrapolate(parse(COMPOSITE), "1b")

    out = tmp_path / "large.arch"
    assert run("extrapolate", "c.arch", "--to", "1b", "--out", out, cwd=tmp_path).code == 0
    assert out.read_text(encoding="utf-8") == printed.out
    again = run("extrapolate", "c.arch", "--to", "3b", "--out", out, cwd=tmp_path)
    assert (again.code, "E0503" in again.err) == (1, True)
    unknown = run("extrapolate", "c.arch", "--to", "7b", cwd=tmp_path)
    assert unknown.code == 2
    assert "350m, 1b, 3b" in unknown.err
    assert Path(tmp_path / "large.arch").read_text(encoding="utf-8") == printed.out
