"""What is offered where; half-written texts are the normal case."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.language.vocabulary import SECTIONS
from aira_dsl.lsp.completion import Proposal, complete
from aira_dsl.lsp.scope import Source
from aira_dsl.primitives.registry import KINDS
from tests.lsp.texts import EXAMPLES, at


def offered(marked: str, path: Path | None = None) -> list[str]:
    return [each.label for each in complete(*at(marked, path)).proposals]


def proposal(marked: str, label: str) -> Proposal:
    return next(each for each in complete(*at(marked)).proposals if each.label == label)


def test_an_empty_file_begins_with_a_section() -> None:
    assert offered("|") == ["architecture", "space"]
    assert offered("# words\nspa|") == ["architecture", "space"]


def test_behind_the_main_section_only_a_scale_may_stand() -> None:
    assert offered("architecture x { block A = mlp; layers A }\nsc|") == ["scale"]


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_statement_begins_with_the_words_of_its_section(kind: str) -> None:
    assert set(offered(f"{kind} x {{\n  |\n}}")) == set(SECTIONS[kind])


def test_a_setting_is_offered_once_and_a_definition_again() -> None:
    found = offered("architecture x {\n width 3\n block A = mlp\n w|\n layers A\n}")
    assert {"block", "layer", "vocab"} <= set(found)
    assert not {"width", "layers"} & set(found)


def test_a_word_that_is_there_already_can_be_completed_again() -> None:
    assert "width" in offered("architecture x {\n width| 3\n}")


def test_a_setting_says_its_type_its_default_and_what_it_means() -> None:
    found = proposal("architecture x { | }", "width")
    assert found.detail == "whole number, 1 to 1,048,576; default 128"
    assert found.text == "Model dimension d."


@pytest.mark.parametrize("rest", ["", "\n", "\n}", "\n  layers A\n}", "{"])
def test_kinds_follow_the_sign_of_a_definition(rest: str) -> None:
    assert offered(f"architecture x {{\n  block A = |{rest}") == list(KINDS)
    assert offered(f"architecture x {{\n  block A = at|{rest}") == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rest", ["", "}", "\n  layers A\n}", "\n"])
def test_parameters_are_those_of_the_kind_at_hand(kind: str, rest: str) -> None:
    expected = KINDS[kind].parameter_names()
    assert offered(f"architecture x {{\n  block A = {kind} {{ |{rest}") == expected


def test_parameters_that_are_given_are_left_out_whatever_separates_them() -> None:
    for separator in (", ", "\n", "; "):
        text = f"architecture x {{ block A = attention {{ heads 8{separator}|"
        assert offered(text) == KINDS["attention"].parameter_names()[1:]
    assert offered("architecture x { block A = attention { heads 8 |") == []


def test_a_change_has_the_parameters_of_the_block_it_changes() -> None:
    base = "architecture x { block A = mlp; layers A }\n"
    assert offered(base + "scale 1b { block A { |") == KINDS["mlp"].parameter_names()
    assert offered(base + "scale 1b { block |") == ["A"]


def test_an_override_has_the_parameters_of_the_kinds_in_the_file() -> None:
    text = "architecture x { block A = mlp; block B = attention; layers A-B; layer 1 { | } }"
    fields = {*KINDS["mlp"].model_fields, *KINDS["attention"].model_fields} - {"kind"}
    assert set(offered(text)) == fields


def test_choices_are_offered_where_a_value_stands() -> None:
    placements = ["pre", "post", "sandwich", "stream", "none"]
    assert offered("architecture x { block A = mlp { norm |") == placements
    assert offered("architecture x { tie_embeddings | }") == ["true", "false"]
    assert offered("architecture x { } scale s { extrapolate st| }") == ["stretch", "stack"]
    assert offered("architecture x { width | }") == ["128"]
    assert offered("architecture x { block A = attention { rope | } }") == ["none", "10_000"]


@pytest.mark.parametrize("pattern", ["|", "2|", "3×(A-|", "A-\n    |", "2A|", "A U-|", "(A-2(U|"])
@pytest.mark.parametrize("rest", ["", "\n  width 3\n}", "\n}"])
def test_patterns_take_blocks_and_patterns(pattern: str, rest: str) -> None:
    head = "architecture x {\n  block A = mlp\n  pattern U = 2A\n"
    assert offered(f"{head}  layers {pattern}{rest}") == ["A", "U"]


def test_a_pattern_is_not_offered_to_itself() -> None:
    assert offered("architecture x { block A = mlp; pattern U = 2|; layers U }") == ["A"]


def test_blocks_may_be_defined_below_and_in_the_extended_file(tmp_path: Path) -> None:
    (tmp_path / "base.arch").write_text(
        "architecture b { block B = mlp; layers B }", encoding="utf-8"
    )
    text = 'architecture x { extends "base.arch"; layers |; block A = mlp }'
    assert offered(text, tmp_path / "x.arch") == ["A", "B"]


def test_scales_of_the_extended_file_are_offered(tmp_path: Path) -> None:
    base = "architecture b { block B = mlp; layers B }\nscale 1b { width 256 }"
    (tmp_path / "base.arch").write_text(base, encoding="utf-8")
    text = 'architecture x { extends "base.arch" }\nscale |'
    assert offered(text, tmp_path / "x.arch") == ["1b"]


def test_paths_are_relative_and_stay_in_the_project(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep").mkdir()
    for name in ("a.arch", "deep/b.arch", "notes.txt", "deep/c.arch"):
        (tmp_path / name).touch()
    path = tmp_path / "deep/c.arch"
    assert offered('architecture x { extends "|', path) == ["b.arch"]
    assert offered('architecture x { extends "../|" }', path) == ["../a.arch", "../deep/"]
    assert offered('architecture x { extends "../../|" }', path) == []
    assert offered("architecture x { extends | }", path) == ['"b.arch"']
    assert offered('architecture x { extends "|" }') == []
    found = complete(*at('architecture x { extends "../a|" }', path))
    assert (found.start, found.end) == (26, 30)


def test_nothing_is_offered_in_a_comment() -> None:
    assert offered("architecture x { # wid|\n}") == []
    assert offered("architecture x { width 3 # |") == []


def test_only_the_word_before_the_cursor_is_replaced() -> None:
    found = complete(*at("architecture x { block Mb = mlp; layers 2M|b }"))
    assert (found.start, found.end) == (41, 42)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_name_of_a_sound_file_is_offered_where_it_stands(example: Path) -> None:
    source = Source(example.read_text(encoding="utf-8"), example)
    checked = 0
    for part in source.outline.parts:
        for item in part.items:
            words = [item.words[0], *([item.kind] if item.kind else []), *item.used]
            for word in words:
                labels = [each.label for each in complete(source, word.end).proposals]
                assert word.text in labels, word
                checked += 1
    assert checked > 4


@given(st.text('architecture x{}()=-×2;\n#"bAmlpscd_ 漢😀', max_size=60), st.data())
def test_no_text_is_too_broken(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    found = complete(Source(text, None), offset)
    assert 0 <= found.start <= found.end == offset
