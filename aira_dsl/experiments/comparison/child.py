"""The worker function of a comparison: one command of `aira-dsl`, in a process of a pool."""

import importlib
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from aira_dsl.errors import AiraError
from aira_dsl.jobs.pool import ShouldContinue
from aira_dsl.utils.retry import Backoff, with_retry

# A run of a comparison that was killed may need some seconds to leave its run folder.
_FOLDER_IN_USE = "E0801"
_BACKOFF = Backoff(first=0.2, longest=2.0, patience=60.0)


def run_command(payload: dict[str, Any], should_continue: ShouldContinue) -> int:
    """Run `aira-dsl`; return its exit code.

    Args:
        payload: `arguments`, those of the command line; `log`, the file to which its output is
            appended.
        should_continue: not asked.

    Raises:
        AiraError: if the command fails.
    """
    with (
        Path(payload["log"]).open("a", encoding="utf-8", buffering=1) as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        print(f"$ {shlex.join(['aira-dsl', *payload['arguments']])}")
        return with_retry(
            lambda: _run(payload["arguments"]),
            backoff=_BACKOFF,
            reason_to_wait=lambda error: (
                str(error) if getattr(error, "code", None) == _FOLDER_IN_USE else None
            ),
        )


def _run(arguments: list[str]) -> int:
    """Run the command in this process."""
    # By name: the command line is above this package.
    app = importlib.import_module("aira_dsl.cli").app
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except AiraError as error:
        print(error, file=sys.stderr)
        raise
