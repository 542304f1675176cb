"""A quick fix never changes the meaning of what the user wrote."""

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import SETTINGS
from aira_dsl.language import check, parse
from aira_dsl.language.diagnostics.foreign_vocabulary import ABSENT, SAME, TOLD
from aira_dsl.language.diagnostics.suggest import nearest
from aira_dsl.primitives.registry import KINDS
from tests.language.fixes import applied

VALUES = {
    "width": "128", "context": "256", "vocab": "99", "depth": "2", "norm_eps": "1e-6",
    "tie_embeddings": "true", "heads": "8", "kv_heads": "2", "head_dim": "32", "rope": "1e4",
    "hidden": "256", "activation": "gelu", "inner": "64", "state": "16", "conv": "3", "groups": "1",
    "bias": "true",
    "conv_bias": "false", "dt_min": "0.001", "dt_max": "0.1", "dt_rank": "8",
    "experts": "4", "top": "2", "router": "sigmoid", "renormalize": "false",
    "correction_bias": "true", "shared": "64", "latent": "16", "clamp": "7",
    "q_rank": "16", "kv_rank": "16", "nope_dim": "8", "rope_dim": "4", "value_dim": "8",
    "interleaved": "false", "window": "8", "chunk": "8", "rotary": "0.5", "softcap": "30",
    "key_heads": "2", "value_heads": "4", "key_dim": "8", "negative_eigenvalues": "true",
    "lower_bound": "5",
    "scale": "0.5", "sinks": "true", "keys_are_values": "false", "value_scale": "0.7",
}  # fmt: skip


def settings_text(statement: str) -> str:
    return f"architecture m {{\n  {statement}\n  block A = attention\n  layers 2A\n}}\n"


def block_text(block: str) -> str:
    return f"architecture m {{\n  block A = {block}\n  layers 2A\n}}\n"


def errors(text: str):
    return [each for each in check(text) if each.severity == "error"]


def cases():
    """Yield a text with a foreign word, and the same text with ours."""
    for place, words in SAME.items():
        for ours, theirs in words.items():
            for word in theirs.split():
                if place == "setting" and ours in VALUES:
                    value = VALUES[ours]
                    yield settings_text(f"{word} {value}"), settings_text(f"{ours} {value}")
                elif place in KINDS:
                    value = VALUES[ours]
                    yield (
                        block_text(f"{place} {{ {word} {value} }}"),
                        block_text(f"{place} {{ {ours} {value} }}"),
                    )
                elif place == "kind":
                    yield block_text(word), block_text(ours)
                elif place == "value":
                    text = "mlp {{ activation {} }}"
                    yield block_text(text.format(word)), block_text(text.format(ours))


@pytest.mark.parametrize(("foreign", "ours"), list(cases()))
def test_words_of_other_tools_are_translated(foreign, ours):
    (found,) = errors(foreign)
    assert applied(found, foreign) == ours
    assert errors(ours) == []


def told():
    for place, texts in [*TOLD.items(), ("kind", {w: "" for _, w in ABSENT.values()})]:
        for words, text in texts.items():
            for word in words.split():
                yield place, word, text


@pytest.mark.parametrize(("place", "word", "text"), list(told()))
def test_words_that_mean_something_else_are_explained_without_a_fix(place, word, text):
    source = {
        "setting": settings_text(f"{word} 1"),
        "kind": block_text(word),
        "value": block_text(f"mlp {{ activation {word} }}"),
    }.get(place) or block_text(f"{place} {{ {word} 1 }}")
    found = errors(source)[0]
    assert found.fix is None
    assert text in found.help
    assert text or "is not in the language" in found.help


def test_a_parameter_among_the_settings_is_sent_to_a_block():
    (found,) = errors(settings_text("num_attention_heads 8"))
    assert found.fix is None
    assert found.help == "this is a parameter of a block: `block NAME = attention { … }`"


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("num_heads", ["kv_heads"]),
        ("mamba1", ["mamba2"]),
        ("conv_bias", ["conv"]),
        ("hidden_dropout", ["hidden"]),
        ("rope_scaling", ["rope"]),
        ("no_tie_embeddings", ["tie_embeddings"]),
        ("untie_embeddings", ["tie_embeddings"]),
        ("A2", ["A1"]),
        ("B", ["A"]),
    ],
)
def test_another_meaning_is_not_a_typo(word, known):
    assert nearest(word, known) is None


def test_a_fix_is_not_offered_where_two_words_are_equally_near():
    (found,) = errors(block_text("mlp { activation zelu }"))
    assert found.fix is None
    (found,) = errors("architecture m { block Ma = mlp; block Mb = mlp; layers Mc }")
    assert (found.fix, found.help) == (None, "did you mean one of `Ma`, `Mb`?")


def test_a_fix_does_not_give_a_word_twice():
    first, second = errors(settings_text("width 128\n  hidden_size 256"))[:1] * 2
    assert first.fix is second.fix is None
    assert first.help == "`width` is given already: delete one of them"
    (found,) = errors(block_text("attention { heads 8, num_heads 4 }"))
    assert found.fix is None


def fixed_up(text: str) -> str:
    """Apply fixes, one after another, as long as there are any."""
    for _ in range(20):
        found = next((each for each in errors(text) if each.fix), None)
        if found is None:
            return text
        text = applied(found, text)
    raise AssertionError(f"no end of fixes:\n{text}")


RIGHT = """\
architecture model {
  width 128
  vocab 1000
  context 256
  tie_embeddings false
  norm_eps 1e-6
  depth 7
  block Att = attention { heads 8, kv_heads 2, head_dim 16, rope 10000 }
  block Mlp = mlp { hidden 256, activation swiglu }
  block Ssm = mamba2 { inner 64, state 16, head_dim 32, conv 3, groups 1 }
  pattern Unit = Att-Mlp
  layers 2×(Unit-Ssm)-Unit-Ssm
  layer 1 { heads 4, kv_heads 4 }
}
"""


def meaning(text: str):
    """Return everything but the names that the author chose."""
    model = parse(text)
    values = [getattr(model, key) for key in SETTINGS]
    return [*values, *(model.blocks[name] for name in model.layers)]


WORDS = [match.span() for match in re.finditer(r"[A-Za-z_]\w{2,}", RIGHT)]
LETTERS = string.ascii_letters + "_"  # a digit is another meaning: `2A`


@st.composite
def slips(draw):
    """A right text with one letter deleted, doubled, inserted, replaced or swapped in a word."""
    start, end = draw(st.sampled_from(WORDS))
    word = RIGHT[start:end]
    at, letter = draw(st.integers(0, len(word) - 1)), draw(st.sampled_from(LETTERS))
    slip = draw(st.sampled_from(["delete", "double", "insert", "replace", "swap"]))
    wrong = {
        "delete": word[:at] + word[at + 1 :],
        "double": word[:at] + word[at] + word[at:],
        "insert": word[:at] + letter + word[at:],
        "replace": word[:at] + letter + word[at + 1 :],
        "swap": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    }[slip]
    return RIGHT[:start] + wrong + RIGHT[end:]


@settings(max_examples=150)
@given(slips())
@example(RIGHT.replace("activation swiglu", "activation swigl"))
def test_fixes_of_a_typo_give_back_what_was_meant(text):
    if not errors(text):
        return
    fixed = fixed_up(text)
    if errors(fixed) == []:
        assert meaning(fixed) == meaning(RIGHT)


@settings(max_examples=150)
@given(
    width=st.integers(1, 300), heads=st.integers(1, 40), kv_heads=st.none() | st.integers(1, 40),
    rope=st.sampled_from(["", "rope none"]),
)  # fmt: skip
@example(width=100, heads=16, kv_heads=None, rope="")
def test_advised_dimensions_of_attention_are_legal(width, heads, kv_heads, rope):
    parts = [f"heads {heads}", f"kv_heads {kv_heads}" if kv_heads else "", rope]
    block = f"attention {{ {', '.join(part for part in parts if part)} }}"
    text = f"architecture m {{\n  width {width}\n  block A = {block}\n  layers 2A\n}}\n"
    for found in errors(text):
        if found.fix is not None:
            assert errors(applied(found, text)) == []


@settings(max_examples=150)
@given(inner=st.integers(1, 300), head_dim=st.integers(1, 80), groups=st.integers(1, 12))
def test_advised_dimensions_of_mamba2_are_legal(inner, head_dim, groups):
    text = block_text(f"mamba2 {{ inner {inner}, head_dim {head_dim}, groups {groups} }}")
    for found in errors(text):
        if found.fix is not None:
            assert errors(applied(found, text)) == []
