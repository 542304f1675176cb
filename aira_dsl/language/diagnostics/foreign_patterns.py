"""Other notations of patterns, the order of the layers. Earlier records win."""

import re

from aira_dsl.language.diagnostics.foreign_statements import computed
from aira_dsl.language.diagnostics.notation import Notation


def _from_list(match: re.Match[str]) -> str | None:
    names = re.findall(r"[\w×*()+-]+", match[1])
    count = f"{match[2]}×" if match[2] else ""
    return f"{count}({'-'.join(names)})" if names else None


_COUNT_AFTER = r"(\b(?!layers\b)[A-Za-z_]\w*|\([^()]*\))\s*(?:\*\*|[×*^])\s*(\d+)"

NOTATIONS = [
    Notation(
        "", r"(?<= )[ME|-]*[ME-]\*[ME*|-]*$",
        "in Megatron-LM `-` is an mlp and `*` attention; here `-` joins names of blocks",
        wrong="layers M-M*-M-",
    ),
    Notation(
        "pattern", r"([0-9]{1,6})\s*([×*])\s*([0-9]{1,6})(?=\s*[×*])",
        "one count is enough", computed,
        wrong="layers 2×4×(A-M)", right="layers 8×(A-M)",
    ),
    Notation(
        "pattern", r"(?<=layers)\s*[:=]*\s*\"([^\"]*)\"",
        "a pattern is written without quotes, `=` or `:`", r" \1",
        wrong='layers = "4×A"', right="layers 4×A",
    ),
    Notation(
        "pattern", r"(?<=layers)\s*\{", "a pattern has no braces: `layers 5×(2A-M)-A`",
        wrong="layers { A-M }",
    ),
    Notation(
        "pattern", _COUNT_AFTER, "a count is written before what it repeats", r"\2×\1",
        wrong="layers (A-M)*4", right="layers 4×(A-M)",
    ),
    Notation(
        "pattern", r"(?<=[0-9])\s*[×*]\s*[×*]+", "one sign is enough", "×",
        wrong="layers 4××(A-M)", right="layers 4×(A-M)",
    ),
    Notation(
        "pattern", r"(?:(?<=[(\s-])|^)[×*]\s*(?=[A-Za-z_(])", "a count is written before the sign",
        wrong="layers ×(A-M)",
    ),
    Notation(
        "pattern", r"[0-9]+\.[0-9]+\s*[×*]", "counts are whole numbers",
        wrong="layers 2.5×(A-M)",
    ),
    Notation(
        "pattern", r"\[([^\[\]]*)\](?:\s*[×*]\s*([0-9]+))?",
        "a pattern has no brackets or quotes, its layers are joined by `-`", _from_list,
        wrong="layers ['A', 'M'] * 4", right="layers 4×(A-M)",
    ),
    Notation(
        "pattern", r"(?<=[-×*+( ])\{([^{}]*)\}", "groups are written in `( … )`", r"(\1)",
        wrong="layers 4×{A-M}", right="layers 4×(A-M)",
    ),
    Notation(
        "pattern", r"(?<=\w)\s*\{.*",
        "parameters belong to a block, or to one layer: `layer 3 { … }`",
        wrong="layers 4×(A{heads 4}-M)",
    ),
    Notation(
        "pattern", r"\(\s*\)", "a group holds at least one block",
        wrong="layers 4×()",
    ),
    Notation(
        "pattern", r"\.{2,}|…", "a pattern is written out: `10×(A-M)`",
        wrong="layers A-M-...-A-M",
    ),
    Notation(
        "pattern", r"\s*\|\s*", "`(A|M)` is one layer of two blocks; layers are joined by `-`", "-",
        wrong="layers 4×(A-M|M)", right="layers 4×(A-M-M)",
    ),
    Notation(
        "pattern", r"\s*(?:->|=>|[/&>→])\s*", "layers are joined by `-`", "-",
        wrong="layers 4×(A->M)", right="layers 4×(A-M)",
    ),
    Notation(
        "pattern", r"\s*[-+,]\s*(?=$|\)|#)", "a separator is written between two layers", "",
        wrong="layers 4×(A-M-)", right="layers 4×(A-M)",
    ),
    Notation(
        "pattern", r"[-+,]\s*[-+,](?:\s*[-+,])*", "one separator is enough", "-",
        wrong="layers A--M", right="layers A-M",
    ),
    Notation(
        "pattern", r"(?<=[a-z( ])[-+,]\s*(?=[\w(])", "a separator is written between two layers",
        "",
        wrong="layers -A-M", right="layers A-M",
    ),
    Notation(
        "pattern", r"[0-9]+\s*$", "a count is written before what it repeats",
        wrong="layers 4×(A-M)-3",
    ),
    Notation(
        "pattern", r"\)", "this `)` closes nothing",
        wrong="layers 4×A-M)",
    ),
]  # fmt: skip
