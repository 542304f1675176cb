"""`show`: the stack in the terminal, as JSON and as a picture."""

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aira_dsl
from aira_dsl.architecture import Architecture, Workload, cost
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.report.stack import gutters, lines
from aira_dsl.report.summary import SHOWN, summary
from aira_dsl.report.svg import draw
from tests.helpers import command_line

ROOT = Path(__file__).parents[2]
HYBRID = ROOT / "examples" / "paper" / "airahybrid_d_stretched.arch"
BLOCKS = {"A": Attention(heads=4), "M": MLP(), "S": Mamba2()}


def run(*arguments):
    return command_line.run("show", *arguments, cwd=ROOT)


def text_of(renderable, *, terminal=False, width=80):
    from rich.console import Console

    console = Console(width=width, force_terminal=terminal, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(renderable)
    return "\n".join(map(str.rstrip, captured.get().splitlines()))


def stack_of(*layers):
    return Architecture(blocks=BLOCKS, layers=layers)


@settings(max_examples=60)
@given(st.lists(st.sampled_from("AMS"), min_size=1, max_size=150))
def test_lines_add_up(layers):
    model = stack_of(*layers)
    stack = lines(model)
    assert sum(line.parameters for line in stack) + model.width == cost(model).parameters
    assert sum(line.flops_share for line in stack) == pytest.approx(1.0)
    assert sum(line.cache_bytes for line in stack) == cost(model).kv_cache_bytes
    assert sum(line.state_bytes for line in stack) == cost(model).state_bytes
    for line in stack:
        assert set(layers[line.first - 1 : line.last]) == {line.block}
    assert len({len(text) for text in gutters(stack)}) == 1


def test_a_group_is_one_bracket():
    stack = lines(stack_of(*"AAMAAMS"))
    assert [(line.first, line.last, line.groups) for line in stack] == [
        (1, 2, (2,)), (3, 3, (2,)), (7, 7, ()),
    ]  # fmt: skip
    assert gutters(stack) == ["2×┌", "  └", "   "]


@pytest.mark.parametrize("scale", [None, "1b"])
def test_terminal(scale, snapshot):
    model = aira_dsl.load(HYBRID)
    model = model if scale is None else model.at(scale)
    shown = text_of(summary(model, Workload(batch=8, budget=2 * 10**19)), terminal=True)
    assert max(map(len, shown.splitlines())) <= 80
    assert shown == snapshot


def test_bars_only_on_a_terminal():
    model = stack_of(*"AMS")
    assert "█" in text_of(summary(model), terminal=True)
    assert "█" not in text_of(summary(model))


def test_thousands_of_layers_are_a_few_lines():
    shown = text_of(summary(stack_of(*"AMS" * 1365)))
    assert "1365×┌" in shown
    assert len(shown.splitlines()) < 30
    odd = [name for i in range(1, 80) for name in ("A" * i + "M" * (i % 7 + 1))]
    shown = text_of(summary(stack_of(*odd)))
    assert len(shown.splitlines()) < SHOWN + 30
    assert "more lines" in shown


def test_command_shows_scales_and_json():
    shown = run(HYBRID)
    assert shown.code == 0, shown.err
    assert "3×┌" in shown.out
    for size in ("350m", "1b", "3b"):
        assert f"\n {size} " in shown.out
    found = json.loads(run(HYBRID, "--format", "json", "--budget", "2e19").out)
    assert found["scaled"]["1b"]["costs"]["steps"] == 4_922
    assert found["scaled"]["1b"]["layers_by_kind"] == {"mamba2": 12, "mlp": 14, "attention": 6}
    assert sum(line["parameters"] for line in found["stack"]) + 128 == found["costs"]["parameters"]
    megatron = json.loads(run(HYBRID, "--format", "json", "--convention", "megatron").out)
    assert "causal half" in megatron["costs"]["convention"]
    assert megatron["costs"]["training_flops"] != found["costs"]["training_flops"]


def test_unknown_scale():
    done = run(HYBRID, "--scale", "7b")
    assert done.code == 2
    assert "E0225" in done.err
    assert "350m, 1b, 3b" in done.err


@settings(max_examples=25)
@given(st.lists(st.sampled_from("AMS"), min_size=1, max_size=60))
def test_picture_is_a_picture(layers):
    picture = ElementTree.fromstring(draw(stack_of(*layers), Workload()))
    texts = ["".join(each.itertext()) for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    for name, count in Counter(layers).items():
        assert f"{count} {BLOCKS[name].kind}" in texts
    assert any("parameters without embeddings" in text for text in texts)


SVG = "{http://www.w3.org/2000/svg}"
CHARACTERS = {"mono": 7.4, "title": 10.0}
"""Width of a character in px by class; 7 for the proportional font."""


def boxes(picture):
    """Yield (y, left, right, text) of every text outside the cells, and of the bars."""
    for each in picture.iterfind(f"{SVG}text"):
        classes, text = each.get("class", "").split(), each.text or ""
        width = len(text) * next((w for c, w in CHARACTERS.items() if c in classes), 7.0)
        x = float(each.get("x")) - (width if "end" in classes else 0)
        yield float(each.get("y")), x, x + width, text
    for each in picture.iterfind(f"{SVG}rect[@class='track']"):
        x = float(each.get("x"))
        yield float(each.get("y")) + 10, x, x + float(each.get("width")), "bar"
    for each in picture.iterfind(f"{SVG}g/{SVG}rect"):
        x = float(each.get("x"))
        yield float(each.get("y")) + 11, x, x + float(each.get("width")), "cell"


def assert_no_overlap(architecture):
    picture = ElementTree.fromstring(draw(architecture, Workload()))
    width = float(picture.get("width"))
    found = sorted(box for box in boxes(picture) if box[3])
    for y, left, right, text in found:
        assert left >= 0, text
        assert right <= width, text
        for other_y, other_left, other_right, other in found:
            if (other_y, other_left, other) != (y, left, text) and abs(other_y - y) < 12:
                assert other_right <= left or right <= other_left, (text, other)


LONG = """
architecture a_very_long_architecture_name_for_testing_overflow_in_the_svg {
  width 512
  block GroupedQueryAttentionWithRotary = attention { heads 8, kv_heads 2 }
  block FeedForwardGatedLinearUnitBlock = mlp { hidden 1024, activation swiglu }
  block MambaTwoStateSpaceModelBlockXYZ = mamba2 { inner 1024, head_dim 64, state 64 }
  pattern Pair = MambaTwoStateSpaceModelBlockXYZ-FeedForwardGatedLinearUnitBlock
  layers 7×Pair-GroupedQueryAttentionWithRotary-Pair
}
"""


def test_long_names_do_not_overlap():
    assert_no_overlap(aira_dsl.parse(LONG))


@settings(max_examples=25)
@given(st.lists(st.sampled_from("AMS"), min_size=1, max_size=30), st.integers(1, 60))
def test_texts_of_a_picture_never_overlap(layers, times):
    model = stack_of(*layers * times)
    blocks = {name * 20 if name == "M" else name: block for name, block in model.blocks.items()}
    renamed = tuple(name * 20 if name == "M" else name for name in model.layers)
    assert_no_overlap(Architecture(width=model.width, blocks=blocks, layers=renamed, name="n" * 64))


def test_bars_are_shares_of_all_flops():
    picture = ElementTree.fromstring(draw(aira_dsl.parse(LONG), Workload()))
    tracks = picture.findall(f"{SVG}rect[@class='track']")
    bars = [each for each in picture.findall(f"{SVG}rect") if each not in tracks]
    filled = sum(float(bar.get("width")) for bar in bars)
    assert filled == pytest.approx(float(tracks[0].get("width")), 0.01)


def test_picture_of_the_docs_is_current_and_safe(tmp_path):
    model = aira_dsl.load(HYBRID).at("1b")
    assert (ROOT / "docs" / "images" / "stack.svg").read_text(encoding="utf-8") == draw(
        model, Workload()
    )
    out = tmp_path / "stack.svg"
    assert run(HYBRID, "--scale", "1b", "--svg", out).code == 0
    assert run(HYBRID, "--svg", out).code == 1
    assert out.read_text(encoding="utf-8") == draw(model, Workload())
    assert run(HYBRID, "--svg", out, "--force").code == 0


STRUCTURED = aira_dsl.parse(
    """
architecture structured {
  norm_kind layer; softcap 30
  block A = attention { heads 4 }
  block S = mamba2
  block M = mlp { tied true }
  layers 2×((A|S)-M)-2M-(A|S)
  mtp A-M
}
"""
)


def test_lines_of_parallel_and_tied_layers_add_up() -> None:
    stack, costs = lines(STRUCTURED), cost(STRUCTURED)
    assert [(line.block, line.layers) for line in stack] == [
        ("A|S", 2),
        ("M", 2),
        ("M", 2),
        ("A|S", 1),
    ]
    final_norm = 2 * 128
    assert sum(line.parameters for line in stack) + final_norm == costs.parameters
    assert sum(line.cache_bytes for line in stack) == costs.kv_cache_bytes
    assert sum(line.state_bytes for line in stack) == costs.state_bytes
    assert sum(line.flops_share for line in stack) == pytest.approx(1)


def test_structure_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "structured.arch"
    file.write_text(aira_dsl.to_text(STRUCTURED), encoding="utf-8")
    shown = " ".join(command_line.run("show", str(file)).out.split())
    assert "settings norm_kind layer, softcap 30" in shown
    assert f"mtp A-M, {STRUCTURED.mtp_parameters:,} parameters in no other row" in shown
    assert "pattern 2×((A|S)-M)-2M-(A|S)" in shown
    ElementTree.fromstring(draw(STRUCTURED, Workload()))
