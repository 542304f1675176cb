"""The YAML form: the same language, the same diagnostics, at the places of the YAML text."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Scale
from aira_dsl.architecture.record import as_json
from aira_dsl.language import (
    ArchitectureError,
    check,
    format_text,
    load,
    parse,
    parse_space,
    render_all,
    to_text,
    to_yaml,
)
from tests.interop.models import random_architecture, with_overrides
from tests.language.fixes import applied
from tests.models.architectures import architectures

GOOD = """\
# ü, a comment
name: model
width: 128
blocks:
  A: {kind: attention, heads: 16, rope: 10_000}
  M:
    kind: mlp
    hidden: 258
  Mb: mamba2
patterns:
  Unit: 2A-M
layers: 5×Unit-Mb
overrides:
  1, 4-5: {rope: none}
scales:
  big:
    width: 256
    blocks:
      A: {heads: 8}
"""
SAME = """\
architecture model {
  block A = attention { heads 16, rope 10_000 }
  block M = mlp { hidden 258 }
  block Mb = mamba2
  pattern Unit = 2A-M
  layers 5×Unit-Mb
  layer 1, 4-5 { rope none }
}
scale big {
  width 256
  block A { heads 8 }
}
"""


def one(old, new):
    assert old in GOOD
    return GOOD.replace(old, new, 1)


CASES = {
    "E0105 nesting": "a: " + "[" * 100,
    "E0107 empty": "# nothing\n",
    "E0109 bracket": one("rope: 10_000}", "rope: 10_000"),
    "E0109 indentation": one("    kind: mlp", "   kind: mlp\n     x"),
    "E0109 quote": one("name: model", "name: 'model"),
    "E0109 tab": one("    hidden: 258", "\thidden: 258"),
    "E0110 anchor": one("{kind: attention", "&a {kind: attention"),
    "E0110 alias": one("Mb: mamba2", "Mb: *a"),
    "E0110 tag": one("width: 128", "width: !!int 128"),
    "E0110 merge key": one("    kind: mlp", "    <<: {hidden: 3}\n    kind: mlp"),
    "E0110 two documents": GOOD + "---\n" + GOOD,
    "E0111 list of blocks": "blocks: [A, M]\nlayers: A\n",
    "E0111 mapping for a number": one("width: 128", "width: {d: 128}"),
    "E0111 list for a parameter": one("heads: 16", "heads: [16]"),
    "E0111 pattern over lines": one("5×Unit-Mb", "5×Unit-\n  Mb"),
    "E0111 layers that are none": one("1, 4-5:", "1 and 4:"),
    "E0111 name with a dash": one("name: model", "name: my-model"),
    "E0111 key that is a list": "? [a]\n: 1\n",
    "E0111 a list": "- 1\n",
    "E0101 pattern": one("5×Unit-Mb", "5×Unit--Mb"),
    "E0202 key": one("width", "widht"),
    "E0202 group": one("blocks:", "block:"),
    "E0202 type for kind": one("kind: mlp", "type: mlp"),
    "E0202 kind of another name": one("kind: mlp", "is: mlp"),
    "E0109 line comment": one("width", "// small\nwidth"),
    "E0109 comment after a value": one("width: 128", "width: 128  /* small */"),
    "E0109 the .arch form": "# small\narchitecture m { block A = attention; layers A }\n",
    "E0203 parameter": one("heads: 16", "haeds: 16"),
    "E0204 kind": one("kind: mlp", "kind: mpl"),
    "E0205 block": one("5×Unit-Mb", "5×Unit-Mc"),
    "E0206 setting": one("width: 128", "width: 128\nwidth: 256"),
    "E0206 group": GOOD + "patterns: {}\n",
    "E0207 block": one("  Mb: mamba2", "  Mb: mamba2\n  A: mlp"),
    "E0208 parameter": one("heads: 16", "heads: 16, heads: 8"),
    "E0209 layers": one("layers: 5×Unit-Mb\n", ""),
    "E0209 blocks": "layers: 2A\n",
    "E0222 block": one("  Mb: mamba2", "  Mb: {state: 8}"),
    "E0210 unit": one("width: 128", "width: 1B"),
    "E0210 negative": one("hidden: 258", "hidden: -3"),
    "E0210 sexagesimal": one("hidden: 258", "hidden: 12:30"),
    "E0210 hexadecimal": one("hidden: 258", "hidden: 0x10"),
    "E0211 quoted number": one("heads: 16", 'heads: "12"'),
    "E0216 slots": one("width: 128", "slots: 128"),
    "E0219 layer": one("1, 4-5:", "1, 4-99:"),
    "E0220 layer": one("1, 4-5: {rope: none}", "1, 4-5: {rope: none}\n  4: {heads: 8}"),
    "E0223 scale": one("    width: 256\n", "    extrapolate: stack\n    parameters: 9\n"),
    "E0310 extends": one("width: 128", "extends: base.yaml"),
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_diagnostic(text, request, snapshot):
    found = [e for e in check(text, filename="model.yaml") if e.severity == "error"]
    assert {each.code for each in found} == {request.node.callspec.id[:5]}
    assert render_all(found, text) == snapshot


def test_comments_in_json_are_put_right():
    text = '{\n  // the width\n  "width": 128, "blocks": {"A": "attention"}, "layers": "2A"\n}\n'
    (found,) = check(text, filename="model.json")
    assert (found.code, found.line, found.column) == ("E0109", 2, 3)
    assert found.help == "comments begin with `#`; JSON itself has none"
    assert check(applied(found, text), filename="model.json") == []


def test_a_path_is_not_a_comment(tmp_path):
    (tmp_path / "a//b.yaml").parent.mkdir()
    (tmp_path / "a/b.yaml").write_text(GOOD, encoding="utf-8")
    for path in ("a//b.yaml", '"a//b.yaml"', "'.//a/b.yaml'"):
        assert check(f"extends: {path}\n", file=tmp_path / "m.yaml") == []


def test_malformed_json_is_called_json():
    (found,) = check('{"width": 128', filename="model.json")
    assert found.message == "this is not well-formed JSON"


def test_it_means_what_the_text_means():
    assert check(GOOD, filename="m.yaml") == check(SAME) == []
    assert parse(GOOD, filename="m.yaml") == parse(SAME)


def test_json_is_yaml():
    record = json.dumps(as_json(parse(SAME)))
    assert parse(record, filename="m.json") == parse(SAME)
    assert parse(json.dumps(json.loads(record), indent=2), filename="m.JSON") == parse(SAME)


def test_a_space():
    space = parse_space("blocks: {A: attention, M: mlp}\nslots: 6\n", filename="s.yml")
    assert (space.slots, list(space.blocks)) == (6, ["A", "M"])


@pytest.mark.parametrize("word", ["no", "on", "y", "Null", "true", "NaN", "off", "inf", "none"])
def test_norway_is_a_block(word):
    """Scalars count by what is written; other readers are helped with quotes."""
    text = f"blocks: {{{word}: mlp}}\nlayers: 3{word}-{word}\n"
    model = parse(text, filename="m.yaml")
    assert model.layers == (word,) * 4
    written = to_yaml(model)
    assert parse(written, filename="m.yaml") == model
    assert list(yaml.safe_load(written)["blocks"]) == [word]


@st.composite
def scaled(draw):
    """Architectures with scales of every kind."""
    model = draw(architectures())
    scales = {}
    for name in draw(st.sets(st.sampled_from(["1b", "350m", "big", "no"]))):
        design = draw(architectures())
        rule = draw(st.sampled_from(["same", "layers", "stretch", "stack"]))
        dimensions = {
            key: getattr(design, key) for key in ("width", "vocab", "context", "norm_eps")
        }
        blocks = {**dict.fromkeys(model.blocks, design.blocks[design.layers[0]]), **design.blocks}
        extra = {}
        if rule == "layers":
            extra["layers"] = design.layers
        elif rule != "same":
            size = Scale(**dimensions, blocks=blocks).stack_parameters(model.layers)
            extra = {"extrapolate": rule, "parameters": draw(st.integers(1, 3)) * size}
        scales[name] = Scale(**dimensions, blocks=blocks, **extra)
    return model.replace(scales=scales)


@settings(max_examples=60)
@given(scaled())
def test_text_json_yaml_text_is_the_same_architecture(model):
    text = to_text(model)
    first = parse(text)
    assert first == model
    second = parse(json.dumps(as_json(first)), filename="a.json")
    third = parse(to_yaml(second), filename="a.yaml")
    assert to_text(third) == text
    assert third == model


@pytest.mark.parametrize("seed", range(30))
def test_the_same_for_random_architectures_with_overrides(seed):
    model = with_overrides(random_architecture(seed))
    text = to_text(model)
    record = parse(json.dumps(as_json(parse(text))), filename="a.json")
    assert to_text(parse(to_yaml(record), filename="a.yaml")) == text


def test_positions_count_characters():
    text = "# 漢字 é\nname: ö\n"
    (found,) = [each for each in check(text, filename="m.yaml") if each.code == "E0111"]
    assert (found.line, found.column, found.end_column) == (2, 7, 8)
    again = check("\ufeff" + text, filename="m.yaml")
    assert [each.line for each in again] == [each.line for each in check(text, filename="m.yaml")]


def test_the_slower_loader_gives_the_same(monkeypatch):
    before = {name: check(text, filename="m.yaml") for name, text in CASES.items()}
    monkeypatch.delattr(yaml, "CSafeLoader")
    for name, text in CASES.items():
        found = check(text, filename="m.yaml")
        assert {each.code for each in found} == {each.code for each in before[name]}, name
    assert parse(GOOD, filename="m.yaml") == parse(SAME)


def test_bombs_are_refused():
    laughs = 'a0: &a0 ["lol"]\n' + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
    )
    assert [each.code for each in check(laughs, filename="m.yaml")] == ["E0110"]
    assert [each.code for each in check("[" * 500_000, filename="m.yaml")] == ["E0106"]
    assert [each.code for each in check("a: 1\n" * 200_000, filename="m.yaml")] == ["E0106"]


def test_forms_extend_each_other(tmp_path):
    (tmp_path / "base.yaml").write_text(
        "width: 64\nblocks: {A: {kind: attention, heads: 4}}\nlayers: 2A\n", encoding="utf-8"
    )
    (tmp_path / "middle.arch").write_text(
        'architecture middle {\n  extends "base.yaml"\n  block A { kv_heads 2 }\n}\n',
        encoding="utf-8",
    )
    (tmp_path / "top.json").write_text(
        '{"name": "top", "extends": "middle.arch", "blocks": {"A": {"heads": 8}}}', encoding="utf-8"
    )
    block = load(tmp_path / "top.json").blocks["A"]
    assert (block.heads, block.kv_heads, block.head_dim) == (8, 2, 8)
    (tmp_path / "base.yaml").write_text(
        "width: 64\nblocks: {A: {kind: attention, haeds: 4}}\nlayers: 2A\n", encoding="utf-8"
    )
    with pytest.raises(ArchitectureError) as caught:
        load(tmp_path / "middle.arch")
    assert caught.value.code == "E0309"


def test_only_arch_files_are_formatted():
    with pytest.raises(ArchitectureError) as caught:
        format_text(GOOD, filename="m.yaml")
    assert caught.value.code == "E0312"


def test_edits_that_are_offered_remove_their_error():
    offered = 0
    for name, text in CASES.items():
        for found in check(text, filename="m.yaml"):
            if found.fix is not None:
                lines = text.split("\n")
                line = lines[found.fix.line - 1]
                assert found.fix.line == found.fix.end_line
                lines[found.fix.line - 1] = (
                    line[: found.fix.column - 1] + found.fix.text + line[found.fix.end_column - 1 :]
                )
                left = check("\n".join(lines), filename="m.yaml")
                assert (found.code, found.message) not in {(e.code, e.message) for e in left}, name
                offered += 1
    assert offered >= 5
