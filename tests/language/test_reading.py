"""What a correct text means."""

import ast
import subprocess
import sys

import pytest

from aira_dsl.architecture import Architecture
from aira_dsl.language import (
    ArchitectureError,
    check,
    load,
    load_space,
    parse,
    parse_space,
)
from aira_dsl.language.syntax.parser import WORDS, parser
from aira_dsl.primitives import MLP, Attention, Mamba2

FULL = """
# Everything that can be said.
architecture full {
  width 64; vocab 1_000; context 2048
  tie_embeddings true
  norm_eps 1e-6
  block A = attention { heads 8, kv_heads 2, head_dim 16, rope none }
  block G = attention { heads 4, rope 5e5 }
  block M = mlp {
    hidden 99
    activation swiglu
  }
  block S = mamba2 { inner 32, state 8; head_dim 8, conv 3, groups 2 }
  block D = mlp
  layers 2×(A-M)-G,S D
}
"""


def test_everything_that_can_be_said():
    expected = Architecture(
        name="full",
        width=64,
        vocab=1000,
        context=2048,
        tie_embeddings=True,
        norm_eps=1e-6,
        blocks={
            "A": Attention(heads=8, kv_heads=2, head_dim=16, rope=None),
            "G": Attention(heads=4, rope=500_000.0),
            "M": MLP(hidden=99, activation="swiglu"),
            "S": Mamba2(inner=32, state=8, head_dim=8, conv=3, groups=2),
            "D": MLP(),
        },
        layers=("A", "M", "A", "M", "G", "S", "D"),
    )
    assert parse(FULL) == expected
    assert parse(FULL.replace("\n", "\r\n")) == expected
    assert parse("\ufeff" + FULL) == expected
    assert check(FULL) == []


def test_defaults_are_those_of_the_models():
    text = "architecture{block A=attention;block M=mlp;block S=mamba2;layers A M S}"
    expected = Architecture(
        blocks={"A": Attention(), "M": MLP(), "S": Mamba2()}, layers=("A", "M", "S")
    )
    assert parse(text) == expected
    assert expected.name == "model"


@pytest.mark.parametrize("name", ["block", "layers", "architecture", "true", "none", "e3", "_0"])
def test_no_word_is_reserved(name):
    architecture = parse(f"architecture {name} {{ block {name} = mlp; layers 2×{name} }}")
    assert architecture.layers == (name, name)
    assert architecture.name == name


def test_space():
    text = "space mad { width 64; block A = attention { heads 8 }; block M = mlp; slots 12 }"
    space = parse_space(text)
    assert (space.name, space.width, space.slots, space.layers) == ("mad", 64, 12, None)
    assert list(space.blocks) == ["A", "M"]
    assert space.blocks["A"] == Attention(heads=8).resolve(64)
    assert parse_space("space { block A = mlp; slots 1 }").name == "space"
    member = space.architecture(("A", "M", "M"), name="model")
    assert member == parse(
        text.replace("space mad", "architecture").replace("slots 12", "layers A 2M")
    )


def test_architecture_spans_a_space():
    space = parse_space(FULL)
    assert space.slots == 7
    assert space.layers == ("A", "M", "A", "M", "G", "S", "D")
    assert space.norm_eps == 1e-6
    assert dict(space.blocks) == parse(FULL).blocks


def test_files(tmp_path):
    path = tmp_path / "full.arch"
    path.write_text(FULL, encoding="utf-8")
    assert load(path) == load(str(path)) == parse(FULL)
    assert load_space(path).slots == 7
    path.write_text(FULL.replace("block D", "block A"), encoding="utf-8")
    with pytest.raises(ArchitectureError, match=r"full\.arch:14:9"):
        load(path)


def test_fingerprint_does_not_depend_on_spelling():
    other = FULL.replace("2×(A-M)-G,S D", "A+M+(A,M)+G-S-D").replace("full", "other")
    assert parse(other).fingerprint == parse(FULL).fingerprint
    assert parse(other.replace("hidden 99", "hidden 98")).fingerprint != parse(FULL).fingerprint


def test_every_terminal_has_human_words():
    assert {terminal.name for terminal in parser().terminals} | {"$END"} == set(WORDS)


def test_grammar_has_no_silent_conflicts():
    """Lark settles shift/reduce conflicts without a word, except in its log."""
    import logging
    from importlib.resources import files

    import lark

    records = []
    handler = logging.Handler()
    handler.emit = records.append
    lark.logger.addHandler(handler)
    level = lark.logger.level
    lark.logger.setLevel(logging.DEBUG)
    try:
        text = files("aira_dsl.grammar").joinpath("arch.lark").read_text(encoding="utf-8")
        lark.Lark(text, parser="lalr", start=["file", "item", "pattern"], debug=True)
    finally:
        lark.logger.setLevel(level)
        lark.logger.removeHandler(handler)
    assert [record.getMessage() for record in records if "onflict" in record.getMessage()] == []


def test_import_is_light():
    program = (
        "import sys, aira_dsl.language; "
        "print([m for m in ('torch', 'numpy', 'rich', 'typer', 'optuna') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ast.literal_eval(done.stdout) == []


def test_a_thousand_texts_are_a_thousand_architectures():
    """How long that takes is told by benchmarks/language.py; a test must not depend on it."""
    texts = [
        f"""architecture candidate_{i} {{
          width 128
          block A  = attention {{ heads 16, kv_heads 16, rope 10_000 }}
          block M  = mlp       {{ hidden 258, activation relu }}
          block Mb = mamba2    {{ inner 160, state 4, head_dim 32, conv 4 }}
          layers {"-".join("A" if i >> k & 1 else "M" for k in range(10))}-2×(Mb-A)-2M
        }}"""
        for i in range(1000)
    ]
    assert len({parse(text).fingerprint for text in texts}) == 1000
