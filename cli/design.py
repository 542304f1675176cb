"""`aira-dsl design`: tasks for which agents write code, and their judge."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aira_dsl.design.options import DesignOptions, JudgeOptions

from .options import Force, Format, with_options
from .process import console, interruptible

if TYPE_CHECKING:
    from aira_dsl.design.judgement import Judgement

app = typer.Typer(help="Tasks for which agents write code: list, run, judge, new.")

_Task = Annotated[str, typer.Argument(help="Name of a task, or its folder.")]


@app.command("list")
def list_(
    task: Annotated[
        str | None,
        typer.Argument(
            help="Name of a task, or its folder; without one, the tasks of the package are listed."
        ),
    ] = None,
    *,
    size: Annotated[
        str | None, typer.Option(help="Size of the task (default: its first one).")
    ] = None,
    format_: Format = "text",
) -> None:
    """List the tasks that come with the package, or print the description of one."""
    from aira_dsl.report.terminal.design import task_json, task_text, tasks_json, tasks_text

    if task is not None:
        text = task_json(task, size) if format_ == "json" else task_text(task, size)
    elif size is None:
        text = tasks_json() if format_ == "json" else tasks_text()
    else:
        raise typer.BadParameter("name the task that has this size", param_hint="'--size'")
    sys.stdout.write(text)


@app.command()
@with_options
def run(
    task: _Task,
    *,
    options: DesignOptions,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the first prompt of the agent; make no call.")
    ] = False,
    format_: Format = "text",
) -> None:
    """Let an agent write code for a task; the same command continues an interrupted run."""
    from aira_dsl.api import run_design
    from aira_dsl.design.plan import DesignPlan
    from aira_dsl.report.terminal.design import result_json, result_text
    from aira_dsl.report.terminal.live import LiveView
    from aira_dsl.report.terminal.preview import preview_text
    from aira_dsl.study.agent.setup import preview_of

    if dry_run:
        plan = DesignPlan.of(task, options)
        sys.stdout.write(preview_text(preview_of(plan.agent()), plan.budget))
        return
    with interruptible("run"), LiveView(console(stderr=True)) as view:
        result = run_design(
            task, on_progress=view.update, on_baseline=view.baseline, **options.model_dump()
        )
    sys.stdout.write(result_json(result) if format_ == "json" else result_text(result))
    if result.best is None:
        raise typer.Exit(3)


@app.command()
@with_options
def judge(
    task: _Task,
    folder: Annotated[Path, typer.Argument(help="Folder with the files of a candidate.")],
    *,
    options: JudgeOptions,
    seed: Annotated[int, typer.Option(help="Seed of the training.", min=0, max=2**32 - 1)] = 0,
    format_: Format = "text",
) -> None:
    """Judge a folder of files as a run would; exit code 1 if it has no score."""
    from aira_dsl.report.terminal.design import judgement_text

    found = _judged(task, folder, options, seed)
    if format_ == "json":
        facts = {"score": found.score, "valid": found.valid, "reasons": list(found.reasons)}
        more = {"status": found.status, "facts": found.facts, "seconds": found.seconds}
        print(json.dumps({**facts, **more}, ensure_ascii=False))
    else:
        sys.stdout.write(judgement_text(found, task))
    if not found.valid:
        raise typer.Exit(1)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder of the new task; made if missing.")],
    *,
    force: Force = False,
) -> None:
    """Write a task of one's own, complete and small, as a beginning."""
    from aira_dsl.design.template import write_template

    write_template(folder, force=force)
    command = shlex.join(["aira-dsl", "design", "judge", f"{folder}", f"{folder / 'start'}"])
    print(f"{folder}: a task that works; try: {command}")


def _judged(task: str, folder: Path, options: JudgeOptions, seed: int) -> "Judgement":
    from aira_dsl.design.judge_folder import judge_folder

    with interruptible("judgement", then="repeats"):
        return judge_folder(task, folder, options, seed=seed)
