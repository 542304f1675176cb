"""Messages, documentation and comments use plain English: words that have a simpler form are found.

Each rule is a pattern and what to write in its place. A line may say why it needs the word with the
comment `wording: ok`.
"""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KINDS = {".py", ".md", ".toml", ".html", ".lark", ".yaml", ".hpp", ".cpp", ".js", ".css"}
LEFT_OUT = ("tests/test_wording.py", "tests/language/broken/", "docs/example/")

RULES = {
    r"can not\b": "cannot",
    r"\banew\b": "again",
    r"\b(goes|go|going|went) on (with|where|from|by|at|and)\b": "continue",
    r"\bgoes on\b": "continues",
    r"(?<!there )\b(is|are) no (?!longer|more|less|other|such)[a-z]": "is not a",
    r"\b(nobody|whoever)\b": "name the process or the user",
    r"\bdear(er|est)\b": "more expensive",
    r"\bpatient(ly)?\b": "with retries",
    r"\btold apart\b": "significantly different",
    r"\bhopeless\b": "pruned, or among the worst",
    r"\bparted by\b": "separated by",
    r"\bcontest(ant)?s?\b": "benchmark, method, implementation",
    r"\b(hire[ds]?|hiring|crew|strangers?|orphans?)\b": "start, workers, foreign, stale",
    r"\b(what|which|that|it) lies? (between|beside|behind|below|above)\b": "name the thing",
    r"\b(lies|stands|lie|stand) (behind|beside)\b": "is after, is next to",
    r"\bby the way\b": "also",
    r"\bamiss\b": "wrong",
    r"\bquicke(r|st)\b": "faster",
    r"\bthe house\b": "the package layout",
    r"\bhardly meant\b": "probably unintended",
    r"\bhanded back\b": "rejected",
}


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """Every line that may not use such words, its place first."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name in text_files()
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if "wording: ok" not in line
    ]


@pytest.fixture(scope="module")
def text(lines: list[str]) -> str:
    """All lines, which a rule searches at once."""
    return "\n".join(line.split(": ", 1)[1] for line in lines)


def text_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [name for name in listed if Path(name).suffix in KINDS and not name.startswith(LEFT_OUT)]


@pytest.mark.parametrize("pattern", RULES)
def test_plain_words(pattern: str, lines: list[str], text: str) -> None:
    rule = re.compile(pattern, re.IGNORECASE)
    found = [lines[text.count("\n", 0, match.start())] for match in rule.finditer(text)]
    assert not found, f"write {RULES[pattern]!r} instead:\n" + "\n".join(found)
