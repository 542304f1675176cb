"""The start of a program: the processes around it, and the orders for the launcher inside."""

import contextlib
import json
import marshal
import math
import os
import resource
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from aira_dsl.errors import RunError
from aira_dsl.sandbox import bubblewrap, landlock, seccomp, system
from aira_dsl.sandbox.launcher import kill_below
from aira_dsl.sandbox.scratch import FolderScratch
from aira_dsl.sandbox.spec import Kind, Spec

START_SECONDS = 30.0  # a cold disk, a busy machine
_ANSWER = 1 << 12  # bytes of the launcher's answer
_MEASURED = [bubblewrap.SCRATCH, bubblewrap.SHARED_MEMORY]


def start(
    spec: Spec,
    kind: Kind,
    folder: FolderScratch | None,
    user: int | None,
    outputs: tuple[int, int],
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the processes, and give the launcher its orders.

    Args:
        spec: the program and what it may reach.
        kind: the sandbox.
        folder: the scratch folder; None where the sandbox makes it.
        user: the user that the program becomes; None for the one of this process.
        outputs: descriptors for stdout and stderr.

    Returns:
        The outermost process, and the control socket.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, contextlib.ExitStack() as needed:
        inherited = [*spec.descriptors, theirs.fileno()]
        users = _UserMap(user, needed) if kind == "bubblewrap" and user is not None else None
        prefix = _bubblewrap(spec, users, inherited, needed) if kind == "bubblewrap" else []
        process = subprocess.Popen(
            [*prefix, str(system.PYTHON), "-I", "-S", str(system.LAUNCHER), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[1],
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            pass_fds=inherited,
            start_new_session=True,  # Ctrl-C is this process's to handle
        )
        try:
            if users is not None:
                users.write()
        except BaseException:
            end_start(process.pid)
            process.wait()
            ours.close()
            raise
    with contextlib.suppress(BrokenPipeError):  # `await_ready` finds out why
        ours.send(marshal.dumps(_orders(spec, kind, folder, user)))
    return process, ours


def end_start(outermost: int) -> None:
    """Kill a sandbox in which nothing foreign runs yet.

    It is stopped first, so that it makes no child meanwhile: a child of `bwrap` that loses its
    parent at this point would wait for it without end.
    """
    os.kill(outermost, signal.SIGSTOP)
    os.waitid(os.P_PID, outermost, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    kill_below(outermost)
    os.kill(outermost, signal.SIGKILL)


def await_ready(control: socket.socket) -> tuple[bytes, list[int]]:
    """Wait until the program starts.

    Returns:
        `ready`, or why it does not start as far as the launcher says; and with bubblewrap
        descriptors of the folders that it made (scratch, shared memory) and of process 1 inside.
    """
    control.settimeout(START_SECONDS)
    try:
        answer, descriptors, _, _ = socket.recv_fds(control, _ANSWER, len(_MEASURED) + 1)
    except TimeoutError:
        return f"no answer in {START_SECONDS:.0f} s".encode(), []
    except ConnectionError:
        return b"", []
    return answer, descriptors


def not_started(reason: bytes) -> RunError:
    """Return the error of a sandbox or a program that did not start."""
    text = reason.decode(errors="replace").strip() or "it ended at once"
    return RunError("E1102", f"the sandbox does not start: {text}")


class _UserMap:
    """The exchange with `bwrap` by which a sandbox of root gets its users.

    Args:
        user: number outside of the user that the program becomes.
        needed: closes the pipes.
    """

    def __init__(self, user: int, needed: contextlib.ExitStack) -> None:
        self._user = user
        self._info, self.info_end = os.pipe()
        self.block, self._block_end = os.pipe()
        for descriptor in (self._info, self.block, self._block_end):
            needed.callback(os.close, descriptor)

    def write(self) -> None:
        """Wait for the process that `bwrap` makes, and set its users; it may have failed before."""
        os.close(self.info_end)
        info = b""
        while not info.endswith(b"}\n"):  # it comes in parts
            if not (part := os.read(self._info, _ANSWER)):
                return
            info += part
        bubblewrap.map_users(json.loads(info)["child-pid"], self._user)
        os.write(self._block_end, b"\n")


def _bubblewrap(
    spec: Spec, users: _UserMap | None, inherited: list[int], needed: contextlib.ExitStack
) -> list[str]:
    """Return the command around the program; its arguments are not for the program's eyes."""
    filter_ = _in_memory(seccomp.program(file_attributes=True), needed)
    user_map = None if users is None else (users.info_end, users.block)
    options = "\0".join(bubblewrap.arguments(spec, filter_=filter_, user_map=user_map))
    arguments = _in_memory(options.encode() + b"\0", needed)
    inherited += [filter_, arguments, *(user_map or ())]
    return [shutil.which("bwrap") or "bwrap", "--args", str(arguments), "--"]


def _in_memory(content: bytes, needed: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create("sandbox")
    needed.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _orders(
    spec: Spec, kind: Kind, folder: FolderScratch | None, user: int | None
) -> dict[str, Any]:
    """Return the orders of `launcher.main`."""
    scratch = bubblewrap.SCRATCH if folder is None else str(folder.path)
    apart = kind == "landlock"
    rules = landlock.orders(spec, Path(scratch)) if apart else None
    return {
        "argv": [os.fspath(word) for word in spec.argv],
        "environment": _environment(spec, scratch),
        "folder": scratch,
        "limits": _resources(spec),
        "descriptors": list(spec.descriptors),
        "measured": _MEASURED if folder is None else [],
        "reap": folder is not None,
        "landlock": landlock.second_layer() if kind == "bubblewrap" else rules,
        "user": bubblewrap.USER if user is not None and kind == "bubblewrap" else user,
        "seccomp": seccomp.program(file_attributes=False) if apart else None,
    }


def _environment(spec: Spec, scratch: str) -> dict[str, str]:
    ours = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "candidate"}
    return {**ours, "HOME": scratch, "TMPDIR": scratch, **spec.environment}


def _resources(spec: Spec) -> list[tuple[int, int]]:
    """Return what the kernel holds for each process, as (RLIMIT_…, value)."""
    limits = spec.limits
    found = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, math.ceil(limits.cpu_seconds) + 1),  # `tree` counts all together
        (resource.RLIMIT_FSIZE, limits.file),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_NPROC, limits.processes + _processes_of_this_user()),
    ]
    if spec.gpu:
        return found
    return [*found, (resource.RLIMIT_DATA, limits.memory), (resource.RLIMIT_MEMLOCK, 0)]


def _processes_of_this_user() -> int:
    """Return the processes and threads that RLIMIT_NPROC counts before the program starts.

    Root is not limited by it, unless the program becomes another user, one without a process.
    """
    if (user := os.geteuid()) == 0:
        return 0
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            count += len(os.listdir(folder / "task")) if folder.stat().st_uid == user else 0
    return count
