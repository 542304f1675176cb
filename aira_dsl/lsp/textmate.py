"""The TextMate grammar, written from the language's own tables.

`python -m aira_dsl.lsp.textmate` prints what belongs in
grammar/editors/vscode/syntaxes/arch.tmLanguage.json; a test fails when that file is out of date.
"""

import json
from typing import Any

from aira_dsl.lsp.highlight import (
    CHOICE,
    DEFINITION,
    KIND,
    LAYER,
    NAME,
    NUMBER,
    PARAMETER,
    SECTION,
    SETTING,
)

SCOPE = "source.arch"


def grammar() -> dict[str, Any]:
    """Return the grammar as TextMate's JSON format has it."""
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "Architecture",
        "scopeName": SCOPE,
        "fileTypes": ["arch"],
        "patterns": _include("comment", "section"),
        "repository": {
            "comment": _match(r"#.*$", "comment.line.number-sign"),
            "section": _section(),
            "body": {"patterns": _include("comment", "definition", "layer", "setting", "value")},
            "definition": _definition(),
            "layer": _match(rf"(?:(?<=[{{;])|^)\s*({LAYER})", None, {1: "keyword.other"}),
            "setting": _match(
                rf"(?:(?<=[{{;])|^)\s*({SETTING})", None, {1: "support.type.property-name"}
            ),
            "value": {"patterns": _include("kind", "constant", "parameters", "group", "word")},
            "kind": _match(rf"(=)\s*({KIND})", None, {1: "keyword.operator", 2: "support.class"}),
            "constant": _match(rf"(?<=\s){CHOICE}(?=\s*(?:$|[;#}}]))", "constant.language"),
            "parameters": _braces(),
            "parameter": _match(rf"{PARAMETER}(?=\s)", "support.type.property-name"),
            "choice": _match(CHOICE, "constant.language"),
            "group": _group(),
            "word": {"patterns": _include("string", "number", "operator", "name")},
            "string": _match(r'"[^"\n]*"?', "string.quoted.double"),
            "number": _match(NUMBER, "constant.numeric"),
            "operator": _match(r"[-+,×*=|]", "keyword.operator"),
            "name": _match(NAME, "variable.other"),
        },
    }


def text() -> str:
    """Return the grammar as the file holds it."""
    return json.dumps(grammar(), indent=2, ensure_ascii=False) + "\n"


def _section() -> dict[str, Any]:
    return {
        "begin": rf"({SECTION})(?:\s+([0-9]*{NAME}))?\s*(\{{)",
        "beginCaptures": _captures(
            {1: "keyword.declaration", 2: "entity.name.type", 3: "punctuation"}
        ),
        "end": r"\}",
        "endCaptures": _captures({0: "punctuation"}),
        "patterns": _include("body"),
    }


def _definition() -> dict[str, Any]:
    at = r"(?:(?<=[{;])|^)\s*"
    named = {1: "keyword.other", 2: "variable.other.definition"}
    return _match(rf"{at}({DEFINITION})\s+({NAME})(?=\s*[={{])", None, named)


def _braces() -> dict[str, Any]:
    inside = _include("comment", "parameter", "choice", "word")
    return {"begin": r"\{", "end": r"\}", "patterns": inside}


def _group() -> dict[str, Any]:
    return {"begin": r"\(", "end": r"\)|(?=\})", "patterns": _include("comment", "group", "word")}


def _match(
    expression: str, name: str | None, captures: dict[int, str] | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {"match": expression}
    if name is not None:
        found["name"] = f"{name}.arch"
    if captures is not None:
        found["captures"] = _captures(captures)
    return found


def _captures(names: dict[int, str]) -> dict[str, Any]:
    return {str(number): {"name": f"{name}.arch"} for number, name in names.items()}


def _include(*names: str) -> list[dict[str, str]]:
    return [{"include": f"#{name}"} for name in names]


if __name__ == "__main__":
    print(text(), end="")
