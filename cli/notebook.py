"""`aira-dsl notebook`: what an agent tried and why."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Format


def notebook(
    folder: Annotated[Path, typer.Argument(help="Run folder.")],
    format_: Format = "text",
) -> None:
    """Print a run as a lab notebook: hypotheses, parents, repairs, scores, costs."""
    from aira_dsl.design.run import read_any_run
    from aira_dsl.report.terminal.notebook import notebook_text
    from aira_dsl.study.trials import as_json

    run = read_any_run(folder)
    sys.stdout.write(as_json(run.rows) if format_ == "json" else notebook_text(run))
