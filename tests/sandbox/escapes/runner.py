"""Runs attempts inside: `python -I runner.py AIM`, each in a process of its own.

AIM is JSON: what `World.aim` has, and the names of the attempts. For each attempt it prints a line
of JSON: the name, and whether it says that it worked, or why not.
"""

import importlib
import json
import os
import signal
import sys
import types

GROUPS = ("files", "network", "processes", "channels", "keys", "exhaustion", "tampering")
SECONDS = 60  # that no attempt needs


def main() -> None:
    aim = json.loads(sys.argv[1])
    package = types.ModuleType("escapes")
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules["escapes"] = package
    for group in GROUPS:
        importlib.import_module(f"escapes.{group}")
    attempts = importlib.import_module("escapes.table").ATTEMPTS
    aim["parent"] = os.getppid()
    for name in aim["attempts"]:
        print(json.dumps([name, in_a_child(attempts[name].function, aim)]), flush=True)


def in_a_child(function, aim) -> str:
    readable, writable = os.pipe()
    if (child := os.fork()) == 0:
        signal.alarm(SECONDS)
        try:
            outcome = "worked" if function(aim) else "no effect"
        except BaseException as error:
            outcome = f"{type(error).__name__}: {error}"
        os.write(writable, outcome.encode())
        os._exit(0)
    os.close(writable)
    status = os.waitpid(child, 0)[1]
    os.set_blocking(readable, False)
    try:
        said = os.read(readable, 4000).decode()
    except BlockingIOError:  # a process that it left has the pipe too
        said = ""
    os.close(readable)
    return said or f"ended with {os.waitstatus_to_exitcode(status)}"


main()
