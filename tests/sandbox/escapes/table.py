"""The table of attempts to escape: each is a function that runs inside, and says whether it worked.

This module and those with the attempts are imported inside the sandbox too, so they need nothing
but the standard library.
"""

import ctypes
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Aim = dict[str, Any]
"""What an attempt is told of the world outside: paths, ports, processes. See `world.World`."""

ATTEMPTS: dict[str, "Attempt"] = {}


@dataclass(frozen=True)
class Attempt:
    """One attempt.

    Attributes:
        name: unique; the function's.
        group: the module.
        text: what is tried, for documentation; the function's docstring.
        function: tries it; returns whether it worked. An exception is a refusal.
        control: what happens without a sandbox: it `works`, so that the attempt is known to be
            able to; it `depends` on the machine; or it is `unsafe` and not tried.
        evidence: with a `World`, whether it worked as seen from outside; None: the function knows.
    """

    name: str
    group: str
    text: str
    function: Callable[[Aim], Any]
    control: str
    evidence: Callable[[Any], bool] | None


def attempt(
    control: str = "works", *, evidence: Callable[[Any], bool] | None = None
) -> Callable[[Callable[[Aim], Any]], Callable[[Aim], Any]]:
    """Add a function to the table."""

    def add(function: Callable[[Aim], Any]) -> Callable[[Aim], Any]:
        name, group = function.__name__, function.__module__.rpartition(".")[2]
        assert name not in ATTEMPTS
        text = (function.__doc__ or "").strip()
        ATTEMPTS[name] = Attempt(name, group, text, function, control, evidence)
        return function

    return add


LIBC = ctypes.CDLL(None, use_errno=True)
_AARCH64 = platform.machine() == "aarch64"


def system_call(x86_64: int, aarch64: int, *arguments: Any) -> int:
    """Make a system call by number; raise OSError as `os` does."""
    number = aarch64 if _AARCH64 else x86_64
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *wide)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(path: str, text: str = "tampered", mode: str = "a") -> bool:
    with open(path, mode, encoding="utf-8") as file:
        file.write(text)
    return True
