"""What the user sees of a training: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from aira_dsl.pretraining.callbacks import Callbacks, TrainProgress
from aira_dsl.pretraining.result import TrainResult, ValidationPoint
from aira_dsl.utils.formatting import binary, duration, humanized

LINE_SECONDS = 30.0
"""Seconds between two lines where there is no terminal."""


class TrainView:
    """Shows a training; use it as a context manager.

    Args:
        console: where to show it.
        silent: show nothing, for all processes but the first.
    """

    def __init__(self, console: Console, *, silent: bool = False) -> None:
        self._console = console
        self._silent = silent
        self._line_at = 0.0
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=silent or not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, facts="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    def callbacks(self, should_stop: Callable[[], bool]) -> Callbacks:
        """Return the callbacks of a training."""
        if self._silent:
            return Callbacks(should_stop=should_stop)
        return Callbacks(self._reading, self._progress, self._validation, self._print, should_stop)

    def _reading(self, done: int, total: int) -> None:
        facts = f"{binary(done)} of {binary(total)}" if total else ""
        self._show("tokenizing", done, total, facts)

    def _progress(self, progress: TrainProgress) -> None:
        facts = (
            f"step {progress.step:,} of {progress.steps:,}  loss {progress.loss:.4f}  "
            f"{progress.tokens_per_second:,.0f} tokens/s"
        )
        if progress.validation is not None:
            facts += f"  validation {progress.validation.loss:.4f}"
        self._show("training", progress.step, progress.steps, facts)

    def _show(self, task: str, done: int, total: int, facts: str) -> None:
        self._bar.update(self._task, description=task, completed=done, total=total, facts=facts)
        if not self._console.is_terminal and time.monotonic() - self._line_at > LINE_SECONDS:
            self._print(f"{task}: {facts}")
            self._line_at = time.monotonic()

    def _validation(self, point: ValidationPoint) -> None:
        self._print(
            f"step {point.step:,}: validation loss {point.loss:.4f} nats a token, "
            f"{point.bits_per_byte:.4f} bits a byte"
        )

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False)


def result_text(result: TrainResult, name: str, folder: Path) -> str:
    """Return the summary of a training that ended."""
    overhead = result.overhead_seconds / (result.seconds + result.overhead_seconds)
    rows = [
        ("parameters", f"{humanized(result.parameters)} without embeddings"),
        ("budget", f"{result.steps:,} steps, {humanized(result.tokens)} tokens "
                   f"({result.epochs:.2f} epochs), {result.flops:.3g} FLOPs"),
        ("training loss", f"{result.loss:.4f} nats a token (last tenth of the steps)"),
        ("validation loss", f"{result.validation_loss:.4f} nats a token, "
                            f"{result.bits_per_byte:.4f} bits a byte"),
        ("speed", f"{result.tokens_per_second:,.0f} tokens/s on {result.ranks} "
                  f"{'process' if result.ranks == 1 else 'processes'}, {result.device}, "
                  f"{result.precision}"),
        ("time", f"{duration(result.seconds + result.overhead_seconds)}, "
                 f"{100 * overhead:.1f} % of it not in steps"),
    ]  # fmt: skip
    lines = [f"{name} is trained", *(f"  {title:<17}{text}" for title, text in rows)]
    return "\n".join([*lines, f"  {'folder':<17}{folder}"]) + "\n"
