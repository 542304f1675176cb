"""The pattern notation, against the paper's printed strings and Python's own lists."""

import re
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.architecture import compress
from aira_dsl.language import ArchitectureError, expand_pattern

NAMES = ("A", "M", "Mb")

# facts/paper.md 2.2: printed, expanded as in the dossier.
BASES = {
    "(A+M)+(2A+2M)+4×(A+M)+2M": "A M A A M M A M A M A M A M M M",
    "2A+5×(A+M)+4M": "A A A M A M A M A M A M M M M M",
    "(2A+M)+3×(A+M)+(2A+M)+4A": "A A M A M A M A M A A M A A A A",
    "5×(2A+M)+A": "A A M A A M A A M A A M A A M A",
    "2Mb+M+11Mb+2M": "Mb Mb M" + 11 * " Mb" + " M M",
    "3×(2Mb+M+A)+2Mb+2M": "Mb Mb M A Mb Mb M A Mb Mb M A Mb Mb M M",
    "2Mb+A+2×(Mb+A)+M+2×(A+Mb+A+M)": "Mb Mb A Mb A Mb A M A Mb A M A Mb A M",
    "2Mb+M+2×(Mb+M)+A+M+Mb+M+A+M+Mb+M+A": "Mb Mb M Mb M Mb M A M Mb M A M Mb M A",
    "5×(Mb+M+A)+M": "Mb M A Mb M A Mb M A Mb M A Mb M A M",
}

# facts/paper.md 2.3 and 2.4: printed, layers of A, M, Mb as its tables say, and whether the string
# gives them (False: a misprint; the tables' counts agree with each other, the string does not).
PRINTED = [
    ("16×(A-M)", (16, 16, 0), True),
    ("4×(2A-4M)-A-2M", (9, 18, 0), True),
    ("4A-9M-4A-5M-2A-5M", (10, 19, 0), True),
    ("2×(A-M-2A-2M)-4×(2A-2M)-4M", (14, 18, 0), True),
    ("2×(3A-4×(M-A)-5M)", (14, 18, 0), True),
    ("3×(2×(2A-M)-3×(A-M)-4A)", (33, 15, 0), True),
    ("6A-3M-3A-3M-3A-3M-3A-3M-6A-3M-12A", (33, 15, 0), True),
    ("3×(5×(2A-M)-A)", (33, 15, 0), True),
    ("6A-3M-6A-3M-6A-3M-6A-3M-6A-3M-3A", (33, 15, 0), True),
    ("4Mb-2M-22Mb-4M", (0, 6, 26), True),
    ("3×(4Mb-2M-2A)-2×(2Mb-2M)", (6, 10, 16), True),
    ("2×(3×(2Mb-M-A)-2×(Mb-M))", (6, 10, 16), True),
    ("5Mb-3A-2Mb-3×(3A-2Mb-3A-2M)", (21, 6, 13), True),
    ("4Mb-2M-2Mb-3×(2M-2Mb-2M-2A)", (6, 14, 12), True),
    ("2×(2Mb-3×(M-Mb-M-A))", (6, 14, 12), False),
    ("2×(2Mb-M-Mb-3×(M-Mb-M-A))", (6, 14, 12), True),
    ("5×(2Mb-2M-2A)-2M", (10, 12, 10), True),
    ("2×(5×(Mb-M-A)-M)", (10, 12, 10), True),
    ("Mb-M-2×(A-4×(M-Mb)-M)-A-M-Mb-M", (3, 13, 12), False),
    ("2×(3×(Mb-M)-Mb-A-M)-Mb-M-Mb-A-5×(M-Mb)-M", (3, 13, 13), False),
    ("13×(Mb-M)", (0, 13, 13), True),
    ("7×(2Mb-M-3A)-2Mb-M", (21, 8, 16), True),
    ("14×(A-M)", (14, 14, 0), True),
    ("28×(A-M)", (28, 28, 0), True),
    ("4×(2A-4M)", (8, 16, 0), True),
    ("8×(2A-4M)-A-2M", (17, 34, 0), True),
    ("3A-8M-3A-5M-2A-5M", (8, 18, 0), True),
    ("7A-16M-7A-10M-4A-10M", (18, 36, 0), True),
    ("2×(A-M-2A-2M-3×(A-M)-A-3M)", (12, 14, 0), False),
    ("2×(A-M-4A-4M-6×(A-M)-2A-6M)", (25, 31, 0), False),
    ("(3A-4×(M-A)-5M)-7M", (7, 16, 0), True),
    ("3×(3A-4×(M-A)-5M)-5M", (21, 32, 0), True),
    ("2×(2×(2A-M)-3×(A-M)-4A)-2A", (24, 10, 0), True),
    ("4A-2M-2A-2M-2A-2M-2A-8A", (23, 11, 0), False),
    ("10A-5M-5A-5M-5A-5M-5A-20A-3A", (47, 23, 0), False),
    ("2×(5×(2A-M)-A)-2A", (24, 10, 0), True),
    ("5×(5×(2A-M)-A)-6A", (56, 20, 0), False),
    ("4A-2M-4A-2M-4A-2M-4A-2M-4A-2M-2A-M", (23, 11, 0), False),
]

# facts/paper.md 2.4, three primitives: no counts in the dossier, so only read.
READ_ONLY = """
2Mb-M-14Mb-2M-Mb | 6Mb-3M-30Mb-5M | 3×(2Mb-M-A)-3×(Mb-M)-A-Mb | 3×(5Mb-3M-3A)-3Mb-3M-3Mb-M |
3×(Mb-M-A)-2×(3×(Mb-M)-A)-Mb | 2×(3×(3Mb-M-A)-2×(Mb-M))-Mb-M-A-Mb-M |
4Mb-2A-Mb-3×(2A-Mb-2A-M)-Mb-A-Mb-A | 8Mb-5A-3Mb-2×(5A-3Mb-5A-3M)-5A-3Mb-5A |
2Mb-M-Mb-3×(M-Mb-M-A)-Mb-M | 5Mb-2M-2Mb-3×(2M-2Mb-2M-2A)-3×(Mb-M) |
Mb-M-Mb-3×(M-Mb-M-A)-Mb-M-Mb | 2×(2Mb-3×(M-Mb-M-A))-3×(Mb-M)-A | 5×(Mb-M-A)-M-Mb-M-A-Mb |
4×(3Mb-3M-3A)-3Mb-3M-2A | 2×(5×(Mb-M-A)-M)-4×(Mb-M-A) | Mb-M-A-5×(M-Mb)-A-M-Mb-M-Mb |
Mb-M-2×(A-4×(M-Mb)-M)-A-2×(M-Mb)-M-A-M-3×(Mb-M) | 3×(Mb-M)-Mb-A-4×(M-Mb)-A-M-Mb |
2×(3×(Mb-M)-Mb-A-M)-Mb-M-Mb-A-7×(M-Mb)-A-M-Mb | 8×(Mb-M)-Mb | 17×(Mb-M)-Mb |
4×(2Mb-M-3A)-2Mb | 9×(2Mb-M-3A)-2Mb-M
"""


def by_python(pattern):
    """An independent reading: Python lists, added and multiplied."""
    expression = re.sub(r"(\d+)\s*[×*]?\s*(?=[A-Za-z(])", r"\1*", pattern)
    expression = re.sub(r"[A-Za-z]+", lambda match: f"['{match[0]}']", expression)
    return tuple(eval(expression.replace("-", "+"), {"__builtins__": {}}))


@pytest.mark.parametrize(("printed", "expanded"), BASES.items())
def test_base_patterns_of_the_paper(printed, expanded):
    layers = expand_pattern(printed, NAMES)
    assert layers == tuple(expanded.split())
    assert len(layers) == 16


@pytest.mark.parametrize(("printed", "counts", "consistent"), PRINTED)
def test_large_patterns_of_the_paper(printed, counts, consistent):
    layers = expand_pattern(printed, NAMES)
    assert layers == by_python(printed)
    found = Counter(layers)
    assert (tuple(found[name] for name in NAMES) == counts) is consistent


@pytest.mark.parametrize("printed", [each.strip() for each in READ_ONLY.split("|")])
def test_other_patterns_of_the_paper(printed):
    assert expand_pattern(printed, NAMES) == by_python(printed)


@pytest.mark.parametrize(
    "pattern",
    [
        *("A-A-M", "A+A+M", "A,A,M", "A A M", "2A-M", "2×A M", "2*A,M", "2 A+M", "(A-A)-M"),
        *("2(A)M", "A-\n A -# why\n\n M", "(\nA\nA\n\nM\n)", "(A\n- A -\n M)", "02A-M"),
        *("  A A\tM  ", "\n2A-M\n"),
    ],
)
def test_spellings_of_one_sequence(pattern):
    assert expand_pattern(pattern, NAMES) == ("A", "A", "M")


@pytest.mark.parametrize("name", ["e3", "E", "e", "_0", "x", "true", "layers", "e3x"])
def test_any_block_name_can_be_repeated_by_a_sign(name):
    assert expand_pattern(f"2×{name}-3A-2×({name})", [name, "A"]) == (
        (name, name, "A", "A", "A", name, name)
    )


def test_number_in_place_of_a_block_says_how_to_write_it():
    with pytest.raises(ArchitectureError) as caught:
        expand_pattern("A-2e3", ["A", "e3"])
    assert caught.value.code == "E0214"
    assert caught.value.help is not None
    assert "`2×e3`" in caught.value.help
    assert len(expand_pattern("A-2×e3", ["A", "e3"])) == 3


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        *[(text, "E0101") for text in ("A-", "A--M", "-A", "()", "(A", "A)", "2", "2×3A", "A×2")],
        *[(text, "E0101") for text in ("×A", "2-A", "A\nM")],
        *[("", "E0107"), ("Q", "E0205"), ("(A|Q)", "E0205"), ("0A", "E0213"), ("A:M", "E0103")],
    ],
)
def test_wrong_patterns(pattern, code):
    with pytest.raises(ArchitectureError) as caught:
        expand_pattern(pattern, NAMES)
    assert [each.code for each in caught.value.diagnostics] == [code]


def test_limit_is_exact():
    assert len(expand_pattern("64×(63A-M)", NAMES)) == 4096
    with pytest.raises(ArchitectureError, match="has 4,097 layers"):
        expand_pattern("64×(63A-M)-A", NAMES)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=16))
def test_compressed_text_reads_back(names):
    assert expand_pattern(compress(names), NAMES) == tuple(names)


PATTERNS = st.recursive(
    st.sampled_from(NAMES)
    | st.tuples(st.integers(1, 3), st.sampled_from(NAMES)).map(lambda t: f"{t[0]}{t[1]}"),
    lambda inner: st.tuples(st.integers(1, 3), st.lists(inner, min_size=1, max_size=3)).map(
        lambda t: f"{t[0]}×({'-'.join(t[1])})"
    ),
    max_leaves=8,
)


@given(PATTERNS)
def test_nested_patterns_mean_what_lists_mean(pattern):
    expected = by_python(pattern)
    if len(expected) <= 4096:
        assert expand_pattern(pattern, NAMES) == expected


@pytest.mark.parametrize(
    "names",
    [["A"] * 2000 + ["M"] * 2000, (["A"] * 5 + ["M"] * 5) * 32, ["A", "M"] * 2048, ["A"] * 4096],
    ids=["two long runs", "sixty-four runs", "no runs", "one run"],
)
def test_the_longest_sequences_are_compressed_at_once(names):
    begin = time.process_time()
    assert expand_pattern(compress(names), NAMES) == tuple(names)
    assert time.process_time() - begin < 1.0


LAYERS = st.sampled_from([*NAMES, "|".join(NAMES[:2]), "|".join(NAMES[:3])])


@given(st.lists(LAYERS, min_size=1, max_size=20))
def test_parallel_layers_are_names_of_their_own(layers):
    assert expand_pattern(compress(layers), NAMES) == tuple(layers)


@pytest.mark.parametrize(
    ("pattern", "layers"),
    [
        ("(A|M)", ["A|M"]),
        ("2×( A | M | Mb )-M", ["A|M|Mb", "A|M|Mb", "M"]),
        ("2×((A|M)-A)", ["A|M", "A"] * 2),
        ("3(A|M)", ["A|M"] * 3),
    ],
)
def test_parallel_layers(pattern, layers):
    assert expand_pattern(pattern, ["A", "M", "Mb"]) == tuple(layers)


@pytest.mark.parametrize("pattern", ["A|M", "(A|)", "(|A)", "(2A|M)", "(A-M|M)", "((A|M)|M)"])
def test_each_side_of_a_bar_is_one_block_in_parentheses(pattern):
    with pytest.raises(ArchitectureError) as caught:
        expand_pattern(pattern, NAMES)
    assert caught.value.code == "E0101"


def test_compressed_names_are_not_read_as_numbers():
    names = ("e3", "e3", "_0", "_0", "Mb")
    assert expand_pattern(compress(names), names) == names


def test_a_period_that_comes_again_counts_more_than_a_long_one_that_does_not():
    """Gemma 3 4B: 34 decoder layers, five windows to one full layer."""
    window, full = ["W", "M"], ["A", "M"]
    names = [*(5 * window + full) * 5, *4 * window]
    assert len(names) == 68
    assert compress(names) == "5×(5×(W-M)-A-M)-4×(W-M)"
