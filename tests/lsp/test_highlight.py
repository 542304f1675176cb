"""Pygments, TextMate and the language agree on words, and nothing of a text is lost."""

import json
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Comment, Error, Keyword, Name, Number, String, Whitespace

from aira_dsl.language.syntax.scan import scan
from aira_dsl.language.vocabulary import SECTIONS, STATEMENTS
from aira_dsl.lsp import keyword_docs, textmate
from aira_dsl.lsp.highlight import ArchLexer
from aira_dsl.primitives.registry import KINDS
from tests.lsp.texts import EXAMPLES, ROOT

LEXER = ArchLexer(stripnl=False, ensurenl=False)
FOLDER = ROOT / "grammar/editors/vscode"


def tokens(text: str) -> list[tuple[object, str]]:
    return [(kind, word) for kind, word in LEXER.get_tokens(text) if kind not in Whitespace]


def sample() -> str:
    """Use every word of the language once, each where it has its meaning."""
    parts = []
    for section, statements in SECTIONS.items():
        lines = [f"{section} x {{"]
        for word in statements:
            match word:
                case "block" | "pattern":
                    lines.append(f"  {word} {word} = 2layers-width")
                case "layer":
                    lines.append("  layer 3, 7-9 { rope none }")
                case _:
                    choices = keyword_docs.statements()[word].choices
                    lines += [f"  {word} {choice}" for choice in choices or ["10_0"]]
        parts.append("\n".join([*lines, "}"]))
    blocks = [
        f"  block heads = {kind} {{ "
        + ", ".join(
            f"{name} {choice}"
            for name, entry in keyword_docs.parameters(kind).items()
            for choice in entry.choices or ["1.5e3"]
        )
        + " }"
        for kind in KINDS
    ]
    return "\n".join([*parts, "space y {", *blocks, "}"])


def test_every_word_has_its_colour() -> None:
    found = tokens(sample())
    assert {word for kind, word in found if kind is Keyword.Declaration} == set(SECTIONS)
    assert {word for kind, word in found if kind is Keyword.Type} == set(KINDS)
    attributes = {word for kind, word in found if kind is Name.Attribute}
    parameters = {name for kind in KINDS for name in keyword_docs.parameters(kind)}
    assert attributes | {"block", "pattern", "layer"} == STATEMENTS | parameters
    assert {word for kind, word in found if kind is Keyword} == {"block", "pattern", "layer"}
    constants = {word for kind, word in found if kind is Keyword.Constant}
    assert {"true", "false", "none", "stretch", "stack", "swiglu", "relu"} <= constants


def test_words_are_names_where_patterns_use_them() -> None:
    text = "architecture x {\n  layers 2layers-(width-\n  heads-none)-true # layers\n}"
    names = [word for kind, word in tokens(text) if kind is Name.Variable]
    assert names == ["layers", "width", "heads", "none"]
    assert (Comment.Single, "# layers") in tokens(text)


def test_numbers_strings_and_what_does_not_belong() -> None:
    text = 'architecture x { extends "a b.arch"; norm_eps 1e-5; width 10_000 ; ? }'
    found = tokens(text)
    assert (String, '"a b.arch"') in found
    assert [word for kind, word in found if kind is Number] == ["1e-5", "10_000"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_coloured_completely(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    found = list(LEXER.get_tokens(text))
    assert "".join(word for _, word in found) == text
    assert not any(kind is Error for kind, _ in found)
    comments = [word for kind, word in found if kind is Comment.Single]
    assert comments == [each.text for each in scan(text) if each.kind == "comment"]


@given(st.text('architecture blkp{}()=-×2e3;,\n#"_ 漢😀\r\0', max_size=80))
def test_tokens_join_to_any_text(text: str) -> None:
    # Pygments itself makes one line end of `\r\n` and of `\r`.
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert "".join(word for _, word in LEXER.get_tokens(text)) == expected


def test_the_entry_point_leads_to_the_lexer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, name = project["entry-points"]["pygments.lexers"]["arch"].split(":")
    assert getattr(import_module(module), name) is ArchLexer


def test_the_textmate_grammar_is_up_to_date() -> None:
    file = FOLDER / "syntaxes/arch.tmLanguage.json"
    assert file.read_text(encoding="utf-8") == textmate.text(), (
        f"make it again: python -m aira_dsl.lsp.textmate > {file.relative_to(ROOT)}"
    )


def test_the_textmate_grammar_knows_the_same_words() -> None:
    repository = textmate.grammar()["repository"]

    def knows(rule: str, key: str, text: str, group: int) -> str | None:
        found = re.search(repository[rule][key].replace("(?:(?<=[{;])|^)", "^"), text)
        return found and found[group]

    for section in SECTIONS:
        assert knows("section", "begin", f"{section} 1b {{", 1) == section
    for word in STATEMENTS - {"block", "pattern", "layer"}:
        assert knows("setting", "match", f"  {word} 3", 1) == word
        assert knows("setting", "match", f"  {word}s 3", 1) is None
    for word in ("block", "pattern"):
        assert knows("definition", "match", f" {word} A = 2A", 1) == word
    for kind in KINDS:
        assert knows("kind", "match", f"block A = {kind}", 2) == kind
        for name, entry in keyword_docs.parameters(kind).items():
            assert knows("parameter", "match", f"{name} 3", 0) == name
            for choice in entry.choices:
                assert knows("choice", "match", choice, 0) == choice


def test_every_include_of_the_textmate_grammar_exists() -> None:
    grammar = textmate.grammar()
    included = set(re.findall(r'"include": "#(\w+)"', json.dumps(grammar)))
    assert included == set(grammar["repository"])


def test_the_extension_is_complete() -> None:
    package = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    (language,), (grammar,) = (
        package["contributes"]["languages"],
        package["contributes"]["grammars"],
    )
    for file in (package["main"], language["configuration"], grammar["path"]):
        assert (FOLDER / file).is_file()
    assert grammar["scopeName"] == textmate.SCOPE
    assert grammar["language"] == language["id"]
    json.loads((FOLDER / language["configuration"]).read_text(encoding="utf-8"))
