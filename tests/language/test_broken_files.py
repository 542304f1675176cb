"""The corpus of broken files: what a person sees for each mistake, and that the help helps.

`broken/<family>/<slug>.arch` is a text as people and language models write it, and `<slug>.txt`
beside it what `aira-dsl check` says. Files whose names begin with `_` are there to be extended.

    pytest tests/language/test_broken_files.py --snapshot-update

writes what is said now; then read the difference, as carefully as code.
"""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from aira_dsl.error_codes import error_codes
from aira_dsl.language import ArchitectureError, Diagnostic, check, render_all
from aira_dsl.language.documents import read_text
from aira_dsl.language.semantics.inheritance import Origin
from aira_dsl.language.syntax.parser import WORDS
from tests.language.fixes import applied

FOLDER = Path(__file__).parent / "broken"
PATHS = sorted(path for path in FOLDER.rglob("*.arch") if not path.name.startswith("_"))
CASES = {str(path.relative_to(FOLDER).with_suffix("")): path for path in PATHS}
TOO_LARGE = {"text/too_long": "# " + "x" * (1 << 20)}
"""Cases that would be no fun as files."""

NAMES = sorted([*CASES, *TOO_LARGE])
SAID: dict[str, list[Diagnostic]] = {}


def source(name: str) -> str:
    return TOO_LARGE[name] if name in TOO_LARGE else read_text(CASES[name])


def examine(text: str, name: str) -> list[Diagnostic]:
    """Check a text as the file of a case, named as if from its folder."""
    path = FOLDER / f"{name}.arch"
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        return check(text, filename=path.name, file=path)
    finally:
        os.chdir(before)


def said(name: str) -> list[Diagnostic]:
    """Check a case once."""
    if name not in SAID:
        try:
            SAID[name] = examine(source(name), name)
        except ArchitectureError as error:
            SAID[name] = [*error.diagnostics]
    return SAID[name]


def rendered(name: str) -> str:
    try:
        text: str | None = source(name)
    except ArchitectureError:
        text = None
    root = Origin.of(FOLDER / "x.arch").root
    return render_all(said(name), text).replace(str(root), "PROJECT") + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_what_a_person_sees(name, request):
    recorded = FOLDER / f"{name}.txt"
    if request.config.option.update_snapshots:
        recorded.write_text(rendered(name), encoding="utf-8")
    assert rendered(name) == recorded.read_text(encoding="utf-8")


def test_every_record_has_a_case():
    records = {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.txt")}
    assert records == set(NAMES)


def test_every_code_about_a_text_has_a_case():
    elsewhere = {"E0109", "E0110", "E0111", "E0217", "E0225"}  # YAML; `parse`; `at`
    about_texts = {code for code in error_codes() if code[:3] in {"E01", "E02", "W02"}}
    assert {each.code for name in NAMES for each in said(name)} >= about_texts - elsewhere


@pytest.mark.parametrize("name", NAMES)
def test_case_is_told_well(name):
    found = said(name)
    assert found, "the case breaks no rule"
    assert len({(each.line, each.column) for each in found}) >= len(found) - 1, "a cascade"
    for each in found:
        sentence = f"{each.message} {each.help}"
        for terminal in WORDS.keys() - {"NAME"}:
            assert not re.search(rf"(?<![\w`]){re.escape(terminal)}(?![\w`])", sentence), sentence
        assert not re.search(r"__|ANON|Token\(|Error\b", sentence.replace("1__024", ""))
        assert (each.fix is not None) >= ("did you mean" in sentence), sentence
        assert each.severity == ("warning" if each.code.startswith("W") else "error")


@pytest.mark.parametrize("name", [name for name in NAMES if any(each.fix for each in said(name))])
def test_edits_remove_their_errors_and_bring_none(name):
    text, found = source(name), said(name)
    before = Counter((each.code, each.message) for each in found)
    for each in found:
        if each.fix is not None:
            after = Counter((e.code, e.message) for e in examine(applied(each, text), name))
            left = before - Counter([(each.code, each.message)])
            # Whether a path leads somewhere is only known once it can be read.
            after = Counter({key: n for key, n in after.items() if key[0] < "E03"})
            assert after <= left, f"{each.code} {each.message}: {after - left}"
