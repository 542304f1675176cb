"""Other notations of comments, headers, definitions, settings and values.

Earlier records win. The patterns of layers are in `foreign_patterns`.
"""

import re

from aira_dsl.language.diagnostics.foreign_words import meant
from aira_dsl.language.diagnostics.notation import Notation
from aira_dsl.language.diagnostics.suggest import nearest
from aira_dsl.language.diagnostics.syntax_help import HOW
from aira_dsl.language.vocabulary import STATEMENTS
from aira_dsl.primitives.registry import KINDS


def _name_value_pairs(inside: str) -> str | None:
    """Write `heads=8, "kv_heads": 2` as the language does, or return None if it is not that."""
    pairs = []
    for part in re.split(r"[,;]", inside):
        if not part.strip():
            continue
        pair = re.fullmatch(r"""\s*["']?(\w+)["']?\s*[:=\s]\s*["']?([\w.]+)["']?\s*""", part)
        if pair is None:
            return None
        pairs.append(f"{pair[1]} {pair[2]}")
    return ", ".join(pairs)


def _one_name(match: re.Match[str]) -> str | None:
    word = "_".join(re.findall(r"\w+", match[0]))
    return None if word[0].isdigit() else word  # `1_5b` would read as a number


def _call_to_braces(match: re.Match[str]) -> str | None:
    inside = _name_value_pairs(match[2])
    if inside is None:
        return None
    return f" {match[1]} {{ {inside} }}" if inside else f" {match[1]}"


def _pairs_in_braces(match: re.Match[str]) -> str | None:
    inside = _name_value_pairs(match[0])
    return f" {inside} " if inside else None


def _kind(match: re.Match[str]) -> str | None:
    if match.string[match.end() :].startswith("("):  # the arguments of a call would remain
        return None
    parts = re.findall(r"\w+", match[0])
    kind = meant("".join(parts), "kind", KINDS) or meant(parts[-1], "kind", KINDS)
    return f"{kind} " if kind else None


def _definition(match: re.Match[str]) -> str | None:
    return f"block {match[1]} = {match[2]}" if nearest(match[2], KINDS) else None


def computed(match: re.Match[str]) -> str | None:
    """Compute `8*16`, `2**10` or `128/2`; None if the result is not a whole number."""
    left, sign, right = int(match[1][:9]), match[2], int(match[3][:9])
    if sign in {"**", "^"}:
        if left == 10 and right < 0:
            return f"1e{right}"
        return str(left**right) if 0 <= right < 16 else None
    if sign == "/":
        return str(left // right) if right > 0 and left % right == 0 else None
    return str(left * right)


_WORD = "|".join(sorted(STATEMENTS, key=len, reverse=True))
_COMMENT = "comments begin with `#`"
_NAME_VALUE = "settings and parameters are written `name value`, without `=`, `:` or quotes"

COMMENTS = [
    Notation(
        "", r"/\*\s*(.*?)\s*\*/$", _COMMENT, r"# \1",
        wrong="width 64  /* small */", right="width 64  # small",
    ),
    Notation(
        "", r"<!--\s*(.*?)\s*(-->)?$", _COMMENT, r"# \1",
        wrong="width 64  <!-- small -->", right="width 64  # small",
    ),
    Notation(
        "", r"//|--(?= )|/\*", _COMMENT, "#",
        wrong="width 64  // small", right="width 64  # small",
    ),
    Notation(
        "", r"\s*\\(?=\s*$)", "a line continues after a separator, without `\\`", "",
        wrong="layers A-\\\n    M", right="layers A-\n    M",
    ),
    Notation(
        "", r"\{\{.*?\}\}|\$\{?\w+\}?|<\w+>", "put the value in the place of this",
        wrong="width {{ width }}",
    ),
]  # fmt: skip

HEADERS = [
    Notation(
        "header", r'\s+extends\s+("[^"]*")\s*\{',
        "`extends` is a statement of its own, inside the section", r" {\n  extends \1",
        wrong='architecture m extends "base.arch" {',
        right='architecture m {\n  extends "base.arch"',
    ),
    Notation(
        "header", r"(?<=\w)\s*[=:]\s*(?=\{)", "a section has no `=` or `:`", " ",
        wrong="architecture m = {", right="architecture m {",
    ),
    Notation(
        "header", r'"(\w+)"', "names are written without quotes", r"\1",
        wrong='architecture "m" {', right="architecture m {",
    ),
    Notation(
        "header", r"(?<=\s)\w+(?:[-. ]\w+)+(?=\s*\{)", "a name is one word", _one_name,
        wrong="architecture llama3.2 {", right="architecture llama3_2 {",
    ),
]  # fmt: skip

DEFINITIONS = [
    Notation(
        "block pattern", r"((?:block|pattern)\s+\w+)\s*(?:::=|:=|==|=>|->|<-|:)\s*",
        "a name is defined by `=`", r"\1 = ",
        wrong="block M: mlp { hidden 256 }", right="block M = mlp { hidden 256 }",
    ),
    Notation(
        "block", r"(?<=block )\s*(\w+)\s+(\w+)\s*\{", HOW["block"], r"\1 = \2 {",
        wrong="block M mlp { hidden 256 }", right="block M = mlp { hidden 256 }",
    ),
    Notation(
        "block", r"(?<==)\s*(\w+)\s*[(\[]([^()\[\]]*)[)\]]",
        "parameters are written in braces: `{ … }`", _call_to_braces,
        wrong="block M = mlp(hidden=256, activation='relu')",
        right="block M = mlp { hidden 256, activation relu }",
    ),
    Notation(
        "block", r'block\s+"\w+"\s*', "names are written without quotes",
        wrong='block "A" { heads 8 }',
    ),
    Notation(
        "block", r"block\s*=", "a block has a name: `block NAME = KIND { … }`",
        wrong="block = mlp { hidden 256 }",
    ),
    Notation(
        "pattern", r"pattern\s*=", HOW["pattern"],
        wrong="pattern = 2A",
    ),
    Notation(
        "block pattern", r"(?:block|pattern)\s+[0-9]\w*\s*=", "names begin with a letter or `_`",
        wrong="block 1A = attention",
    ),
    Notation(
        "block pattern", r"(?:block|pattern)\s+\w+(?:[-.]\w+)+\s*=",
        "names use letters, digits and `_`",
        wrong="block A-1 = attention",
    ),
    Notation(
        "block", r"(?<==\s)\w+(?:[-.]\w+)+\s*", f"a kind is one word: {', '.join(KINDS)}", _kind,
        wrong="block B = mamba-2 { state 16 }", right="block B = mamba2 { state 16 }",
    ),
    Notation(
        "setting", rf"(?:(?<=\s)|^)(?!(?:{_WORD})\b)(\w+)\s*:?=\s*([A-Za-z]\w*)",
        HOW["block"], _definition,
        wrong="M = mlp { hidden 256 }", right="block M = mlp { hidden 256 }",
    ),
    Notation(
        "setting", r"\bextends\s+([^\s\"'=]\S*)", 'paths are written with `"`', r'extends "\1"',
        wrong="extends base.arch", right='extends "base.arch"',
    ),
]  # fmt: skip

LAYERS = [
    Notation(
        "layer", r"([0-9]+)\s*(?:\.\.+|:|to)\s*([0-9]+)\s*",
        "a range of layers is written with `-`", r"\1-\2 ",
        wrong="layer 1..2 { heads 4 }", right="layer 1-2 { heads 4 }",
    ),
    Notation(
        "layer", r"\s*[\[(]([0-9 ,-]+)[\])]", HOW["layer"], r" \1",
        wrong="layer (1) { heads 4 }", right="layer 1 { heads 4 }",
    ),
    Notation(
        "layer", r"\s*=\s*(?=\{)", HOW["layer"], " ",
        wrong="layer 1 = { heads 4 }", right="layer 1 { heads 4 }",
    ),
    Notation(
        "layer", r"=.*", "a layer keeps its kind; `layers` says which block it has",
        wrong="layer 1 = mlp { hidden 64 }",
    ),
    Notation(
        "layer", r"[0-9]+(?:\s+[0-9]+)+", "separate layers by `,`",
        lambda match: ", ".join(match[0].split()),
        wrong="layer 1 2 { heads 4 }", right="layer 1, 2 { heads 4 }",
    ),
    Notation(
        "layer", r"(?<=layer)\s+[-+*]", "layers are counted from 1",
        wrong="layer -1 { heads 4 }",
    ),
]  # fmt: skip

VALUES = [
    Notation(
        "parameter", r"(?<=\{)[^{}]*?[\"':=][^{}]*(?=\})",
        "parameters are written `name value`, without `=`, `:` or quotes", _pairs_in_braces,
        wrong="block M = mlp { hidden: 256, activation='gelu' }",
        right="block M = mlp { hidden 256, activation gelu }",
    ),
    Notation(
        "setting parameter", r"\b0,([0-9]+)\b", "decimals are written with a point", r"0.\1",
        wrong="norm_eps 0,00001", right="norm_eps 0.00001",
    ),
    Notation(
        "setting parameter", r"\b[1-9][0-9]{0,2}(?:[,'’][0-9]{3})+\b",
        "thousands are separated by `_`, or not at all",
        wrong="width 4,096",
    ),
    Notation(
        "setting parameter", r"\b([0-9]+)\s*(\*\*|[×*^/])\s*(-?[0-9]+)\b",
        "numbers are written out", computed,
        wrong="width 8*16", right="width 128",
    ),
    Notation(
        "setting parameter", r"[0-9]*\s*[×*/^]\s*\w+", "numbers are written out",
        wrong="block M = mlp { hidden 4*width }",
    ),
    Notation(
        "setting parameter", r"(?<![\w.])\.([0-9]+)", "the point follows a digit", r"0.\1",
        wrong="norm_eps .00001", right="norm_eps 0.00001",
    ),
    Notation(
        "setting parameter", r"([0-9]+)\.(?=[eE])", "a digit follows the point", r"\1.0",
        wrong="norm_eps 1.e-5", right="norm_eps 1.0e-5",
    ),
    Notation(
        "setting parameter", r"(?<=[0-9])\.(?=\s|$)", "a statement ends without a point", "",
        wrong="width 64.", right="width 64",
    ),
    Notation(
        "setting parameter", r"(?<=[0-9])%", "numbers have no unit",
        wrong="width 64%",
    ),
    Notation(
        "parameter", r"(?<=[0-9])[kKmMgG]\b", "numbers have no unit: 128k is written 131_072",
        wrong="block A = attention { window 128k }",
    ),
    Notation(
        "setting parameter", r"\.\.+|…|\||[?~]|\[.*", "a value is one number or one word",
        wrong="block A = attention { heads ? }",
    ),
    Notation(
        "setting parameter", r"(?<=\w)\(\s*\)", "a value is a word, not a call", "",
        wrong="block M = mlp { activation relu() }", right="block M = mlp { activation relu }",
    ),
    Notation(
        "parameter", r",\s*(?=,)|(?<=\{)\s*,", "one `,` is enough", "",
        wrong="block A = attention { heads 8,, kv_heads 2 }",
        right="block A = attention { heads 8, kv_heads 2 }",
    ),
    Notation(
        "parameter", r"([{,]\s*[A-Za-z_]\w*)\s*,\s*(?=[0-9])", HOW["parameter"], r"\1 ",
        wrong="block A = attention { heads, 8 }", right="block A = attention { heads 8 }",
    ),
    Notation(
        "parameter setting", r"-[0-9.]+", "values are never negative",
        wrong="block M = mlp { hidden -258 }",
    ),
    Notation(
        "parameter", r"\)", "braces are closed by `}`", "}",
        wrong="block M = mlp { hidden 256 )", right="block M = mlp { hidden 256 }",
    ),
]  # fmt: skip

SETTINGS = [
    Notation(
        "setting",
        rf"(?:(?<=\s)|^)(?!(?:{_WORD})\b)\w+\s+({_WORD})\b\s*(?::\s*\w+\s*)?(?:=\s*)?([^{{}}<>]*)$",
        "a statement begins with its own name", r"\1 \2",
        wrong="let width: int = 64", right="width 64",
    ),
    Notation(
        "setting", r"(?<=\w)\s*[:=]+\s*[\"'](\w+)[\"']", _NAME_VALUE, r" \1",
        wrong='width = "64"', right="width 64",
    ),
    Notation(
        "setting pattern", r"(?<=\w)\s*(?:::=|:=|=|:)\s*(?=[\"\w(])",
        "settings and parameters are written `name value`, without `=` or `:`", " ",
        wrong="width = 64", right="width 64",
    ),
    Notation(
        "setting", r"\s*,\s*$", "a statement ends at the end of its line, without `,`", "",
        wrong="width 64,", right="width 64",
    ),
    Notation(
        "setting", r"(?<=\s)\(\s*([\w.]+)\s*\)", "a value has no brackets", r"\1",
        wrong="width (128)", right="width 128",
    ),
    Notation(
        "block layer", r"(?<=\})\s*,\s*$", "a statement ends at the end of its line", "",
        wrong="block M = mlp { hidden 256 },", right="block M = mlp { hidden 256 }",
    ),
]  # fmt: skip

NOTATIONS = [*HEADERS, *DEFINITIONS, *LAYERS, *VALUES, *SETTINGS]
