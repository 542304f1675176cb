"""Hover: blocks are resolved, patterns expanded, sizes counted, whatever else is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.architecture import cost
from aira_dsl.language import load
from aira_dsl.lsp.hover import hover
from aira_dsl.lsp.scope import Source
from tests.lsp.texts import EXAMPLES, at


def said(marked: str, path: Path | None = None) -> str:
    found = hover(*at(marked, path))
    return "" if found is None else found.text


def test_a_block_is_shown_resolved() -> None:
    text = said(
        "architecture x {\n width 256\n context 512\n block A = attention { heads 8, kv_heads 2 }\n"
        " layers 2|A\n}"
    )
    assert "heads 8, kv_heads 2, head_dim 32, rope 10000" in text
    assert "q_proj.weight 256×256, k_proj.weight 64×256, v_proj.weight 64×256" in text
    assert "163,840 parameters at width 256" in text
    training = 6 * 163_840 + 12 * 512 * 256
    assert f"{training:,} FLOPs per token of training, {training // 3:,} forward" in text


@pytest.mark.parametrize(
    "broken", ["widht 3", "layers 2A-", "block B = mpl", "layers (Q", "heads {"]
)
def test_a_block_is_known_while_another_line_is_broken(broken: str) -> None:
    text = said(f"architecture x {{\n width 64\n block |A = mlp {{ hidden 10 }}\n {broken}\n}}")
    assert "up_proj.weight 10×64, down_proj.weight 64×10" in text


def test_a_block_that_is_wrong_itself_says_so() -> None:
    assert "has errors" in said("architecture x { width 100; block |A = attention; layers A }")


def test_a_scale_has_its_own_numbers() -> None:
    text = (
        "architecture x { width 64; block A = mlp { hidden 10 }; layers A }\n"
        "scale big { width 128; block |A { hidden 20 } }"
    )
    assert "up_proj.weight 20×128" in said(text)


def test_inherited_blocks_are_read_from_their_file(tmp_path: Path) -> None:
    base = (
        "architecture b { width 32; block A = mlp { hidden 10, activation gelu }; layers A }\n"
        "scale 1b { width 64; extrapolate stretch; parameters 1_000_000_000_000 }\n"
    )
    (tmp_path / "base.arch").write_text(
        base.replace("1_000_000_000_000", "100_000"), encoding="utf-8"
    )
    text = 'architecture x { extends "base.arch"; block A { hidden 11 }; layers 2|A }'
    found = said(text, tmp_path / "x.arch")
    assert "base.arch" in found
    assert "up_proj.weight 11×32" in found
    assert "activation gelu" in found


def test_layers_and_patterns_are_expanded() -> None:
    head = "architecture x { block A = attention; block M = mlp; pattern U = 2A-M; "
    assert "16 layers: 11 A, 5 M\n\n`5×(2A-M)-A`" in said(head + "lay|ers 5U-A }")
    assert "3 layers: 2 A, 1 M" in said(head + "layers 5|U-A }")
    assert "3 layers: 2 A, 1 M" in said(head.replace("U =", "|U =") + "layers 5×U-A; widht 3 }")
    assert "not known" in said(head + "lay|ers 5U-Q }")
    assert "not known" in said(head + "lay|ers 5U-( }")
    assert "not known" in said("architecture x { pattern U = U; lay|ers U }")
    assert "not known" in said(head + "lay|ers 999999999U }")


def test_settings_kinds_and_parameters_are_explained() -> None:
    text = "architecture x { wi|dth 3; block A = mlp { hidden 3, activation relu }; layers A }"
    assert "whole number, 1 to 1,048,576; default 128" in said(text)
    plain = text.replace("|", "")
    assert "`activation`: swiglu, relu" in said(plain.replace("mlp", "m|lp"))
    assert "**hidden** of mlp" in said(plain.replace("hidden 3", "hid|den 3"))
    assert "**activation** of mlp" in said(plain.replace("relu", "re|lu"))
    assert "The order of the blocks" in said(plain.replace("layers", "lay|ers"))
    assert "**rope** of attention" in said("architecture x { layer 3 { ro|pe none } }")


def test_totals_are_those_of_the_costs() -> None:
    path = next(each for each in EXAMPLES if each.stem == "striped")
    costs = cost(load(path))
    text = said(path.read_text(encoding="utf-8").replace("\narchitecture", "\narchi|tecture"))
    assert f"{costs.parameters:,} parameters without embeddings" in text
    assert f"{costs.total_parameters:,} total parameters" in text
    assert f"{costs.kv_cache_bytes:,} bytes per token" in text


def test_a_scale_shows_its_totals() -> None:
    text = (
        "architecture x { width 16; block A = mlp { hidden 32 }; layers 2A }\n"
        "scale |big { extrapolate stretch; parameters 10_000 }"
    )
    assert "10 layers: 10 A" in said(text)
    assert "not known: unknown kind of block" in said(text.replace("mlp", "mpl"))


def test_nothing_is_said_about_comments_numbers_and_empty_places() -> None:
    for text in (
        "|",
        "arch|",
        "architecture x { # wi|dth\n}",
        "architecture x { width 1|2 }",
        "} |",
    ):
        assert said(text) == ""


@given(st.text('architecture x{}()=-×2;\n#"bAmlpscd_ 漢😀', max_size=60), st.data())
def test_no_text_is_too_broken(text: str, data: st.DataObject) -> None:
    hover(Source(text, None), data.draw(st.integers(0, len(text))))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_name_of_a_sound_file_is_known(example: Path) -> None:
    source = Source(example.read_text(encoding="utf-8"), example)
    for part in source.outline.parts:
        for item in part.items:
            for word in item.used[:5]:
                found = hover(source, word.start)
                assert found is not None, word
                assert "known" not in found.text
