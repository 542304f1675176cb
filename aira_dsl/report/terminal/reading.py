"""What the user sees while text is read."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichProgress


class ReadingView:
    """Shows how much text was read: a bar on a terminal, a line for every tenth elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tenths = 0
        self._bar = RichProgress(
            TextColumn("reading text"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Show how many bytes were read, and how many there are; 0 if that is not known."""
        self._bar.update(self._task, completed=done, total=total or None)
        tenths = 10 * done // total if total else 0
        if tenths > self._tenths and not self._console.is_terminal:
            self._console.print(f"read {done:,} of {total:,} bytes", highlight=False, markup=False)
        self._tenths = tenths
