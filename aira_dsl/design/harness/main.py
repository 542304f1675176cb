"""The main module of a candidate's process: `python -I -S main.py CHANNEL FOLDER…`.

CHANNEL is the number of the connected socket, the only open descriptor besides the standard
streams; the folders become `sys.path` after the standard library. Python's own search for packages
is off (-S, -I): no file that is named `sitecustomize` or ends with `.pth` runs, and no environment
variable changes what is imported.
"""

import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(descriptor: int, folders: list[str]) -> None:
    """Run the function of the task's harness that the judge asks for, then end the process."""
    sys.path.extend(folders)
    from aira_dsl.design.harness.channel import Channel
    from aira_dsl.design.harness.connection import JudgeConnection

    judge = JudgeConnection(Channel(socket.socket(fileno=descriptor)))
    try:
        sys.path.append(str(judge.candidate))
        _function(judge.harness, judge.mode)(judge)
    except BaseException as error:  # SystemExit too: the judge is told why a process ends
        judge.fail(error)
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(0)  # threads and exit handlers of a candidate cannot hold the process


def _function(path: Path, name: str) -> Callable[[Any], None]:
    """Import the task's harness and return its function for a mode."""
    spec = importlib.util.spec_from_file_location("task_harness", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["task_harness"] = module
    spec.loader.exec_module(module)
    function: Callable[[Any], None] = getattr(module, name)
    return function


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
