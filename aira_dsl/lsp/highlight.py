"""Colours for Pygments, and so for Sphinx, MkDocs, nbconvert and rich: `Syntax(text, "arch")`.

The words come from the language's own tables. They are not keywords: `layers` is one where a
statement begins, and a name where a pattern uses it.
"""

from collections.abc import Iterable
from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, default, include
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
)

from aira_dsl.language.vocabulary import DEFINITIONS, SECTIONS, STATEMENTS
from aira_dsl.lsp import keyword_docs
from aira_dsl.primitives.registry import KINDS

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
NUMBER = r"[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)?"


def any_of(names: Iterable[str]) -> str:
    """Return an expression for one of these whole words."""
    return rf"(?:{'|'.join(sorted(names))})(?![A-Za-z0-9_])"


SECTION = any_of(SECTIONS)
SETTING = any_of(STATEMENTS - DEFINITIONS)
DEFINITION = any_of(DEFINITIONS - {"layer"})
LAYER = any_of({"layer"})
KIND = any_of(KINDS)
PARAMETER = any_of({name for kind in KINDS for name in keyword_docs.parameters(kind)})
CHOICE = any_of(
    {"true", "false", "none"}
    | {
        choice
        for kind in KINDS
        for each in keyword_docs.parameters(kind).values()
        for choice in each.choices
    }
    | {choice for each in keyword_docs.statements().values() for choice in each.choices}
)


class ArchLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """The architecture language of aira-dsl."""

    name = "Architecture"
    aliases: ClassVar[list[str]] = ["arch"]
    filenames: ClassVar[list[str]] = ["*.arch"]
    url = "https://pypi.org/project/aira-dsl/"
    version_added = ""

    tokens: ClassVar = {
        "root": [
            include("space"),
            (SECTION, Keyword.Declaration, "header"),
            (NAME, Text),
            (r".", Text),
        ],
        "header": [
            (r"[ \t\r]+|#[^\n]*", Whitespace),
            (rf"[0-9]*{NAME}", Name.Class),
            (r"\{", Punctuation, ("#pop", "body")),
            default("#pop"),
        ],
        "body": [
            include("space"),
            (r"\}", Punctuation, "#pop"),
            (
                rf"({DEFINITION})([ \t]+)({NAME})",
                bygroups(Keyword, Whitespace, Name.Variable),
                "value",
            ),
            (LAYER, Keyword, "value"),
            (SETTING, Name.Attribute, "value"),
            default("value"),
        ],
        # What follows the first word, up to a line end outside brackets.
        "value": [
            (r"[ \t\r]+", Whitespace),
            (r"(=)([ \t]*)(" + KIND + ")", bygroups(Operator, Whitespace, Keyword.Type)),
            (rf"{CHOICE}(?=[ \t\r]*(?:[;\n#}}]|\Z))", Keyword.Constant),
            (
                r"([-+,×*])([ \t\r]*)(#[^\n]*)?(\n)",
                bygroups(Operator, Whitespace, Comment.Single, Whitespace),
            ),
            (r"(?=[\n;#}])", Text, "#pop"),
            (r"\{", Punctuation, "parameters"),
            (r"\(", Punctuation, "group"),
            include("pattern"),
        ],
        "parameters": [
            include("space"),
            (r"\}", Punctuation, "#pop"),
            (rf"({PARAMETER})([ \t]+)", bygroups(Name.Attribute, Whitespace)),
            (CHOICE, Keyword.Constant),
            include("pattern"),
        ],
        "group": [
            include("space"),
            (r"\(", Punctuation, "#push"),
            (r"\)", Punctuation, "#pop"),
            (r"(?=\})", Text, "#pop"),
            include("pattern"),
        ],
        "pattern": [
            (r'"[^"\n]*"?', String),
            (NUMBER, Number),
            (NAME, Name.Variable),
            (r"[-+,×*=]", Operator),
            (r"\)", Punctuation),
            (r".", Text),
        ],
        "space": [
            (r"[ \t\r\n;]+", Whitespace),
            (r"#[^\n]*", Comment.Single),
        ],
    }
