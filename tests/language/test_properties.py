"""What holds for every text: it is answered, soundly and within bounds; good ones survive."""

import cProfile
import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from test_printer import ANYWHERE, COMMENT, architectures, comments, line_end, pattern

from aira_dsl.architecture import Scale
from aira_dsl.language import (
    ArchitectureError,
    check,
    format_text,
    load,
    parse,
    render_all,
    to_text,
)
from aira_dsl.language.diagnostics.diagnostic import MAX_FOUND
from aira_dsl.language.syntax.scan import scan
from tests.language.fixes import applied

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.arch"))
ALL = """\
# Everything that can be said.
architecture all {
  width 64; vocab 1_000
  norm_eps 1e-6
  block A = attention { heads 8, kv_heads 2, rope none }
  block M = mlp {
    hidden 99  # odd
    activation swiglu
  }
  block S = mamba2 { inner 64, head_dim 32 }
  pattern Unit = 2×(A-M)
  layers Unit-S-3×Unit
  layer 1, 3 { heads 4, kv_heads 4 }
  depth 17
}

scale 1b {
  width 128
  block M { hidden 256 }
  parameters 1_000_000
  extrapolate stretch
}

scale other { layers A-M-S }
"""
GOOD = [ALL, *(path.read_text(encoding="utf-8") for path in EXAMPLES[:8])]


def assert_sound(text: str) -> None:
    """Check a text, and every promise that a diagnostic makes."""
    found = check(text)
    lines = text.removeprefix("\ufeff").split("\n")
    assert len(found) <= MAX_FOUND
    assert len({each.severity for each in found}) <= 1
    for each in found:
        assert 1 <= each.line <= len(lines)
        assert 1 <= each.column <= len(lines[each.line - 1]) + 1
        assert (each.line, each.column) <= (each.end_line, each.end_column)
        assert each.end_line <= len(lines)
        assert each.end_column <= len(lines[each.end_line - 1]) + 1
        sentence = f"{each.message} {each.help}"
        assert not re.search(r"(?<!`)\b_[A-Z]+\b|\$END|\bLBRACE\b|__ANON", sentence), sentence
        if each.fix is not None:
            assert (each.fix.line, each.fix.column) <= (each.fix.end_line, each.fix.end_column)
            assert applied(each, text) != text.removeprefix("\ufeff"), sentence
    shown = render_all(found, text)
    assert all(character.isprintable() or character == "\n" for character in shown)
    json.dumps([each.as_json() for each in found])


# Texts that were good once.

ALPHABET = re.findall(
    r"\S+",
    """architecture space scale block pattern layer layers width depth extends slots extrapolate
    parameters stretch stack A M S Unit attention mlp mamba2 heads rope none true 3 0 10_000 0.5 2e3
    1b { } { } ( ) = , - + × * ; : $ " ' "base.arch" "A" ` [ ] \\ / // é × … A–M ** ^ } }""",
)
TOKEN = st.sampled_from([*ALPHABET, "\n", "\n  ", " ", "# c\n", "\r\n", "\t"])


@st.composite
def mutants(draw):
    """A good text with a few pieces deleted, doubled, swapped, inserted or cut off."""
    text = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 3))):
        pieces = [each.start for each in scan(text)] + [len(text)]
        i, j, k = sorted(draw(st.sampled_from(pieces)) for _ in range(3))
        text = {
            "delete": lambda t, i, j, k: t[:i] + t[j:],
            "double": lambda t, i, j, k: t[:j] + t[i:],
            "swap": lambda t, i, j, k: t[:i] + t[j:k] + t[i:j] + t[k:],
            "insert": lambda t, i, j, k: t[:i] + draw(TOKEN) + t[i:],
            "cut": lambda t, i, j, k: t[:k],
        }[draw(st.sampled_from(["delete", "delete", "double", "swap", "insert", "insert", "cut"]))](
            text, i, j, k
        )
    return text


@settings(max_examples=150)
@given(mutants())
def test_any_mutant_is_answered(text):
    assert_sound(text)


@settings(max_examples=150)
@given(st.lists(TOKEN | st.characters(), max_size=40).map("".join))
@example("architecture x {\n  block A = attention\n  layers A }\n}")
@example("scale 1b { width 3 }\narchitecture x { block A = mlp; layers A }")
def test_any_soup_is_answered(text):
    assert_sound(text)


@settings(max_examples=60)
@given(st.binary(max_size=300) | st.sampled_from(GOOD).map(str.encode), st.binary(max_size=3))
def test_any_bytes_are_answered(tmp_path_factory, data, more):
    path = tmp_path_factory.getbasetemp() / "bytes.arch"
    path.write_bytes(data + more)
    with suppress(ArchitectureError):
        load(path)


# Work: function calls, which a loaded machine does not change.


def work(text: str) -> int:
    """Count the function calls of one check."""
    profile = cProfile.Profile()
    profile.runcall(check, text)
    return sum(entry.callcount for entry in profile.getstats())


HEAD = "architecture x {\n  block A = attention\n  block M = mlp\n"
GROWING = {
    "broken lines": lambda n: HEAD + "width = 3\n" * n + "layers A }",
    "odd characters": lambda n: HEAD + "width $\n" * n + "layers A }",
    "unknown settings": lambda n: HEAD + "".join(f"s{i} 1\n" for i in range(n)) + "layers A }",
    "undefined blocks": lambda n: HEAD + "layers " + "-".join(f"B{i}" for i in range(n)) + "}",
    "definitions": lambda n: HEAD + "".join(f"block B{i} = mlp\n" for i in range(n)) + "layers A }",
    "doubled definitions": lambda n: HEAD + "block A = mlp\n" * n + "layers A }",
    "open braces": lambda n: HEAD + "block B = mlp { hidden 3\n" * min(n, 60) + "layers A }",
    "closed braces": lambda n: HEAD + "width 3 }\n" * n + "layers A }",
    "statements on one line": lambda n: HEAD + "width 3 " * n + "$\nlayers A }",
    "open groups": lambda n: HEAD + "layers 2×(A-\n" * min(n, 60) + "}",
    "long broken pattern": lambda n: HEAD + "layers " + "A-" * n + "$ }",
    "sections": lambda n: (HEAD + "layers A }\n") * n,
    "scales": lambda n: HEAD + "layers A }\n" + "".join(f"scale s{i} {{}}\n" for i in range(n)),
    "scales with changes": lambda n: (
        HEAD + "layers A }\n"
        + "".join(f"scale s{i} {{ block A {{ heads {i} }} }}\n" for i in range(1, n))
    ),
    "overrides": lambda n: (
        HEAD + f"layers {n}×A\n" + "".join(f"layer {i} {{ heads 8 }}\n" for i in range(1, n)) + "}"
    ),
    "patterns": lambda n: (
        HEAD + "pattern P0 = A\n"
        + "".join(f"pattern P{i} = P{i - 1}\n" for i in range(1, n)) + f"layers P{n - 1} }}"
    ),
    "circles": lambda n: (
        HEAD + "".join(f"pattern P{i} = P{(i + 1) % n}\n" for i in range(n)) + "layers P0 }"
    ),
    "quotes": lambda n: HEAD + 'extends "' * n + "\n}",
    "fences": lambda n: "```\n" * n,
    "lookalikes": lambda n: HEAD + "layers A–M—A\n" * n + "}",
    "mixture": lambda n: "".join(ALL[: i * 37 % len(ALL)] + "\n" for i in range(n // 4)),
}  # fmt: skip


@pytest.mark.parametrize("text", GROWING.values(), ids=GROWING)
def test_work_grows_as_the_text_does(text):
    check(text(20))  # what is built once
    large = text(1200)
    calls = work(large)
    assert calls <= 6 * work(text(300)) + 20_000, "more than linear"
    assert calls <= 20_000 + 150 * len(large)


# Good texts and values survive.

PARAMETERS = {
    "A": ["heads 4", "rope none", "kv_heads 1", "heads 2, kv_heads 2"],
    "M": ["hidden 7", "activation gelu"],
    "Mb": ["state 3", "conv 2"],
    "e3": ["hidden 5"],
}
BLOCKS = """\
block A = attention { heads 8 }
block M = mlp { hidden 9 }
block Mb = mamba2 { inner 64, head_dim 32 }
block e3 = mlp { activation gelu }
"""


@st.composite
def sources(draw):
    """A correct file with named patterns, overridden layers and scales, in a random layout."""
    end = line_end(first=("\n", ";"))
    statements = [*BLOCKS.splitlines(), "width 64"]
    units = [f"pattern U{i} = {draw(pattern())}" for i in range(draw(st.integers(0, 2)))]
    names = ["".join(f"-U{i}" for i in range(len(units)))]
    layers = f"layers {draw(pattern())}{names[0]}"
    plain = parse("architecture {\n" + "\n".join([*statements, *units, layers]) + "\n}")
    statements += [*units, layers, *draw(overrides(plain.layers))]
    if draw(st.booleans()):
        statements.append(f"depth {plain.depth}")
    body = "".join(draw(ANYWHERE) + each + draw(end) for each in draw(st.permutations(statements)))
    text = f"architecture x {{{draw(ANYWHERE)}{draw(st.one_of(st.just(''), end))}{body}}}"
    assume(plain.depth <= 500)
    target = 3 * plain.stack_parameters(plain.layers)
    for i in range(draw(st.integers(0, 3))):
        text += draw(line_end()) + draw(scale(f"{i}b", target))
    return text + draw(st.one_of(st.just(""), line_end(), COMMENT))


@st.composite
def overrides(draw, layers):
    found = []
    numbers = draw(st.lists(st.integers(1, len(layers)), unique=True, max_size=4))
    for number in numbers:
        inside = draw(st.sampled_from(PARAMETERS[layers[number - 1]]))
        open_, close = draw(st.sampled_from([("{", "}"), ("{ # c\n ", "\n}"), ("{\n", ", }")]))
        span = draw(st.sampled_from([f"{number}", f"0{number}", f"{number}-{number}"]))
        found.append(f"layer {span} {open_}{inside}{close}")
    return found


@st.composite
def scale(draw, name, target):
    end = line_end(first=("\n", ";"))
    kind = draw(st.sampled_from(["stretch", "stack", "layers", "same"]))
    statements = ["vocab 99", "norm_eps 1e-3"]
    if kind in {"stretch", "stack"}:
        statements += [f"extrapolate {kind}", f"parameters {target}"]
    else:
        statements += ["width 128", "block A { heads 16 }", "block New = mlp"]
        statements += [f"layers {draw(pattern())}-New"] if kind == "layers" else []
    body = "".join(draw(ANYWHERE) + each + draw(end) for each in draw(st.permutations(statements)))
    return f"scale {name} {{{draw(st.one_of(st.just(''), end))}{body}}}"


@settings(max_examples=60)
@given(sources())
def test_formatting_keeps_the_meaning_and_the_comments(text):
    assert not any(each.severity == "error" for each in check(text))
    tidy = format_text(text)
    assert format_text(tidy) == tidy
    assert parse(tidy) == parse(text)
    assert comments(tidy) == comments(text)


@settings(max_examples=40)
@given(sources())
def test_what_a_text_means_survives_as_text(text):
    architecture = parse(text)
    assert parse(to_text(architecture)) == architecture
    for name in architecture.scales:
        at = architecture.at(name)
        assert parse(to_text(at)) == at


@settings(max_examples=60)
@given(architectures(), st.data())
def test_values_with_scales_survive_as_text(architecture, data):
    names = st.from_regex(r"\A[0-9]{0,2}[A-Za-z_][A-Za-z0-9_]{0,4}\Z").filter(
        lambda name: not re.match(r"[0-9]+[eE_][0-9]", name)  # reads as a number
    )
    for name in data.draw(st.lists(names, unique=True, max_size=3)):
        layers = st.lists(st.sampled_from(sorted(architecture.blocks)), min_size=1, max_size=9)
        each = Scale(
            width=architecture.width,
            vocab=data.draw(st.integers(1, 1 << 20)),
            context=data.draw(st.integers(1, 1 << 24)),
            blocks=architecture.blocks,
            layers=data.draw(st.none() | layers),
        )
        architecture = architecture.replace(scales={**architecture.scales, name: each})
    text = to_text(architecture)
    assert parse(text) == architecture
    assert format_text(text) == text
