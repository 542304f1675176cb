"""Files that build on files: extends, changes, named patterns, overridden layers, scales."""

import os

import pytest

from aira_dsl.language import (
    ArchitectureError,
    check,
    format_text,
    load,
    load_space,
    parse,
    to_text,
)
from aira_dsl.primitives import MLP, Attention

BASE = """\
space base {
  width 64
  block A = attention { heads 4, kv_heads 2 }
  block M = mlp { hidden 96 }
  slots 4
}

scale big {
  width 128
  block A { heads 8 }
}
"""
ROOT = "architecture root {\n  block A = attention\n  block M = mlp\n  layers 2×(A-M)\n}\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").touch()

    def write(**files):
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".arch")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def child(*lines, base="base.arch"):
    body = "\n  ".join([f'extends "{base}"', *lines])
    return f"architecture child {{\n  {body}\n}}\n"


def problems(path):
    with pytest.raises(ArchitectureError) as caught:
        load(path)
    return caught.value.diagnostics


def test_what_a_file_says_wins_over_what_it_extends(project):
    folder = project(base=BASE, child=child("vocab 99", "block A { heads 2 }", "layers 2A-M"))
    model = load(folder / "child.arch")
    assert (model.width, model.vocab, model.layers) == (64, 99, ("A", "A", "M"))
    assert model.blocks["A"] == Attention(heads=2, kv_heads=2).resolve(64)
    assert model.blocks["M"] == MLP(hidden=96)


def test_a_new_definition_replaces_the_inherited_block_and_its_parameters(project):
    folder = project(base=BASE, child=child("block A = attention { heads 8 }", "layers A"))
    assert load(folder / "child.arch").blocks["A"] == Attention(heads=8).resolve(64)


def test_inherited_means_the_same_as_written_out(project):
    folder = project(
        base=BASE,
        child=child("block M { hidden 32 }", "layers A-M-A-M", "layer 3 { rope none }"),
    )
    written = """architecture other {
      width 64
      block A = attention { heads 4, kv_heads 2 }
      block B = attention { heads 4, kv_heads 2, rope none }
      block M = mlp { hidden 32 }
      layers A-M-B-M
    }"""
    assert load(folder / "child.arch").fingerprint == parse(written).fingerprint


def test_a_chain_of_files(project):
    folder = project(
        a=ROOT,
        sub__b=child("width 256", base="../a.arch"),
        c=child("block M { hidden 7 }", base="sub/b.arch"),
    )
    model = load(folder / "c.arch")
    assert (model.width, model.pattern, model.blocks["M"].hidden) == (256, "2×(A-M)", 7)


def test_a_space_is_extended_by_a_space_and_by_an_architecture(project):
    folder = project(
        base=BASE,
        more='space more {\n  extends "base.arch"\n  slots 9\n}\n',
        child=child("layers A"),
    )
    assert load_space(folder / "more.arch").slots == 9
    assert load_space(folder / "child.arch").slots == 1


def test_circles_are_found(project):
    folder = project(a=child(base="b.arch"), b=child(base="c.arch"), c=child(base="a.arch"))
    (found,) = problems(folder / "a.arch")
    assert (found.code, found.line) == ("E0307", 2)
    assert "a.arch → b.arch → c.arch → a.arch" in found.message
    own = project(self=child(base="self.arch"))
    assert problems(own / "self.arch")[0].code == "E0307"


def test_two_ways_to_one_file_are_no_circle(project):
    """A diamond: what is read twice along one chain is refused, beside one another it is not."""
    folder = project(a=ROOT, b=child(base="a.arch"), c=child("width 256", base="a.arch"))
    assert load(folder / "b.arch").layers == load(folder / "c.arch").layers


def test_paths_stay_inside_the_project(project, tmp_path, monkeypatch):
    outside = tmp_path.parent / f"{tmp_path.name}-outside.arch"
    outside.write_text(ROOT, encoding="utf-8")
    (tmp_path / "link.arch").symlink_to(outside)
    for base in (f"../{outside.name}", str(outside), "link.arch"):
        folder = project(child=child(base=base))
        (found,) = problems(folder / "child.arch")
        assert found.code == "E0308", base
        assert "AIRA_DSL_ROOT" in found.help
    monkeypatch.setenv("AIRA_DSL_ROOT", str(tmp_path.parent))
    assert load(tmp_path / "child.arch").depth == 4


def test_without_a_project_the_folder_is_the_limit(tmp_path):
    (tmp_path / "base.arch").write_text(ROOT, encoding="utf-8")
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "child.arch"
    path.write_text(child(base="../base.arch"), encoding="utf-8")
    in_a_project = any((folder / ".git").exists() for folder in tmp_path.parents)
    assert in_a_project or problems(path)[0].code == "E0308"


def test_files_that_can_not_be_extended(project, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.arch").write_bytes(b"\xe9")
    project(broken=ROOT.replace("attention", "atention").replace("2×", "0×"))
    for base, code, words in [
        ("missing.arch", "E0301", "missing.arch: no such file"),
        ("folder", "E0302", "folder: this is a directory"),
        ("latin.arch", "E0305", "is not UTF-8"),
        (
            "broken.arch",
            "E0309",
            "broken.arch has 2 errors: unknown kind of block `atention` [E0204",
        ),
        ("nul\x00byte.arch", "E0104", "control character"),
    ]:
        folder = project(child=child(base=base))
        (found,) = problems(folder / "child.arch")
        assert (found.code, found.line) == (code, 2), base
        assert words in found.message


def test_a_chain_has_an_end(project):
    files = {f"f{i}": child(base=f"f{i + 1}.arch") for i in range(12)}
    folder = project(**files, f12=ROOT)
    assert problems(folder / "f0.arch")[0].code == "E0311"
    assert load(folder / "f6.arch").depth == 4


def test_what_does_not_fit_together_is_shown_in_the_file_at_hand(project):
    folder = project(base=BASE, child=child("width 66", "layers A"))
    (found,) = problems(folder / "child.arch")
    assert (found.code, found.line, found.column) == ("E0211", 3, 9)
    folder = project(
        base=ROOT.replace("}\n", "  layer 4 { hidden 3 }\n}\n"),
        child=child("block M = attention"),
    )
    (found,) = problems(folder / "child.arch")
    assert (found.code, found.line) == ("E0203", 2)
    assert found.message.endswith("(in base.arch:5:13)")


def test_overrides_go_with_the_layers_they_were_written_for(project):
    base = ROOT.replace("}\n", "  layer 4 { hidden 3 }\n}\n")
    folder = project(base=base, same=child("width 256"), other=child("layers A-M"))
    assert load(folder / "same.arch").blocks["M_4"].hidden == 3
    assert load(folder / "other.arch").layers == ("A", "M")


def test_overrides_of_one_layer_in_two_files_add_up(project):
    base = ROOT.replace("}\n", "  layer 1 { heads 8, rope none }\n}\n")
    folder = project(base=base, child=child("layer 1 { heads 4 }"))
    model = load(folder / "child.arch")
    assert model.blocks[model.layers[0]] == Attention(heads=4, rope=None).resolve(128)


def test_equal_overrides_share_a_block_and_names_stay_free():
    model = parse("""architecture x {
      block A = attention
      block A_1 = mlp
      layers 4A-A_1
      layer 1-2, 4 { heads 8 }
      layer 3 { heads 4 }
    }""")
    assert model.layers == ("A_1_", "A_1_", "A_3", "A_1_", "A_1")


def test_named_patterns():
    model = parse("""architecture x {
      block A = attention
      block M = mlp
      layers Top-Unit
      pattern Unit = 2A-M
      pattern Top = 2×(Unit-A)
    }""")
    assert "".join(model.layers) == "AAMAAAMAAAM"


def test_patterns_that_double_each_other_cost_nothing():
    lines = ["block A = attention", "pattern P0 = 2A"]
    lines += [f"pattern P{i} = 2P{i - 1}" for i in range(1, 3000)]
    text = "architecture x {\n" + "\n".join([*lines, "layers P2999"]) + "\n}"
    assert [each.code for each in check(text)] == ["E0212"]
    text = text.replace("layers P2999", "layers P11")
    assert parse(text).depth == 4096


def test_scales_are_complete_in_themselves(project):
    folder = project(
        base=BASE,
        child=child("layers 2A-M", "layer 1 { rope none }")
        + "scale big { vocab 7 }\nscale twice { layers 2×(2A-M) }\n",
    )
    model = load(folder / "child.arch")
    big = model.at("big")
    assert (big.name, big.width, big.vocab, big.layers) == ("child_big", 128, 7, model.layers)
    assert big.blocks["A"] == Attention(heads=8, kv_heads=2).resolve(128)
    assert big.blocks["A_1"] == Attention(heads=8, kv_heads=2, rope=None).resolve(128)
    assert model.at("twice").pattern == "2×(2A-M)"
    assert not big.scales


def test_a_scale_extrapolates():
    model = parse("""architecture x {
      block A = attention
      block M = mlp
      layers 2A-M
    }
    scale double { parameters 395_264; extrapolate stretch }
    scale triple { parameters 592_896; extrapolate stack }
    """)
    assert model.at("double").pattern == "4A-2M"
    assert model.at("triple").pattern == "3×(2A-M)"


def test_scales_are_no_part_of_the_identity():
    plain = parse(ROOT)
    scaled = parse(ROOT + "scale big { width 256 }\n")
    assert plain != scaled
    assert plain.fingerprint == scaled.fingerprint


def test_values_print_and_read_back(project):
    folder = project(
        base=BASE,
        child=child("layers 2A-M", "layer 1 { rope none }")
        + "scale big { vocab 7 }\nscale up { parameters 1_000_000; extrapolate stack }\n",
    )
    model = load(folder / "child.arch")
    text = to_text(model)
    assert parse(text) == model
    assert format_text(text) == text


def test_a_text_knows_its_file_without_being_saved(project):
    folder = project(base=BASE)
    text = child("layers 2A-M")
    assert parse(text, file=folder / "unsaved.arch").width == 64
    assert [each.code for each in check(text)] == ["E0310"]


def test_formatting_needs_the_extended_file(project):
    folder = project(base=BASE, child=child("layers  A"))
    text = (folder / "child.arch").read_text(encoding="utf-8")
    assert "layers A\n" in format_text(text, file=folder / "child.arch")
    os.remove(folder / "base.arch")
    with pytest.raises(ArchitectureError):
        format_text(text, file=folder / "child.arch")


WARNINGS = {
    "W0201": ROOT.replace("layers", "block Q = mlp\n  layers"),
    "W0202": ROOT.replace("layers", "pattern Q = A-M\n  layers"),
    "W0203": ROOT.replace("layers", "depth 5\n  layers"),
    "W0204": ROOT.replace("(A-M)", "(A-M)  # 5 layers"),
    "W0205": ROOT.replace("attention", "mamba2").replace("layers", "context 8192\n  layers")
    + "scale 3b { width 4096; block M { hidden 100_000 } }\n",
    "W0206": ROOT.replace("attention", "attention { rope none }"),
    "W0207": ROOT.replace("attention", "mlp"),
}


@pytest.mark.parametrize("text", WARNINGS.values(), ids=WARNINGS)
def test_warnings(text, request, snapshot):
    found = check(text, filename="model.arch")
    assert {(each.code, each.severity) for each in found} == {(request.node.callspec.id, "warning")}
    parse(text)
    assert "\n\n".join(each.render(text) for each in found) == snapshot


def test_no_warning_without_a_reason(project):
    for comment in ("4 layers", "4 layers, 2 layers a unit", "the first 2 layers are special"):
        assert check(ROOT.replace("(A-M)", f"(A-M)  # {comment}")) == []
    folder = project(base=BASE, child=child("layers 2A  # the MLP of the base is not needed"))
    text = (folder / "child.arch").read_text(encoding="utf-8")
    assert check(text, file=folder / "child.arch") == []


@pytest.mark.parametrize("written", ["loop.arch", "a\0b.arch", "x" * 5_000 + ".arch"])
def test_what_can_not_be_a_path_is_said(tmp_path, written):
    (tmp_path / "loop.arch").symlink_to(tmp_path / "loop.arch")
    path = tmp_path / "a.yaml"
    path.write_text(f'extends: "{written}"\nlayers: A\n'.replace("\0", "\\0"), encoding="utf-8")
    assert [each.code for each in problems(path)] == ["E0304"]
