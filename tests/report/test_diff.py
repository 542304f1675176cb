"""`diff`: what differs in meaning."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from aira_dsl.architecture import Architecture, cost
from aira_dsl.language import parse
from aira_dsl.primitives import MLP, Attention, Mamba2, MoE
from aira_dsl.report.terminal.diff import difference, drawing
from tests.helpers import command_line

EXAMPLES = Path(__file__).parents[2] / "examples"
BLOCKS = {"A": Attention(), "M": MLP(), "S": Mamba2()}
stacks = st.lists(st.sampled_from("AMS"), min_size=1, max_size=40)


def model(layers, **changes):
    return Architecture(blocks=BLOCKS, layers=tuple(layers), **changes)


def rebuilt(a, found):
    """Apply the changes to the layers of `a`."""
    layers = list(a.layers)
    for change in reversed(found.changes):
        after = [name for count, name, _ in change.after.layers for _ in range(count)]
        layers[change.before.first - 1 : change.before.last] = after
    return tuple(layers)


@settings(max_examples=75)
@given(stacks, stacks)
def test_changes_lead_from_one_to_the_other(first, second):
    a, b = model(first), model(second)
    found = difference(a, b)
    assert rebuilt(a, found) == b.layers
    assert found.same == (first == second)
    assert found.same == (not found.changes)
    assert found.costs["parameters"] == (cost(a).parameters, cost(b).parameters)


def test_names_do_not_count():
    a = parse("architecture one { block A = attention; block M = mlp; layers A-M-A }")
    b = parse("architecture two { block X = mlp; block Y = attention { heads 16 }; layers Y-X-Y }")
    assert difference(a, b).same


def test_one_changed_parameter_is_one_change():
    found = difference(model("AMSM"), model("AMSM").replace(
        blocks={**BLOCKS, "B": Attention(heads=8)}, layers=("B", "M", "S", "M"),
    ))  # fmt: skip
    (change,) = found.changes
    assert change.before.layers == ((1, "A", "attention"),)
    assert change.after.layers == ((1, "B", "attention { heads 8 }"),)
    assert (change.before.first, change.after.first) == (1, 1)


def test_a_setting_is_no_change_of_layers():
    found = difference(model("AM"), model("AM", vocab=99))
    assert found.settings == {"vocab": (256, 99)}
    assert not found.changes
    assert not found.same


def test_long_stacks_are_compared_in_no_time():
    a, b = model("AM" * 2048), model("MA" * 2048)
    assert rebuilt(a, difference(a, b)) == b.layers


def run(*arguments):
    return command_line.run("diff", *arguments)


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 0), (("--exit-code",), 1), (("--format", "json"), 0)]
)
def test_command(arguments, code, snapshot):
    done = run(EXAMPLES / "airaformer_d.arch", EXAMPLES / "airahybrid_e.arch", *arguments)
    assert done.code == code
    if "json" in arguments:
        assert json.loads(done.out)["same"] is False
    else:
        assert done.out == snapshot


def test_command_on_equal_files():
    paper = EXAMPLES / "paper" / "airahybrid_d_stretched.arch"
    done = run(EXAMPLES / "airahybrid_d.arch", paper, "--exit-code")
    assert done.code == 0
    assert "mean the same model: aedae9206925d4e9" in done.out
    stacked = EXAMPLES / "paper" / "airahybrid_d_stacked.arch"
    assert "same model" not in run(stacked, paper, "--scale", "1b").out


def test_active_parameters_and_windows_are_compared_where_there_are_any():
    blocks = {"A": Attention(heads=4), "W": Attention(heads=4, window=8), "E": MoE(), "M": MLP()}
    dense, sparse = (
        Architecture(width=32, blocks=blocks, layers=layers) for layers in (("A", "M"), ("W", "E"))
    )
    found = difference(dense, sparse)
    assert found.costs["window_bytes"] == (0, 8 * 2 * 2 * 32)
    active = found.costs["active_parameters"]
    assert active[0] == found.costs["total_parameters"][0]
    assert found.costs["total_parameters"][1] - active[1] == 6 * 3 * 32 * 128
    shown = printed(found)
    assert "active parameters" in shown
    assert "cache bytes of windows" in shown
    assert "active parameters" not in printed(difference(dense, dense.replace(vocab=9)))


def printed(found):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(drawing(found))
    return capture.get()
