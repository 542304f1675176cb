"""`aira-dsl doctor`: what this machine gives."""

from typing import Annotated

import typer

from aira_dsl.doctor.diagnosis import PARTS, diagnose
from aira_dsl.report.terminal.doctor import doctor_json_text, doctor_table

from .options import Format
from .process import print_rich


def _known(names: list[str] | None) -> list[str]:
    for name in names or ():
        if name not in PARTS:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(PARTS)}")
    return names or []


def doctor(
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            callback=_known,
            autocompletion=lambda: list(PARTS),
            help=f"A part that is needed, too; repeatable: {', '.join(PARTS)}.",
        ),
    ] = None,
    format: Format = "text",
) -> None:
    """Say what this machine gives: packages, sandboxes, compiler, GPU, files, keys.

    Exit code 0: python, packages, torch, cache and store work, and each --require.

    Exit code 1: one of these is missing or broken.

    Exit code 2: the command line is wrong.
    """
    findings = diagnose(require or ())
    if format == "json":
        print(doctor_json_text(findings))
    else:
        print_rich(doctor_table(findings))
    if any(finding.fails for finding in findings):
        raise typer.Exit(1)
