"""The process of a command: streams, exit codes, interruptions."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from aira_dsl.errors import AiraError, RunError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_UNBOUNDED = 100_000  # columns


def run(command: Callable[[], object]) -> None:
    """Run a command and exit with its code."""
    _prepare_streams()
    for number in _SIGNALS:
        signal.signal(number, _exit)
    try:
        try:
            command()
        finally:
            if not sys.stdout.closed:  # the language server closes it
                sys.stdout.flush()
    except AiraError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader closed the pipe (e.g. `head`)
        _discard_output()
        sys.exit(0)
    except OSError as error:
        _discard_output()
        failure = RunError(
            "E0904",
            f"the output cannot be written: {error.strerror or error}",
            help="free space, or write the output to another place",
        )
        print(failure, file=sys.stderr)
        sys.exit(failure.exit_code)


@contextmanager
def interruptible(job: str, *, then: str = "continues") -> Iterator[None]:
    """Raise KeyboardInterrupt for Ctrl-C and SIGTERM; then say what the same command does."""
    before = [signal.signal(number, signal.default_int_handler) for number in _SIGNALS]
    try:
        yield
    except KeyboardInterrupt:
        print(f"interrupted; the same command {then} the {job}", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def console(*, stderr: bool = False) -> "Console":
    """Return a console that wraps lines on a terminal only, not in files and pipes."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNBOUNDED
    return made


def print_rich(renderable: "RenderableType") -> None:
    """Print on a terminal as wide as it is, elsewhere as wide as the content."""
    from rich.measure import Measurement

    out = console()
    if out.width == _UNBOUNDED:
        out.width = max(1, Measurement.get(out, out.options, renderable).maximum)
    out.print(renderable)


def _exit(*_: object) -> None:
    """End the process by way of its `finally` clauses."""
    raise SystemExit(130)


def _prepare_streams() -> None:
    """Open what is closed, substitute characters that a terminal lacks, let stderr lose text."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number: this one
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Files and pipes are UTF-8 in every locale, as the files that are read.
        to_terminal = sys.stdout.isatty()
        sys.stdout.reconfigure(errors="replace", encoding=None if to_terminal else "utf-8")
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Lossy()), encoding=encoding, errors="replace", line_buffering=True
    )


class _Lossy(io.RawIOBase):
    """The standard error, where a full disk or a closed pipe loses text and ends nothing."""

    def fileno(self) -> int:
        return 2

    def isatty(self) -> bool:
        return os.isatty(2)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return os.write(2, data)
        except OSError:
            return len(data)


def _discard_output() -> None:
    """Send what is still buffered nowhere, lest the interpreter fails at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
