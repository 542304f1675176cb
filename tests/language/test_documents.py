"""What the documents say about the language is true."""

import re
from pathlib import Path

import pytest

from aira_dsl.architecture import SETTINGS, Architecture
from aira_dsl.language import check, expand_pattern, parse
from aira_dsl.language.semantics.blocks import parameters_of
from aira_dsl.language.syntax.scan import MAX_DEPTH, MAX_LEXEMES
from aira_dsl.primitives.registry import KINDS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
SPEC = (ROOT / "grammar" / "SPEC.md").read_text(encoding="utf-8")


def fences(kind):
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.parametrize("text", fences("arch"))
def test_texts_of_the_guide(text, tmp_path):
    for other in fences("arch"):
        if other.startswith("# ") and other.split()[1].endswith(".arch"):
            (tmp_path / other.split()[1]).write_text(other, encoding="utf-8")
    assert check(text, file=tmp_path / "this.arch") == []


def test_scale_of_the_guide():
    text = next(text for text in fences("arch") if "scale 1b" in text)
    layers = expand_pattern("4A-9M-4A-5M-2A-5M", "AM")  # printed in paper 2605.15871, Table 9
    assert parse(text).at("1b").layers == layers
    assert "4A-9M-4A-5M-2A-5M" in GUIDE


def test_settings_of_the_guide_are_the_defaults():
    text = next(text for text in fences("arch") if "norm_eps" in text)
    assert set(SETTINGS) <= set(text.split())
    assert parse(text) == parse("architecture { block A = attention; layers 2A }")


@pytest.mark.parametrize("code", fences("python"))
def test_python_of_the_guide(code):
    exec(compile(code, "language.md", "exec"), {})


def test_patterns_of_the_guide():
    rows = re.findall(r"^\| (`[^|]*M[^|]*`) \| ([AMb ]+) \|$", GUIDE, flags=re.MULTILINE)
    assert len(rows) == 4
    for written, meaning in rows:
        for pattern in re.findall(r"`([^`]+)`", written):
            assert expand_pattern(pattern, ["A", "M", "Mb"]) == tuple(meaning.split())


def test_specification_names_everything():
    for name in [*SETTINGS, *KINDS, *(p for kind in KINDS for p in parameters_of(kind))]:
        assert f"`{name}`" in SPEC
    for name in ("width", "vocab", "context"):
        default = Architecture.model_fields[name].default
        assert re.search(rf"\| `{name}` \|[^|]*\| {default} \|", SPEC)
    assert f"{MAX_LEXEMES:,} words and marks" in SPEC
    assert f"nested\n{MAX_DEPTH} deep" in SPEC
