"""Checks a config as `TransformerConfig.from_dict` of OLMo-core does, by its recorded schema."""

import json
from pathlib import Path

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "schema.json").read_text(encoding="utf-8"))
_PLAIN = {"int": int, "float": (int, float), "bool": bool, "str": str, "NoneType": type(None)}


def problems(config):
    """Return what OLMo-core would refuse in a config, as texts; empty if it would load it."""
    found = list(_of_class(config, "TransformerConfig", ""))
    unknown = set(config["block_pattern"]) - config["block"].keys()
    return found + [f"block_pattern: unknown block {name}" for name in sorted(unknown)]


def _of_class(value, name, path):
    if name == "SequenceMixerConfig":
        value = dict(value)
        name = SCHEMA["mixers"].get(value.pop("type", None))
    if name not in SCHEMA["classes"]:
        yield f"{path}: no class {name}"
        return
    fields = SCHEMA["classes"][name]
    for key, each in value.items():
        if key not in fields:
            yield f"{path}{key}: not a field of {name}"
        elif not any(_fits(each, kind) for kind in _alternatives(fields[key])):
            yield f"{path}{key}: {each!r} is not {fields[key]}"
        else:
            yield from _nested(each, fields[key], f"{path}{key}.")


def _nested(value, kind, path):
    for each in _alternatives(kind):
        if isinstance(each, str) and each.endswith("Config") and _fits(value, each):
            if path != "block." or "sequence_mixer" in value:
                yield from _of_class(value, each, path)
        elif isinstance(each, dict) and each["of"] == "dict" and _fits(value, each):
            for key, inner in value.items():
                yield from _of_class(inner, each["arguments"][1], f"{path}{key}.")


def _alternatives(kind):
    if isinstance(kind, dict) and kind["of"] in ("Union", "UnionType"):
        return kind["arguments"]
    return [kind]


def _fits(value, kind):
    if isinstance(kind, list):
        return value in kind
    if isinstance(kind, dict):
        return isinstance(value, list if kind["of"] == "list" else dict)
    if kind in _PLAIN:
        return isinstance(value, _PLAIN[kind]) and (kind == "bool" or not isinstance(value, bool))
    return isinstance(value, dict)
