"""Multi-token prediction: `mtp PATTERN`, which is counted apart."""

import json
from pathlib import Path

import pytest

from aira_dsl.architecture import Architecture, cost
from aira_dsl.architecture.record import as_json
from aira_dsl.interop.foreign_config import read_config
from aira_dsl.interop.huggingface import config_of, read_config_of_export
from aira_dsl.language import ArchitectureError, check, load, parse, parse_space, to_text, to_yaml

BLOCKS = """
  width 64
  block A = attention { heads 4 }
  block M = mlp
  block N = mlp { hidden 32, activation swiglu, norm sandwich }
"""


def written(mtp: str = "mtp A-N", settings: str = "") -> Architecture:
    return parse(f"architecture model {{{BLOCKS}{settings}\n  layers 4×(A-M)\n{mtp}\n}}")


@pytest.mark.parametrize(("settings", "norm"), [("", 64), ("norm_kind layer", 128)])
def test_its_parameters_are_in_no_other_number(settings: str, norm: int) -> None:
    architecture = written(settings=settings)
    attention, mlp = 4 * 64 * 64, 3 * 64 * 32
    norms = 3 + 3  # of the layers; of the embedding, of the hidden state and before the head
    assert architecture.mtp_parameters == attention + mlp + norms * norm + 2 * 64 * 64
    without = written("", settings)
    assert without.mtp_parameters == 0
    assert cost(architecture) == cost(without)
    assert architecture.pattern == without.pattern == "4×(A-M)"


def test_it_is_part_of_the_identity_and_names_are_not() -> None:
    prints = {written(mtp).fingerprint for mtp in ("", "mtp A-N", "mtp A-M", "mtp N-A", "mtp 2A")}
    assert len(prints) == 5
    renamed = to_text(written()).replace("N ", "Other ").replace("A-N", "A-Other")
    assert parse(renamed).fingerprint == written().fingerprint


def test_every_form_keeps_it() -> None:
    architecture = written("mtp 2×(A-N)")
    assert architecture.mtp == ("A", "N", "A", "N")
    assert parse(to_text(architecture)) == architecture
    assert parse(to_yaml(architecture), filename="a.yaml") == architecture
    assert parse(json.dumps(as_json(architecture)), filename="a.json") == architecture
    config = config_of(architecture, "float32")
    read = read_config(config, lambda each: read_config_of_export(each, "model"))
    assert read.fingerprint == architecture.fingerprint


def test_scales_and_files_that_extend_keep_it(tmp_path: Path) -> None:
    text = f"architecture model {{{BLOCKS}  layers A-M\n  mtp A-N\n}}\nscale big {{ width 128 }}\n"
    (tmp_path / "base.arch").write_text(text, encoding="utf-8")
    assert parse(text).at("big").mtp == ("A", "N")
    above = tmp_path / "above.arch"
    above.write_text('architecture { extends "base.arch"; layers 3A }', encoding="utf-8")
    assert load(above).mtp == ("A", "N")
    above.write_text('architecture { extends "base.arch"; mtp M }', encoding="utf-8")
    assert load(above).mtp == ("M",)
    above.write_text('space { extends "base.arch"; slots 3 }', encoding="utf-8")
    assert parse_space(above.read_text(encoding="utf-8"), file=above).slots == 3


def test_a_block_that_only_it_uses_is_used() -> None:
    text = f"architecture model {{{BLOCKS}  layers A-M\n  mtp N\n}}"
    assert check(text) == []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("mtp Q", "E0205"),
        ('mtp "A"', "E0210"),
        ("mtp 3", "E0210"),
        ("mtp 0A", "E0213"),
        ("mtp A-", "E0101"),
        ("mtp (A|N)", "E0226"),
        ("mtp 5000A", "E0212"),
    ],
)
def test_wrong_patterns(statement: str, code: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        written(statement)
    assert [each.code for each in caught.value.diagnostics] == [code]


def test_only_architectures_have_it() -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse_space(f"space {{{BLOCKS}  slots 4\n  mtp A\n}}")
    assert caught.value.code == "E0216"
