"""The worker function of a comparison: one `aira-dsl search`, in a process of a pool."""

import importlib
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

from aira_dsl.errors import AiraError
from aira_dsl.jobs.pool import ShouldContinue
from aira_dsl.study.options import SearchOptions
from aira_dsl.utils.retry import Backoff, with_retry

# The search of a comparison that was killed may need some seconds to leave its run folder.
_FOLDER_IN_USE = "E0801"
_BACKOFF = Backoff(first=0.2, longest=2.0, patience=60.0)


def search(payload: dict[str, Any], should_continue: ShouldContinue) -> int:
    """Run `aira-dsl search`; return its exit code.

    Args:
        payload: `space`, a file or None; `options`, those of `SearchOptions`; `log`, the file to
            which its output is appended.
        should_continue: not asked.

    Raises:
        AiraError: if the search fails.
    """
    space = None if payload["space"] is None else Path(payload["space"])
    options = SearchOptions.model_validate(payload["options"])
    with (
        Path(payload["log"]).open("a", encoding="utf-8", buffering=1) as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        # By name: the command line is above this package.
        command = importlib.import_module("aira_dsl.cli.search")
        print(f"$ {command.command_line(space, options)}")
        return with_retry(
            lambda: _search(command, space, options),
            backoff=_BACKOFF,
            reason_to_wait=lambda error: (
                str(error) if getattr(error, "code", None) == _FOLDER_IN_USE else None
            ),
        )


def _search(command: ModuleType, space: Path | None, options: SearchOptions) -> int:
    """Run the command in this process."""
    try:
        return int(command.run(space, options))
    except typer.Exit as end:
        return end.exit_code
    except AiraError as error:
        print(error, file=sys.stderr)
        raise
