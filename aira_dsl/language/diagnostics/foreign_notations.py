"""The table of habits: how other notations write things, and how the language does.

Each row holds the parts of the language where the habit occurs (`""` is everywhere), what it looks
like on one line, the help, and a function from the match to the edit (None: left to the user).
Earlier rows win.
"""

import re
from collections.abc import Callable
from functools import partial

from aira_dsl.language.diagnostics.suggest import nearest
from aira_dsl.language.diagnostics.syntax_help import HOW
from aira_dsl.language.vocabulary import STATEMENTS
from aira_dsl.primitives.registry import KINDS


def parameters(inside: str) -> str | None:
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


def _as(template: str, match: re.Match[str]) -> str:
    return match.expand(template)


def _nothing(match: re.Match[str]) -> None:
    """Leave the edit to the user."""


def _one_word(match: re.Match[str]) -> str | None:
    word = "_".join(re.findall(r"\w+", match[0]))
    return None if word[0].isdigit() else word  # `1_5b` would read as a number


def _in_braces(match: re.Match[str]) -> str | None:
    inside = parameters(match[2])
    return None if inside is None else f"{match[1]} {{ {inside} }}" if inside else match[1]


def _kind(match: re.Match[str]) -> str | None:
    parts = re.findall(r"\w+", match[0])
    return nearest("".join(parts), KINDS) or nearest(parts[-1], KINDS)


def _define(match: re.Match[str]) -> str | None:
    return f"block {match[1]} = {match[2]}" if nearest(match[2], KINDS) else None


def _list(match: re.Match[str]) -> str | None:
    names = re.findall(r"[\w×*()+-]+", match[1])
    count = f"{match[2]}×" if match[2] else ""
    return f"{count}({'-'.join(names)})" if names else None


def _computed(match: re.Match[str]) -> str | None:
    left, sign, right = int(match[1][:9]), match[2], int(match[3][:9])
    if sign in {"**", "^"}:
        if left == 10 and right < 0:
            return f"1e{right}"
        return str(left**right) if 0 <= right < 16 else None
    if sign == "/":
        return str(left // right) if right > 0 and left % right == 0 else None
    return str(left * right)


_WORD = "|".join(sorted(STATEMENTS, key=len, reverse=True))
_DELETE, _JOIN = partial(_as, ""), partial(_as, "-")
_BEHIND = r"(\b(?!layers\b)[A-Za-z_]\w*|\([^()]*\))\s*(?:\*\*|[×*^])\s*(\d+)"

TABLE: list[tuple[str, str, str, Callable[[re.Match[str]], str | None]]] = [
    # Comments, and marks of other tools.
    ("", r"/\*\s*(.*?)\s*\*/$", "comments begin with `#`", partial(_as, r"# \1")),
    ("", r"//|--(?= )|/\*", "comments begin with `#`", partial(_as, "#")),
    ("", r"\s*\\(?=\s*$)", "a line goes on after a separator, without `\\`", _DELETE),
    ("", r"\{\{.*?\}\}|\$\{?\w+\}?|<\w+>", "put the value in the place of this", _nothing),
    # Headers.
    (
        "header",
        r'\s+extends\s+("[^"]*")\s*\{',
        "`extends` is a statement of its own, inside of the section",
        partial(_as, r" {\n  extends \1"),
    ),
    ("header", r"(?<=\w)\s*[=:]\s*(?=\{)", "a section has no `=` or `:`", partial(_as, " ")),
    ("header", r'"(\w+)"', "names are written without quotes", partial(_as, r"\1")),
    ("header", r"(?<=\s)\w+(?:[-. ]\w+)+(?=\s*\{)", "a name is one word", _one_word),
    # Definitions.
    (
        "block pattern",
        r"((?:block|pattern)\s+\w+)\s*(?:::=|:=|==|=>|->|<-|:)\s*",
        "a name is defined by `=`",
        partial(_as, r"\1 = "),
    ),
    ("block", r"(?<=block )\s*(\w+)\s+(\w+)\s*\{", HOW["block"], partial(_as, r"\1 = \2 {")),
    (
        "block",
        r"(?<==)\s*(\w+)\s*[(\[]([^()\[\]]*)[)\]]",
        "parameters stand in braces: `{ … }`",
        lambda match: (found := _in_braces(match)) and f" {found}",
    ),
    ("block", r'block\s+"\w+"\s*', "names are written without quotes", _nothing),
    ("block", r"block\s*=", "a block has a name: `block NAME = KIND { … }`", _nothing),
    ("block", r"block\s+[0-9]\w*\s*=", "names begin with a letter or `_`", _nothing),
    ("block", r"block\s+\w+(?:[-.]\w+)+\s*=", "names use letters, digits and `_`", _nothing),
    (
        "block",
        r"(?<==\s)\w+(?:[-.]\w+)+\s*",
        f"a kind is one word: {', '.join(KINDS)}",
        lambda match: (found := _kind(match)) and f"{found} ",
    ),
    (
        "setting",
        rf"(?:(?<=\s)|^)(?!(?:{_WORD})\b)(\w+)\s*:?=\s*([A-Za-z]\w*)",
        HOW["block"],
        _define,
    ),
    (
        "setting",
        r"\bextends\s+([^\s\"'=]\S*)",
        'paths are written with `"`',
        partial(_as, r'extends "\1"'),
    ),
    # Layers.
    (
        "layer",
        r"([0-9]+)\s*(?:\.\.+|:|to)\s*([0-9]+)\s*",
        "a range of layers is written with `-`",
        partial(_as, r"\1-\2 "),
    ),
    ("layer", r"\s*[\[(]([0-9 ,-]+)[\])]", HOW["layer"], partial(_as, r" \1")),
    ("layer", r"\s*=\s*(?=\{)", HOW["layer"], partial(_as, " ")),
    ("layer", r"=.*", "a layer keeps its kind; `layers` says which block it has", _nothing),
    (
        "layer",
        r"[0-9]+(?:\s+[0-9]+)+",
        "separate layers by `,`",
        lambda match: ", ".join(match[0].split()),
    ),
    ("layer", r"(?<=layer)\s+[-+*]", "layers are counted from 1", _nothing),
    # Patterns.
    (
        "",
        r"(?<= )[ME|-]*[ME-]\*[ME*|-]*$",
        "in Megatron-LM `-` is an mlp and `*` attention; here `-` joins names of blocks",
        _nothing,
    ),
    (
        "pattern",
        r"([0-9]{1,6})\s*([×*])\s*([0-9]{1,6})(?=\s*[×*])",
        "one count is enough",
        _computed,
    ),
    (
        "pattern",
        r"(?<=layers)\s*[:=]*\s*\"([^\"]*)\"",
        "a pattern is written without quotes, `=` or `:`",
        partial(_as, r" \1"),
    ),
    ("pattern", r"(?<=layers)\s*\{", "a pattern has no braces: `layers 5×(2A-M)-A`", _nothing),
    ("pattern", _BEHIND, "a count stands before what it repeats", partial(_as, r"\2×\1")),
    ("pattern", r"(?<=[0-9])\s*[×*]\s*[×*]+", "one sign is enough", partial(_as, "×")),
    (
        "pattern",
        r"(?:(?<=[(\s-])|^)[×*]\s*(?=[A-Za-z_(])",
        "a count stands before the sign",
        _DELETE,
    ),
    ("pattern", r"[0-9]+\.[0-9]+\s*[×*]", "counts are whole numbers", _nothing),
    (
        "pattern",
        r"\[([^\[\]]*)\](?:\s*[×*]\s*([0-9]+))?",
        "a pattern has no brackets or quotes, its layers are joined by `-`",
        _list,
    ),
    ("pattern", r"(?<=[-×*+( ])\{([^{}]*)\}", "groups stand in `( … )`", partial(_as, r"(\1)")),
    (
        "pattern",
        r"(?<=\w)\s*\{.*",
        "parameters belong to a block, or to one layer: `layer 3 { … }`",
        _nothing,
    ),
    ("pattern", r"\(\s*\)", "a group holds at least one block", _nothing),
    ("pattern", r"\.{2,}|…", "a pattern is written out: `10×(A-M)`", _nothing),
    ("pattern", r"\s*(?:->|=>|[|/&>→])\s*", "layers are joined by `-`", _JOIN),
    ("pattern", r"\s*[-+,]\s*(?=$|\)|#)", "a separator stands between two layers", _DELETE),
    ("pattern", r"[-+,]\s*[-+,](?:\s*[-+,])*", "one separator is enough", _JOIN),
    ("pattern", r"(?<=[a-z( ])[-+,]\s*(?=[\w(])", "a separator stands between two layers", _DELETE),
    ("pattern", r"[0-9]+\s*$", "a count stands before what it repeats", _nothing),
    ("pattern", r"\)", "there is no `(` for it", _nothing),
    # Parameters.
    (
        "parameter",
        r"(?<=\{)[^{}]*?[\"':=][^{}]*(?=\})",
        "parameters are written `name value`, without `=`, `:` or quotes",
        lambda match: (found := parameters(match[0])) and f" {found} ",
    ),
    # Values.
    (
        "setting parameter",
        r"\b0,([0-9]+)\b",
        "a decimal number has a point",
        partial(_as, r"0.\1"),
    ),
    (
        "setting parameter",
        r"\b[1-9][0-9]{0,2}(?:[,'’][0-9]{3})+\b",
        "thousands are parted by `_`, or by nothing",
        _one_word,
    ),
    (
        "setting parameter",
        r"\b([0-9]+)\s*(\*\*|[×*^/])\s*(-?[0-9]+)\b",
        "numbers are written out",
        _computed,
    ),
    ("setting parameter", r"[0-9]*\s*[×*/^]\s*\w+", "numbers are written out", _nothing),
    (
        "setting parameter",
        r"(?<![\w.])\.([0-9]+)",
        "a digit stands before the point",
        partial(_as, r"0.\1"),
    ),
    (
        "setting parameter",
        r"([0-9]+)\.(?=[eE])",
        "a digit stands behind the point",
        partial(_as, r"\1.0"),
    ),
    ("setting parameter", r"(?<=[0-9])\.(?=\s|$)", "no point ends a statement", _DELETE),
    ("setting parameter", r"(?<=[0-9])%", "numbers have no unit", _nothing),
    ("setting parameter", r"\.\.+|…|\||[?~]|\[.*", "a value is one number or one word", _nothing),
    ("setting parameter", r"(?<=\w)\(\s*\)", "nothing is called here", _DELETE),
    (
        "setting",
        rf"(?:(?<=\s)|^)(?!(?:{_WORD})\b)\w+\s+({_WORD})\b\s*(?::\s*\w+\s*)?(?:=\s*)?([^{{}}<>]*)$",
        "a statement begins with its own name",
        partial(_as, r"\1 \2"),
    ),
    (
        "setting",
        r"(?<=\w)\s*[:=]+\s*[\"'](\w+)[\"']",
        "settings and parameters are written `name value`, without `=`, `:` or quotes",
        partial(_as, r" \1"),
    ),
    (
        "setting pattern",
        r"(?<=\w)\s*(?:::=|:=|=|:)\s*(?=[\"\w(])",
        "settings and parameters are written `name value`, without `=` or `:`",
        partial(_as, " "),
    ),
    ("setting", r"\s*,\s*$", "a statement ends at the end of its line, without `,`", _DELETE),
    ("setting", r"(?<=\s)\(\s*([\w.]+)\s*\)", "a value has no brackets", partial(_as, r"\1")),
    ("parameter", r",\s*(?=,)|(?<=\{)\s*,", "one `,` is enough", _DELETE),
    ("parameter", r"(?<=\w)\s*,\s*(?=[0-9])", HOW["parameter"], partial(_as, " ")),
    ("parameter", r"-[0-9.]+", "no value in the language is negative", _nothing),
    ("parameter", r"\)", "braces are closed by `}`", partial(_as, "}")),
    ("setting", r"-[0-9.]+", "no value in the language is negative", _nothing),
    ("block layer", r"(?<=\})\s*,\s*$", "a statement ends at the end of its line", _DELETE),
]
