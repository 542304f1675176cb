"""No attempt to escape works in a sandbox, and those that are safe to try work without one."""

import os
import time
from pathlib import Path

import pytest

from aira_dsl.sandbox.kinds import SAFE
from aira_dsl.sandbox.spec import Kind
from benchmarks.escapes import table
from tests.sandbox.conftest import KINDS
from tests.sandbox.escapes.programs import PROGRAMS
from tests.sandbox.escapes.table import ATTEMPTS
from tests.sandbox.escapes.world import outcomes, processes_with, run_program

PAGE = Path(__file__).parents[2] / "docs/sandbox.md"


@pytest.mark.parametrize("kind", [kind for kind in SAFE if kind in KINDS])
def test_no_attempt_works_in_a_sandbox(kind: Kind) -> None:
    found = outcomes(kind)
    assert found.keys() == ATTEMPTS.keys()
    assert [name for name, outcome in found.items() if outcome == "worked"] == []


def test_attempts_work_without_a_sandbox() -> None:
    """Each could succeed: what refuses it in a sandbox is the sandbox."""
    found = outcomes("none")
    able = [name for name, each in ATTEMPTS.items() if each.control == "works"]
    assert {name: found[name] for name in able if found[name] != "worked"} == {}
    assert len(able) >= 50


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_without_end_is_ended(name: str, kind: Kind) -> None:
    program = PROGRAMS[name]
    if program.unsafe and kind == "none":
        pytest.skip("without a sandbox the kernel does not hold it")
    word = f"program-{os.getpid()}-{time.monotonic_ns()}"
    result = run_program(program, kind, word)
    assert result.ended_by in program.ended_by
    assert result.wall_seconds < 100
    assert len(result.stdout) + len(result.stderr) <= 2 << 20
    assert processes_with(word) == []


def test_the_page_lists_every_attempt() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(ATTEMPTS) + len(PROGRAMS) >= 60
    for row in table({}):
        assert f"\n| {row[0]} | {row[1]} | {row[2]} |" in page
