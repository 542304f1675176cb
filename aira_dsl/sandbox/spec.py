"""What runs in a sandbox, its limits, and the result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["bubblewrap", "landlock", "none"]
KindChoice = Literal["auto", "bubblewrap", "landlock", "none"]
Limit = Literal["memory", "cpu", "wall", "processes", "scratch"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of everything that one program starts.

    Reaching `memory`, `cpu_seconds`, `wall_seconds`, `processes` or the two limits of the scratch
    folder ends all its processes. An allocation, a file or a descriptor that is too large fails
    inside the program first.

    Attributes:
        memory: bytes, resident, of all processes together; also what one process may allocate.
        cpu_seconds: user and system time of all processes together.
        wall_seconds: time since the program was started, without the start of the sandbox.
        processes: processes and threads at a time.
        scratch: bytes in the scratch folder.
        scratch_files: files and folders in the scratch folder.
        file: bytes of one file.
        open_files: descriptors of one process.
        output: bytes that are kept of stdout, and of stderr: the first and the last half. The rest
            is read and dropped.
    """

    memory: int = 4096 * MIB
    cpu_seconds: float = 600.0
    wall_seconds: float = 300.0
    processes: int = 128
    scratch: int = 1024 * MIB
    scratch_files: int = 10_000
    file: int = 1024 * MIB
    open_files: int = 1024
    output: int = 1 * MIB


@dataclass(frozen=True, slots=True)
class Spec:
    """A program, and all that it may reach.

    Beside what is listed here it sees the system's programs and libraries (`/usr`), this Python
    with its packages, and a scratch folder, which is its working folder, HOME and TMPDIR.

    Attributes:
        argv: the program and its arguments.
        read: files and folders that it may read, at the same paths as outside.
        environment: its variables, beside PATH, HOME, TMPDIR, LANG and USER; nothing is inherited.
        descriptors: open descriptors that it inherits under the same numbers, beside 0, 1 and 2.
        all_packages: whether it may read every installed Python package; if not, only those whose
            files and folders are in `read`.
        gpu: whether it may use the NVIDIA devices. The memory that one process may allocate is
            then not limited (drivers reserve address space); resident memory is.
        limits: what ends it.
    """

    argv: tuple[str, ...]
    read: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    all_packages: bool = True
    gpu: bool = False
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a program has used so far.

    Attributes:
        cpu_seconds: user and system time of all its processes.
        memory: bytes, resident, of all its processes now.
        shared: the part of `memory` that is shared memory.
        processes: its processes and threads now.
        alive: numbers of its processes.
    """

    cpu_seconds: float
    memory: int
    shared: int
    processes: int
    alive: list[int]


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended.

    Attributes:
        kind: the sandbox it ran in.
        exit_code: its exit code; None if a signal ended it. As in a shell, codes from 129 to 192
            stand for signals.
        signal: number of the signal that ended it, or None.
        ended_by: the limit that was reached; None if it ended by itself; `"stopped"` if `stop`
            was called.
        wall_seconds: time since it was started, without the start of the sandbox.
        cpu_seconds: user and system time of all its processes; in bubblewrap as of the last
            measurement, at most 20 ms before the end on an idle machine.
        peak_memory: bytes, resident, of all its processes together, at their measured maximum.
        stdout: the first and the last bytes of it.
        stderr: the first and the last bytes of it.
        dropped: bytes of both that were not kept.
    """

    kind: Kind
    exit_code: int | None
    signal: int | None
    ended_by: Limit | Literal["stopped"] | None
    wall_seconds: float
    cpu_seconds: float
    peak_memory: int
    stdout: bytes
    stderr: bytes
    dropped: int
