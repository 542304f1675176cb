"""Every error code, read from errors.toml: its rule, the reason, and an example put right.

`aira-dsl explain` prints them, and docs/codes.md is written from them.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FAMILIES = {
    "E01": "text of architecture files",
    "E02": "meaning of architecture files",
    "W02": "warnings: valid, but probably unintended",
    "E03": "reading architecture files",
    "E04": "spaces",
    "E05": "compiled modules, exports and imports",
    "E06": "data and evaluation",
    "E07": "the evaluation store",
    "E08": "searches",
    "E09": "machine and services",
    "E11": "sandboxes",
    "E12": "design tasks and their candidates",
    "E13": "training runs and scaling fits",
    "E14": "tokens for pretraining",
    "E15": "training of language models",
    "E16": "grids of training runs",
    "E17": "latency and memory",
    "E18": "evaluation on tasks",
    "E19": "Ray clusters",
}
"""The topic of a code, by its first three characters; in the order of the documentation."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One table of errors.toml.

    Attributes:
        code: for example `E0211`.
        rule: what was broken, on one line.
        why: the reason for the rule and what to do; empty where the rule says it all.
        failing: a text that gives exactly this code, or None.
        fixed: the same text put right, or None.
        form: the form of both texts, `arch` or `yaml`.
        formerly: codes that this one replaces.
    """

    code: str
    rule: str
    why: str = ""
    failing: str | None = None
    fixed: str | None = None
    form: str = "arch"
    formerly: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The topic of the code."""
        return FAMILIES[self.code[:3]]


@cache
def error_codes() -> dict[str, ErrorCode]:
    """Return all codes in the order of errors.toml."""
    tables = tomllib.loads((Path(__file__).parent / "errors.toml").read_text(encoding="utf-8"))
    return {code: ErrorCode(code, **table) for code, table in tables.items()}


def find_code(code: str) -> ErrorCode | None:
    """Return a code in any letter case, or the one that replaces it."""
    code = code.strip().upper()
    for each in error_codes().values():
        if code == each.code or code in each.formerly:
            return each
    return None
