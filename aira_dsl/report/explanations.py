"""Every code at length: its rule, the reason for it, a text that breaks it, and the text put right.

The language's codes are explained in grammar/explanations.toml, all others have their rule in
aira_dsl/errors.toml. docs/errors.md lists the same, and a test keeps them in step.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from aira_dsl.errors import UsageError
from aira_dsl.language.diagnostics.codes import CODES
from aira_dsl.language.diagnostics.suggest import nearest

FAMILIES = {
    "E01": "text of architecture files",
    "E02": "meaning of architecture files",
    "W02": "warnings: legal, but hardly meant",
    "E03": "reading and writing architecture files",
    "E04": "spaces",
    "E05": "compiled modules and exports",
    "E06": "data and evaluation",
    "E07": "the evaluation store",
    "E08": "searches",
    "E09": "machine and services",
}
"""What the first digits of a code say."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code.

    Attributes:
        code: for example `E0211`.
        family: what it is about.
        rule: what was broken, in a line.
        why: the reason, and what to do; empty where the rule says it all.
        failing: a text that gives exactly this diagnostic, or None.
        fixed: the same text put right, or None.
        form: what the two are written in, `arch` or `yaml`.
    """

    code: str
    family: str
    rule: str
    why: str = ""
    failing: str | None = None
    fixed: str | None = None
    form: str = "arch"


def explanations() -> list[Explanation]:
    """Return all codes, sorted as in docs/errors.md."""
    return sorted(_all().values(), key=lambda each: list(FAMILIES).index(each.code[:3]))


def explain(code: str) -> Explanation:
    """Explain one code, in any letter case.

    Raises:
        UsageError: E0905, there is no such code.
    """
    found = _all().get(code.strip().upper())
    if found is None:
        meant = nearest(code.upper(), _all())
        help_text = f"did you mean {meant}?" if meant else "`aira-dsl explain` lists all codes"
        raise UsageError("E0905", f"there is no code {code!r}", help=help_text)
    return found


@cache
def _all() -> dict[str, Explanation]:
    root = Path(__file__).parents[1]
    grammar = Path(str(import_module("aira_dsl.grammar").__file__)).parent
    language: dict[str, dict[str, Any]] = _read(grammar / "explanations.toml")
    rules: dict[str, str] = _read(root / "errors.toml")
    found = [Explanation(c, FAMILIES[c[:3]], rule, **language[c]) for c, rule in CODES.items()]
    found += [Explanation(code, FAMILIES[code[:3]], rule) for code, rule in rules.items()]
    return {each.code: each for each in sorted(found, key=lambda each: each.code)}


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
