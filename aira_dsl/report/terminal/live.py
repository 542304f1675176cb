"""What the user sees during long work: a bar on a terminal, one line a result elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.progress import Progress, Trouble
from aira_dsl.study.trials import Trial
from aira_dsl.utils.formatting import clock


class LiveView:
    """Shows `Progress`; hand its `update` to `search` as `on_progress`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._trouble: Trouble | None = None
        self._baseline = 0, 0
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[facts]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("searching", total=None, facts="starting workers")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def update(self, progress: Progress) -> None:
        """Show where the search stands."""
        if progress.finished is not None:
            self._console.print(_result_line(progress), highlight=False, markup=False)
        if progress.trouble != self._trouble:
            text = _trouble_line(self._trouble, progress.trouble)
            self._console.print(text, highlight=False, markup=False)
            self._trouble = progress.trouble
        budget, seconds = progress.limits.budget, progress.limits.seconds
        self._bar.update(
            self._task,
            description="testing the winners" if progress.testing else "searching",
            total=budget if budget is not None else seconds,
            completed=progress.done if budget is not None else progress.seconds,
            facts=_facts(progress),
        )

    def baseline(self, done: int, total: int) -> None:
        """Show how much of the baseline is judged."""
        facts = f"{done} of {total} repeats"
        self._bar.update(
            self._task, description="baseline", total=total, completed=done, facts=facts
        )
        if (done, total) != self._baseline and not self._console.is_terminal:
            self._console.print(f"baseline: {facts}", highlight=False, markup=False)
        self._baseline = done, total


class ListView:
    """Shows how far a list of evaluations or searches is; use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = RichProgress(
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,} of {task.total:,}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, facts="starting")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    def count(self, done: int, total: int) -> None:
        """Show how much is done."""
        self._bar.update(self._task, completed=done, total=total, facts="")

    def update(self, done: int, total: int, evaluation: Evaluation) -> None:
        """Show how much is done, and the result that has just come in."""
        score = evaluation.status if evaluation.score is None else f"{evaluation.score:.4f}"
        facts = f"last {score} in {evaluation.seconds:.0f} s"
        self._bar.update(self._task, completed=done, total=total, facts=facts)
        if not self._console.is_terminal:
            self._console.print(f"[{done}/{total}] {facts}", highlight=False, markup=False)


class StepView:
    """Shows how much of one step after another is done; use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,} of {task.total:,}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=1)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    def update(self, step: str, done: int, total: int) -> None:
        """Show the step that is being done, how much of it is done, and how much there is."""
        self._bar.update(self._task, description=step, completed=done, total=total)
        if not self._console.is_terminal:
            self._console.print(f"[{done}/{total}] {step}", highlight=False, markup=False)


def _trouble_line(before: Trouble | None, now: Trouble | None) -> str:
    """Describe what the search waits for now, or what is available again."""
    if now is not None:
        return f"waiting for {now.what}: {now.reason}"
    assert before is not None
    return f"{before.what} is available again"


def _result_line(progress: Progress) -> str:
    """Describe the trial that has just finished, and the best so far."""
    trial = progress.finished
    assert trial is not None
    total = f"/{progress.limits.budget}" if progress.limits.budget is not None else ""
    outcome = (
        f"score {trial.score:.4f}" if trial.score is not None else _without_score(trial.status)
    )
    best = "no score yet" if progress.best is None else f"best {progress.best.score:.4f}"
    origin = "stored" if trial.cached else f"{trial.seconds or 0.0:.1f} s"
    return (
        f"[{progress.done}{total}] trial {trial.number}  {outcome}  {best}  "
        f"{trial.pattern or 'no candidate'}  {origin}{_made_by(trial)}"
    )


def _made_by(trial: Trial) -> str:
    """Return the operation of an agent that made a trial."""
    parents = " and ".join(map(str, trial.parents))
    return f"  {trial.operation}{f' of {parents}' if parents else ''}" if trial.operation else ""


def _without_score(status: str) -> str:
    return "pruned" if status == "pruned" else f"failed ({status})"


def _facts(progress: Progress) -> str:
    parts = [f"{progress.done} done", f"{progress.failed} failed", f"{progress.running} running"]
    if progress.asking:
        parts[-1] += f" ({progress.asking} being proposed)"
    if progress.best:
        parts.append(f"best {progress.best.score:.4f} {progress.best.pattern}")
    if progress.seconds_left is not None:
        parts.append(f"{clock(progress.seconds_left)} left")
    return ", ".join(parts)
