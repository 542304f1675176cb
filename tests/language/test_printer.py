"""Formatting and writing: idempotent, meaning-preserving, comments kept; values survive as text."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture
from aira_dsl.language import format_text, parse, to_text
from aira_dsl.primitives import MLP, Attention, Mamba2

MESSY = """

# top


# of the file
architecture  x { # after brace

  # first
  width 128;vocab 300 ; # trail


  context 1_000   # kept as written
  block A=attention{heads 8,kv_heads 4 } # on A
  block Mb=mamba2 { # open
     inner 64
     head_dim 32 , # hd
     # own
     state 4
     # last
  } # closed
  block M = mlp {}
  layers 5 * ( # group
     A+ # plus
     # own in pattern
     2 M # two

     - Mb # before close
     ) , 3×A - # end
  (M A) # trailing
 # before brace

}


# after
# end"""

TIDY = """\
# top

# of the file
architecture x {  # after brace
  # first
  width 128
  vocab 300  # trail

  context 1_000  # kept as written
  block A  = attention { heads 8, kv_heads 4 }  # on A
  block Mb = mamba2    {  # open
    inner 64
    head_dim 32  # hd
    # own
    state 4
    # last
  }  # closed
  block M  = mlp
  layers 5×(  # group
    A-  # plus
    # own in pattern
    2M-  # two
    Mb  # before close
    )-3A-  # end
    (M-A)  # trailing
  # before brace
}

# after
# end
"""


def test_canonical_layout():
    assert format_text(MESSY) == TIDY
    assert format_text(TIDY) == TIDY
    assert parse(TIDY) == parse(MESSY)


def test_line_ends_and_byte_order_mark_are_normalized():
    assert format_text("\ufeff" + MESSY.replace("\n", "\r\n")) == TIDY


def test_long_patterns_are_broken_after_separators():
    layers = "-".join(["Alpha", "Beta"] * 40)
    text = f"architecture {{ block Alpha = mlp; block Beta = mlp; layers {layers} }}"
    tidy = format_text(text)
    assert max(map(len, tidy.splitlines())) <= 101
    assert format_text(tidy) == tidy
    assert parse(tidy).layers == parse(text).layers


def test_grouping_of_the_author_is_kept():
    text = "architecture { block A = mlp; layers (A)+2*(A,A)-2×A-1A }"
    assert "layers (A)-2×(A-A)-2A-1A\n" in format_text(text)


# Random layouts: the same tokens with other white space, separators, line ends and comments.

COMMENT = st.sampled_from(["# c", "#", "# ( } {", "#  spaced  ", "## é×", "# a ; b"])
ANYWHERE = st.sampled_from(["", " ", "\t", "   "])
SPACE = st.sampled_from([" ", "  ", "\t"])


@st.composite
def line_end(draw, first=("\n",)):
    """A line end, perhaps after a comment, perhaps with comments and blank lines behind it."""
    text = draw(ANYWHERE)
    if draw(st.booleans()):
        text += draw(COMMENT) + "\n"
    else:
        text += draw(st.sampled_from(first))
    for _ in range(draw(st.integers(0, 2))):
        text += draw(ANYWHERE) + draw(st.sampled_from(["", *([draw(COMMENT)])])) + "\n"
    return text


@st.composite
def pattern(draw, depth=0):
    """A random pattern over A, M, Mb and e3, of at most 1,080 layers."""
    gap = line_end() if depth else st.just("")
    parts = []
    for index in range(draw(st.integers(1, 3))):
        if index:
            after = draw(st.one_of(ANYWHERE, line_end()))
            before = draw(st.one_of(ANYWHERE, gap)) if depth else draw(ANYWHERE)
            parts.append(before + draw(st.sampled_from("-+,")) + after)
        group = depth < 2 and draw(st.booleans())
        count = draw(st.sampled_from(["", "2"] if group else ["", "2", "3", "1_0"]))
        sign = draw(st.sampled_from(["×", "*", " × "])) if count else ""
        if group:
            inside = draw(pattern(depth + 1))
            opened = draw(st.one_of(ANYWHERE, line_end()))
            closed = draw(st.one_of(ANYWHERE, line_end()))
            parts.append(f"{count}{sign}({opened}{inside}{closed})")
        else:
            parts.append(f"{count}{sign}{draw(st.sampled_from(['A', 'M', 'Mb', 'e3']))}")
    return "".join(parts)


@st.composite
def parameters(draw):
    given_ = draw(st.lists(st.sampled_from(["heads 4", "rope none", "head_dim 8"]), unique=True))
    if not given_:
        return draw(st.sampled_from(["", " {}", "{ # c\n}"]))
    text = draw(ANYWHERE) + "{" + draw(st.one_of(ANYWHERE, line_end()))
    for index, each in enumerate(given_):
        if index:
            text += draw(st.one_of(st.just(","), st.just(", # c\n"), line_end(first=("\n", ";"))))
        text += each
    return text + draw(st.one_of(ANYWHERE, line_end(), st.just(","))) + "}"


@st.composite
def source(draw):
    """A correct architecture in a random layout."""
    end = line_end(first=("\n", ";"))
    settings_ = draw(
        st.lists(st.sampled_from(["width 64", "vocab 1_0", "norm_eps 1e-6"]), unique=True)
    )
    statements = [
        *settings_,
        f"block A{draw(ANYWHERE)}={draw(ANYWHERE)}attention{draw(parameters())}",
        "block M = mlp",
        "block   Mb =mamba2 {state 4}",
        "block e3 = mlp { activation gelu }",
        f"layers {draw(pattern())}",
    ]
    body = "".join(draw(ANYWHERE) + each + draw(end) for each in draw(st.permutations(statements)))
    name = draw(st.sampled_from([" x", "", "  longer_name "]))
    head = draw(st.one_of(st.just(""), line_end()))
    tail = draw(st.one_of(st.just(""), line_end(), COMMENT))
    return f"{head}architecture{name}{{{draw(st.one_of(st.just(''), end))}{body}}}{tail}"


def comments(text):
    return [line.rstrip() for line in re.findall(r"#[^\n]*", text)]


@settings(max_examples=50)
@given(source())
def test_formatting_any_layout(text):
    tidy = format_text(text)
    assert format_text(tidy) == tidy
    assert parse(tidy) == parse(text)
    assert comments(tidy) == comments(text)
    assert "\n\n\n" not in tidy
    assert all(line == line.rstrip() for line in tidy.splitlines())


# Random values.

NAME = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,5}\Z") | st.sampled_from(["e3", "E", "_0", "e_1"])
SIZE = st.integers(1, 1 << 20)


@st.composite
def attention(draw, width):
    heads = draw(st.sampled_from([h for h in (1, 2, 4, 8, 16) if width % h == 0]))
    return Attention(
        heads=heads,
        kv_heads=draw(st.sampled_from([None, heads, 1])),
        head_dim=draw(st.sampled_from([None, 2, 64])),
        rope=draw(st.none() | st.floats(1.5, 1e12)) if width // heads % 2 == 0 else None,
    )


@st.composite
def mamba2(draw):
    head_dim, groups, factor = draw(st.tuples(*[st.integers(1, 8)] * 3))
    inner = head_dim * groups * factor
    return Mamba2(inner=inner, head_dim=head_dim, groups=groups, state=draw(SIZE), conv=draw(SIZE))


@st.composite
def architectures(draw):
    width = draw(st.integers(1, 1 << 20))
    mlp = st.builds(
        MLP, hidden=SIZE, activation=st.sampled_from(["swiglu", "relu", "relu2", "gelu"])
    )
    block = st.one_of(mlp, mamba2(), attention(width))
    blocks = draw(st.dictionaries(NAME, block, min_size=1, max_size=4))
    return Architecture(
        name=draw(NAME),
        width=width,
        vocab=draw(SIZE),
        context=draw(st.integers(1, 1 << 24)),
        tie_embeddings=draw(st.booleans()),
        norm_eps=draw(st.floats(0, 1, exclude_min=True, exclude_max=True)),
        softcap=draw(st.none() | st.floats(0, 1e6, exclude_min=True)),
        blocks=blocks,
        layers=draw(st.lists(st.sampled_from(sorted(blocks)), min_size=1, max_size=20)),
    )


@settings(max_examples=60)
@given(architectures())
def test_every_value_survives_as_text(architecture):
    text = to_text(architecture)
    assert parse(text) == architecture
    assert parse(text).fingerprint == architecture.fingerprint
    assert format_text(text) == text


def test_defaults_are_not_written():
    plain = Architecture(blocks={"A": Attention(), "M": MLP()}, layers=("A", "M"))
    assert to_text(plain) == (
        "architecture model {\n  block A = attention\n  block M = mlp\n  layers A-M\n}\n"
    )
