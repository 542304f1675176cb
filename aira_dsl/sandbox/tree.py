"""What a program and all processes below it use, read from /proc."""

import os
import threading
from pathlib import Path
from typing import NamedTuple

from aira_dsl.sandbox.launcher import descendants
from aira_dsl.sandbox.spec import Usage

_TICK = os.sysconf("SC_CLK_TCK")
_KIB = 1024


class ProcessTree:
    """The processes below one process, of which it notes how much CPU time each has used.

    It may be used by several threads.

    Args:
        root: number of the process; it counts too.
        around: processes of the sandbox itself, which are not counted.
        memory: bytes beyond which memory is measured exactly, which takes longer.
    """

    def __init__(self, root: int, around: int, memory: int) -> None:
        self._root = root
        self._around = around
        self._memory = memory
        self._cpu_seconds: dict[tuple[int, bytes], float] = {}
        self._lock = threading.Lock()

    def usage(self) -> Usage:
        """Measure; processes that end meanwhile are left out.

        CPU time includes that of ended processes: what was noted of each, or what the processes
        that waited for them were told, whichever is more.

        Memory is the sum of resident anonymous and shared memory, in which pages that processes
        share count once for each of them. A sum beyond the limit is replaced by the exact one.
        """
        with self._lock:
            alive = [self._root, *descendants(self._root)]
            found = [counts for number in alive if (counts := self._read(number)) is not None]
            noted = sum(self._cpu_seconds.values())
        cpu_seconds = max(noted, sum(each.cpu_seconds for each in found))
        threads = sum(each.threads for each in found)
        private, shared = sum(each.private for each in found), sum(each.shared for each in found)
        if private + shared > self._memory:
            exact = [pages for number in alive if (pages := _proportional(number)) is not None]
            private, shared = sum(each[0] for each in exact), sum(each[1] for each in exact)
        processes = max(0, threads - self._around)
        return Usage(cpu_seconds, private + shared, shared, processes, alive)

    def _read(self, number: int) -> "_Counts | None":
        """Note the CPU time of a process; return that and more."""
        try:
            stat = Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()
            status = Path(f"/proc/{number}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        user, system, user_waited, system_waited = (int(ticks) for ticks in stat[11:15])
        self._cpu_seconds[number, stat[19]] = (user + system) / _TICK
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        private, shared = (_kib(fields.get(name, "0 kB")) for name in ("RssAnon", "RssShmem"))
        cpu_seconds = (user + system + user_waited + system_waited) / _TICK
        return _Counts(int(fields["Threads"]), private, shared, cpu_seconds)


class _Counts(NamedTuple):
    """Threads of a process, its resident bytes, and its CPU time with that of ended children."""

    threads: int
    private: int
    shared: int
    cpu_seconds: float


def _proportional(number: int) -> tuple[int, int] | None:
    """Return the private and shared bytes of a process, shared pages divided by their users."""
    try:
        text = Path(f"/proc/{number}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return _kib(fields["Pss_Anon"]), _kib(fields["Pss_Shmem"])


def _kib(value: str) -> int:
    return int(value.split(maxsplit=1)[0]) * _KIB
