"""Attempts to escape from each sandbox of this machine, as the Markdown table of docs/sandbox.md.

    python -m benchmarks.escapes

The attempts are those of the tests, tests/sandbox/escapes. What is unsafe is not tried without a
sandbox. It exits with 1 if one works in a sandbox.
"""

import platform
import sys

from aira_dsl.sandbox.kinds import available_kinds
from aira_dsl.sandbox.spec import Kind
from tests.sandbox.escapes.programs import PROGRAMS
from tests.sandbox.escapes.table import ATTEMPTS
from tests.sandbox.escapes.world import outcomes, run_program

WORKED, REFUSED, NOT_TRIED = "works", "refused", "not tried"


def main() -> None:
    kinds = [kind for kind, obstacle in available_kinds().items() if obstacle is None]
    found = {kind: {**_attempts(kind), **_programs(kind)} for kind in kinds}
    rows = table(found)
    release = platform.release().partition("-")[0]
    print(f"Linux {release}, {platform.machine()}: {len(rows)} attempts.\n")
    print("| group | attempt | name |" + "".join(f" `{kind}` |" for kind in kinds))
    print("| --- | --- | --- |" + " --- |" * len(kinds))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    worked = {kind: list(found[kind].values()).count(WORKED) for kind in kinds}
    print("| | **that work** | |" + "".join(f" **{worked[kind]}** |" for kind in kinds))
    sys.exit(any(count for kind, count in worked.items() if kind != "none"))


def table(found: dict[Kind, dict[str, str]]) -> list[list[str]]:
    """Return group, text, name and the outcome in each sandbox, for every attempt."""
    attempts = [[each.group, each.text, f"`{name}`"] for name, each in ATTEMPTS.items()]
    programs = [["without end", each.text, f"`{name}`"] for name, each in PROGRAMS.items()]
    return [
        [*row, *(outcome[row[2].strip("`")] for outcome in found.values())]
        for row in (*attempts, *programs)
    ]


def _attempts(kind: Kind) -> dict[str, str]:
    said = outcomes(kind)
    return {
        name: NOT_TRIED if name not in said else WORKED if said[name] == "worked" else REFUSED
        for name in ATTEMPTS
    }


def _programs(kind: Kind) -> dict[str, str]:
    """Return which limit ended each program; without a sandbox the same limits hold."""
    ended = {}
    for name, program in PROGRAMS.items():
        if program.unsafe and kind == "none":
            ended[name] = NOT_TRIED
            continue
        by = run_program(program, kind).ended_by
        ended[name] = WORKED if by not in program.ended_by else f"ended: {by or 'full disk'}"
    return ended


if __name__ == "__main__":
    main()
