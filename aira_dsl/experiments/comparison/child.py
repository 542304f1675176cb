"""The worker function of a comparison: one `aira-dsl search`, in a process of a pool."""

import importlib
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from aira_dsl.errors import AiraError
from aira_dsl.jobs.pool import ShouldContinue
from aira_dsl.utils.retry import Backoff, with_retry

# The search of a comparison that was killed may need some seconds to leave its run folder.
_FOLDER_IN_USE = "E0801"
_BACKOFF = Backoff(first=0.2, longest=2.0, patience=60.0)


def search(payload: dict[str, Any], should_continue: ShouldContinue) -> int:
    """Run a command of `aira-dsl`; return its exit code.

    Args:
        payload: `arguments` of `aira-dsl`; `log`, the file to which its output is appended.
        should_continue: not asked.

    Raises:
        AiraError: if the command fails.
    """
    arguments = payload["arguments"]
    with (
        Path(payload["log"]).open("a", encoding="utf-8", buffering=1) as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        print(f"$ aira-dsl {shlex.join(arguments)}")
        return with_retry(
            lambda: _command(arguments),
            backoff=_BACKOFF,
            reason_to_wait=lambda error: (
                str(error) if getattr(error, "code", None) == _FOLDER_IN_USE else None
            ),
        )


def _command(arguments: list[str]) -> int:
    """Run a command in this process."""
    # By name: the command line is above this package.
    command_line = importlib.import_module("aira_dsl.cli")
    try:
        return command_line.app(arguments, standalone_mode=False) or 0
    except AiraError as error:
        print(error, file=sys.stderr)
        raise
