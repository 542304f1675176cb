"""Choices in the blocks of a space: `window 64|128`, one block of each value."""

import pytest

import aira_dsl
from aira_dsl.errors import AiraError
from aira_dsl.language.semantics.choices import MAX_BLOCKS


def space(block: str, *, more: str = "", scales: str = "") -> aira_dsl.Space:
    text = f"space s {{\n  width 64\n  {block}\n  {more}\n  slots 2\n}}\n{scales}"
    return aira_dsl.Space(aira_dsl.parse_space(text))


def test_a_block_spans_one_block_of_each_value() -> None:
    found = space("block W = attention { heads 4, window 64 | 128|none }")
    blocks = found.definition.blocks
    assert {name: block.window for name, block in blocks.items()} == {
        "W_64": 64, "W_128": 128, "W_none": None,
    }  # fmt: skip
    assert {block.heads for block in blocks.values()} == {4}
    assert found.count == 9
    assert found.where("W_64>=1", "kv<=48k").count == 3  # a token has 256 bytes, the context is 256


def test_several_choices_span_their_combinations_in_order() -> None:
    found = space("block M = mlp { hidden 1_000|96, activation relu|gelu }")
    assert found.names == ("M_1000_relu", "M_1000_gelu", "M_96_relu", "M_96_gelu")
    assert found.definition.blocks["M_96_relu"].hidden == 96


def test_names_of_decimal_values_are_names() -> None:
    assert space("block A = attention { rotary 0.5|1.0 }").names == ("A_0_5", "A_1_0")


def test_a_space_is_equal_to_the_one_that_writes_its_blocks_out() -> None:
    short = space("block W = attention { heads 4|8 }")
    long = space("block W_4 = attention { heads 4 }\n  block W_8 = attention { heads 8 }")
    assert short.definition == long.definition


def test_a_scale_changes_the_blocks_that_a_choice_spans() -> None:
    scale = "scale big {\n  width 128\n  block W_8 { kv_heads 2 }\n}\n"
    found = space("block W = attention { heads 4|8 }", scales=scale)
    assert found.definition.scales["big"].blocks["W_8"].kv_heads == 2
    assert found.definition.scales["big"].blocks["W_4"].head_dim == 32


def test_yaml_lists_the_values() -> None:
    text = "name: s\nwidth: 64\nblocks:\n  W: {kind: attention, heads: [4, 8]}\nslots: 2\n"
    read = aira_dsl.parse_space(text, filename="s.yaml")
    assert read == space("block W = attention { heads 4|8 }").definition


def test_the_formatter_writes_choices_without_spaces() -> None:
    text = "space s {\n  block M = mlp { hidden 64 |96 }\n  slots 2\n}\n"
    formatted = aira_dsl.format_text(text)
    assert "hidden 64|96" in formatted
    assert aira_dsl.format_text(formatted) == formatted


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("block M = mlp { hidden 64|64 }", "a value is given twice"),
        ("block M = mlp { hidden 64|6_4 }", "a value is given twice"),
        (
            f"block M = mlp {{ hidden {'|'.join(map(str, range(1, MAX_BLOCKS + 2)))} }}",
            "span more than 64 blocks",
        ),
        ("block M = mlp { hidden 64|96 }\n  block M_64 = mlp", "it spans M_64"),
        ("block M_64 = mlp\n  block M = mlp { hidden 64|96 }", "it spans M_64"),
        (f"block {'M' * 62} = mlp {{ hidden 64|96 }}", "exceed 64 letters"),
    ],
)
def test_choices_that_span_no_blocks_are_refused_once(block: str, message: str) -> None:
    with pytest.raises(aira_dsl.ArchitectureError, match=message) as caught:
        space(block)
    assert [each.code for each in caught.value.diagnostics] == ["E0227"]


def test_a_wrong_value_among_several_is_shown() -> None:
    with pytest.raises(aira_dsl.ArchitectureError, match="must be at least 1, not `0`"):
        space("block M = mlp { hidden 64|0 }")


def test_as_many_blocks_as_allowed_are_spanned() -> None:
    values = "|".join(map(str, range(1, MAX_BLOCKS + 1)))
    assert len(space(f"block M = mlp {{ hidden {values} }}").names) == MAX_BLOCKS


@pytest.mark.parametrize(
    "text",
    [
        "architecture m {\n  block A = attention { heads 4|8 }\n  layers 2A\n}\n",
        "architecture m {\n  block A = attention\n  layers 2A\n  layer 1 { heads 4|8 }\n}\n",
        "architecture m {\n  block A = attention\n  layers 2A\n}\n"
        "scale b {\n  block A { heads 4|8 }\n}\n",
    ],
)
def test_an_architecture_has_one_value_for_a_parameter(text: str) -> None:
    with pytest.raises(AiraError, match="only the blocks of a space may have") as caught:
        aira_dsl.parse(text)
    assert caught.value.code == "E0227"
    assert "give one, such as 4" in str(caught.value)
