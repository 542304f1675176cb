"""The process of a command: encodings, exit codes, closed streams, interruptions."""

import io
import os
import sys
from collections.abc import Callable

from aira_dsl.errors import AiraError


def run(command: Callable[[], object]) -> None:
    """Run a command and exit with its code."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without × is shown a substitute
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        command()
    except AiraError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
