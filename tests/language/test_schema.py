"""The JSON Schema of the YAML form: current, valid, and of one opinion with the language."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import aira_dsl
from aira_dsl.architecture.record import as_json
from aira_dsl.language import to_yaml
from aira_dsl.language.yaml.schema import schema
from tests.language.test_yaml import CASES, GOOD

ROOT = Path(__file__).parents[2]
PUBLISHED = json.loads((ROOT / "grammar" / "arch.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(PUBLISHED)
EXAMPLES = sorted((ROOT / "examples").rglob("*.arch"))


def test_the_published_schema_is_current_and_valid():
    assert schema() == PUBLISHED, (
        "make grammar/arch.schema.json again: "
        "python -m aira_dsl.language.yaml.schema > grammar/arch.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid(path):
    try:
        model = aira_dsl.load(path)
    except aira_dsl.ArchitectureError:
        return  # a space
    VALIDATOR.validate(yaml.safe_load(to_yaml(model)))
    VALIDATOR.validate(as_json(model))


def test_what_people_write_is_valid():
    VALIDATOR.validate(yaml.safe_load(GOOD))
    VALIDATOR.validate(yaml.safe_load("blocks: {A: attention}\nslots: 6"))


@pytest.mark.parametrize(
    "name",
    [
        "E0111 list of blocks", "E0111 mapping for a number", "E0111 list for a parameter",
        "E0111 name with a dash", "E0202 key", "E0202 group", "E0203 parameter", "E0204 kind",
        "E0210 unit", "E0210 negative", "E0111 layers that are none",
    ],
)  # fmt: skip
def test_what_the_language_refuses_is_invalid(name):
    assert not VALIDATOR.is_valid(yaml.safe_load(CASES[name]))


def test_every_key_is_described():
    def walk(node):
        if isinstance(node, dict):
            for key, value in node.get("properties", {}).items():
                yield key, value
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    for key, value in walk(PUBLISHED):
        assert key == "kind" or value.get("description") or "anyOf" in value, key
