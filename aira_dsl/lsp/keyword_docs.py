"""What every word of the language means, for completion, hover and highlighting.

Types, ranges, choices, defaults and texts come from the pydantic models, so a new setting, kind or
parameter needs nothing here. Statements that are not a field of a model are described below.
"""

from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel

from aira_dsl.architecture import Design, Scale, SpaceDefinition
from aira_dsl.language.vocabulary import LAYERS, STATEMENTS
from aira_dsl.primitives.registry import KINDS

SECTION_TEXTS = {
    "architecture": "One model: `architecture NAME { width 128; block A = attention; layers 4A }`.",
    "space": "A search space, every order of its blocks: `space NAME { …; slots 16 }`.",
    "scale": "The same design at another size: `scale 1b { width 2048 }`.",
}

_STATEMENT_TEXTS = {
    "extends": 'The file that this one builds on, relative to it: `extends "base.arch"`.',
    "depth": "How many layers there must be; a warning says if there are not.",
    "block": "Defines a block, `block A = attention { heads 8 }`, "
    "or changes an inherited one, `block A { heads 8 }`.",
    "pattern": "Names a pattern for others to use: `pattern Unit = 2A-M`.",
    LAYERS: "The order of the blocks, first layer first: `layers 5×(2A-M)-A`.",
    "mtp": "Layers of a module that predicts one more token, counted apart: `mtp A-M`.",
    "layer": "Other parameters for some layers, counted from 1: `layer 3, 7-9 { rope none }`.",
}

_CONSTANTS = {True: "true", False: "false", None: "none"}


class Entry(NamedTuple):
    """One word.

    Attributes:
        detail: its type and default in a few words, or nothing.
        text: what it means, Markdown, or nothing.
        choices: the words that its value may be.
        default: its default as it is written, or None if it has none.
    """

    detail: str
    text: str
    choices: tuple[str, ...] = ()
    default: str | None = None


@cache
def statements() -> dict[str, Entry]:
    """Return every word that begins a statement."""
    fields = _fields(SpaceDefinition) | _fields(Scale, unset=True) | _fields(Design)
    fields = {name: entry for name, entry in fields.items() if name in STATEMENTS}
    written = {name: Entry("", text) for name, text in _STATEMENT_TEXTS.items()}
    written["depth"] = written["depth"]._replace(detail=fields["slots"].detail)
    return fields | written


@cache
def parameters(kind: str) -> dict[str, Entry]:
    """Return the parameters of a kind of block; none for a kind that does not exist."""
    if kind not in KINDS:
        return {}
    fields = _fields(KINDS[kind])
    return {name: fields[name] for name in KINDS[kind].parameter_names()}


@cache
def kind(name: str) -> Entry:
    """Describe a kind of block, with its parameters and their defaults."""
    rows = [f"- `{key}`: {entry.detail}" for key, entry in parameters(name).items()]
    first = (KINDS[name].__doc__ or "").strip().split("\n\n")[0]
    defaults = ", ".join(f"{key} {each.default}" for key, each in parameters(name).items())
    return Entry(defaults, "\n".join([first, "", *rows]))


def _fields(model: type[BaseModel], *, unset: bool = False) -> dict[str, Entry]:
    """Describe the fields of a model by its JSON schema.

    Args:
        model: a pydantic model.
        unset: whether None only stands for a field that is not given, so that it is never written.
    """
    fields = model.model_json_schema()["properties"]
    texts = {name: each.get("description", "") for name, each in fields.items()}
    if unset:
        fields = {name: _without_null(each) for name, each in fields.items()}
    return {name: _entry(each, texts[name]) for name, each in fields.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return kinds[0] if kinds else schema


def _entry(schema: dict[str, Any], text: str) -> Entry:
    default = _written(schema["default"]) if "default" in schema else None
    kinds = _type(schema)
    detail = kinds if default is None else f"{kinds}; default {default}"
    return Entry(detail, " ".join(text.split()), tuple(_choices(schema)), default)


def _type(schema: dict[str, Any]) -> str:
    """Say what values a schema takes: `whole number, 1 to 4,096`."""
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    choices = _choices(schema)
    if choices:
        return " or ".join([", ".join(choices[:-1]), choices[-1]]) if choices[1:] else choices[0]
    what = {"integer": "whole number", "number": "number"}.get(schema.get("type", ""), "")
    return ", ".join(each for each in (what, _range(schema)) if each)


def _range(schema: dict[str, Any]) -> str:
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f"{_number(least)} to {_number(most)}"
    bounds = {"at least": least, "above": above, "at most": most, "below": below}
    return " and ".join(f"{word} {_number(n)}" for word, n in bounds.items() if n is not None)


def _choices(schema: dict[str, Any]) -> list[str]:
    if "anyOf" in schema:
        return [choice for each in schema["anyOf"] for choice in _choices(each)]
    known = {"boolean": ["true", "false"], "null": ["none"]}
    return [*schema.get("enum", []), *known.get(schema.get("type", ""), [])]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, float) and value >= 1 and value.is_integer():
        value = int(value)
    return f"{value:_}" if isinstance(value, int) and value >= 10_000 else str(value)
