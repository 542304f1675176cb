"""The JSON Schema of the YAML form, made from the models; `python -m` this module prints it.

An editor checks with it while one types. Rules about several values (heads that divide a width,
names that are defined) are checked by `aira-dsl check` only. Descriptions are those of the models.
"""

import json
from typing import Any

from aira_dsl.architecture import MAX_LAYERS, SETTINGS, Design, Scale
from aira_dsl.primitives.registry import KINDS

_NAME = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 64}
_SPAN = r"[0-9]+(\s*-\s*[0-9]+)?"
_NOTHING = ["none", "null", "~"]


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12)."""
    count = {"type": "integer", "minimum": 1, "maximum": MAX_LAYERS}
    shared = {**_settings(), "blocks": _mapping(_block(), "Blocks by name."), "depth": {
        **count, "description": "The number of layers there must be; another one is a warning.",
    }}  # fmt: skip
    scale = Scale.model_json_schema()["properties"]
    extrapolation = {
        "parameters": {
            **_first(scale["parameters"]),
            "description": scale["parameters"]["description"],
        },
        "extrapolate": {
            "enum": ["stretch", "stack"],
            "description": "Stretch every run of equal layers, or stack copies of the whole.",
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "choices": {
                "description": "Values of which a space has a block each.",
                "type": "array",
                "items": {"not": {"type": ["array", "object"]}},
                "minItems": 2,
            }
        },
        "title": "aira-dsl architecture",
        "description": "A hybrid language model, or a space of them: the YAML form of .arch files.",
        "type": "object",
        "properties": {
            "name": {"type": "string", **_NAME, "description": "What to call it."},
            "extends": {"type": "string", "description": "Path of a file to build on."},
            **shared,
            "patterns": _mapping(_pattern("A pattern with a name."), "Named patterns."),
            "layers": _pattern("The order of the blocks, first layer first."),
            "mtp": _pattern("Layers of a module that predicts one more token; counted apart."),
            "slots": {**count, "description": "Layers of every member of a search space."},
            "overrides": {
                "type": "object",
                "description": "Other parameters for single layers, counted from 1.",
                "propertyNames": {"pattern": rf"^\s*{_SPAN}(\s*,\s*{_SPAN})*$"},
                "additionalProperties": _change(),
            },
            "scales": {
                "type": "object",
                "description": "The same design at other sizes.",
                "propertyNames": {"pattern": "^[0-9]*[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 64},
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        **shared,
                        "layers": _optional(_pattern("The layers at this size.")),
                        **{key: _optional(value) for key, value in extrapolation.items()},
                    },
                    "additionalProperties": False,
                },
            },
            "pattern": {"description": "Written by --emit json, and not read."},
            "mtp_parameters": {"description": "Written by --emit json, and not read."},
            "fingerprint": {"description": "Written by --emit json, and not read."},
            "costs": {"description": "Written by --emit json, and not read."},
        },
        "additionalProperties": False,
    }  # fmt: skip


def _settings() -> dict[str, Any]:
    properties = Design.model_json_schema()["properties"]
    return {key: _value(properties[key]) for key in SETTINGS}


def _block() -> dict[str, Any]:
    kinds = [
        {
            "type": "object",
            "properties": {"kind": {"const": kind}, **_parameters(kind)},
            "required": ["kind"],
            "additionalProperties": False,
        }
        for kind in KINDS
    ]
    return {"anyOf": [{"enum": list(KINDS)}, *kinds, _change()]}


def _change() -> dict[str, Any]:
    """Return the schema of parameters without a kind."""
    merged: dict[str, list[Any]] = {}
    for kind in KINDS:
        for key, value in _parameters(kind).items():
            merged.setdefault(key, []).append(value)
    properties = {
        key: each[0] if len(each) == 1 else {"anyOf": each} for key, each in merged.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _parameters(kind: str) -> dict[str, Any]:
    properties = KINDS[kind].model_json_schema()["properties"]
    return {key: _choice(_value(properties[key])) for key in KINDS[kind].parameter_names()}


def _choice(value: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value, or of a list of them: choices of a space."""
    one = {key: each for key, each in value.items() if key != "description"}
    return {"anyOf": [one, {"$ref": "#/$defs/choices"}], "description": value["description"]}


def _value(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value as it is written."""
    options = [_bare(each) for each in schema.get("anyOf", [schema])]
    if len(options) > 1:  # one of them is nothing, which has several spellings
        options.append({"enum": _NOTHING})
    body = options[0] if len(options) == 1 else {"anyOf": options}
    return {**body, "description": schema["description"]}


def _pattern(description: str) -> dict[str, Any]:
    entry = {"type": "string", "examples": ["5×(2A-M)-A", "16×(A-M)"]}
    return {
        "description": description,
        "anyOf": [entry, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
    }


def _mapping(value: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "propertyNames": _NAME,
        "additionalProperties": value,
    }


def _optional(value: dict[str, Any]) -> dict[str, Any]:
    description = {"description": value["description"]}
    return {**description, "anyOf": [value, {"type": "null"}]}


def _first(value: dict[str, Any]) -> dict[str, Any]:
    return _bare(value["anyOf"][0])


def _bare(value: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key not in {"title", "default", "anyOf"}}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
