"""The page about the tasks prints what it says it prints, and names every code that is raised."""

import contextlib
import io
import re
import sys
from pathlib import Path

import pytest

from aira_dsl.data.tasks import TASKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the default corpus is another one in each Python"
)
def test_the_example_prints_what_the_page_shows() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "docs/tasks.md", "exec"), {})
    assert printed.getvalue() == shown


def test_every_task_is_described() -> None:
    for name in [*TASKS, "language"]:
        assert f"| `{name}` |" in PAGE
