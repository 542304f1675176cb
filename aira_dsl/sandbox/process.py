"""A program in a sandbox: it is started, its limits are held, and nothing of it stays."""

import contextlib
import os
import select
import selectors
import signal
import socket
import time
from types import TracebackType
from typing import Literal, Self

from aira_dsl.sandbox import system
from aira_dsl.sandbox.launcher import kill_below
from aira_dsl.sandbox.output import KeptOutput
from aira_dsl.sandbox.scratch import FolderScratch, MountedScratch
from aira_dsl.sandbox.spec import Kind, Limit, Result, Spec, Usage
from aira_dsl.sandbox.start import await_ready, end_start, not_started, start
from aira_dsl.sandbox.tree import ProcessTree

_POLL = 0.02  # seconds between measurements
_LARGEST_SHARE = 0.02  # of the time may be spent on measuring
_END_SECONDS = 10.0  # that the sandbox gets to end everything inside


def run(spec: Spec, kind: Kind) -> Result:
    """Run a program to its end and drop its scratch folder; see `SandboxedProcess`."""
    with SandboxedProcess(spec, kind) as process:
        return process.wait()


class SandboxedProcess:
    """A program that runs in a sandbox until it ends, a limit is reached or `stop` is called.

    `wait` holds the limits; call it at once, here or in another thread. The program dies with the
    thread that made this object. Use it as a context manager: afterwards nothing of it runs, and
    its scratch folder is gone.

    Args:
        spec: the program and what it may reach.
        kind: the sandbox, see `kinds.choose`.

    Raises:
        RunError: E1102, the sandbox or the program does not start.
    """

    def __init__(self, spec: Spec, kind: Kind) -> None:
        self._spec, self._kind = spec, kind
        self._ended_by: Limit | Literal["stopped"] | None = None
        self._result: Result | None = None
        self._first: int | None = None
        self._peak_memory, self._cpu_seconds, self._cost = 0, 0.0, 0.0
        self._open = contextlib.ExitStack()
        with self._open as unless_started:
            self._start(unless_started)
            self._open = unless_started.pop_all()

    def _start(self, needed: contextlib.ExitStack) -> None:
        user = None if self._kind == "none" else system.new_user()
        folder = None if self._kind == "bubblewrap" else FolderScratch(user)
        if folder is not None:
            needed.callback(folder.close)
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        most = self._spec.limits.output
        self._outputs = KeptOutput(out, most), KeptOutput(err, most)
        for output in self._outputs:
            needed.callback(output.close)
        try:
            ends = (out_end, err_end)
            self._process, self._control = start(self._spec, self._kind, folder, user, ends)
        finally:
            os.close(out_end)
            os.close(err_end)
        needed.enter_context(self._control)
        self._ended = os.pidfd_open(self._process.pid)
        needed.callback(os.close, self._ended)
        around = 2 if self._kind == "bubblewrap" else 1  # bubblewrap and its process 1; the reaper
        self._tree = ProcessTree(self._process.pid, around, self._spec.limits.memory)
        received = needed.enter_context(contextlib.ExitStack())
        needed.callback(self._end)  # before what it needs is closed
        answer, descriptors = await_ready(self._control)
        if answer != b"ready":
            self._end()
            raise not_started(answer or self._outputs[1].kept())
        for descriptor in descriptors:
            received.callback(os.close, descriptor)
        self._first = descriptors.pop() if descriptors else None
        self._mounts = [MountedScratch(number) for number in descriptors]
        self._scratch = folder or self._mounts[0]
        self._since = time.monotonic()

    @property
    def scratch(self) -> int:
        """Descriptor of the scratch folder, for `files.collect`; valid until `close`."""
        return self._scratch.descriptor

    def wait(self) -> Result:
        """Wait until the program has ended, by itself or by a limit; end all its processes.

        Raises:
            RunError: E1102, the program cannot be executed.
        """
        if self._result is None:
            try:
                self._watch()
            finally:
                wall_seconds = time.monotonic() - self._since
                self._end()
            self._result = self._make_result(wall_seconds)
        return self._result

    def usage(self) -> Usage:
        """Measure what the program uses now; may be called in another thread than `wait`."""
        return self._tree.usage()

    def stop(self) -> None:
        """End the program from another thread; `wait` returns."""
        self._ended_by = self._ended_by or "stopped"
        self._kill()

    def close(self) -> None:
        """End what still runs, and remove the scratch folder."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _watch(self) -> None:
        """Read the output and measure, until the program ends or a limit is reached."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ended, selectors.EVENT_READ)
            for output in self._outputs:
                selector.register(output.descriptor, selectors.EVENT_READ, output)
            next_time = self._since
            while self._ended_by is None:
                for key, _ in selector.select(max(0.0, next_time - time.monotonic())):
                    if key.data is None:
                        return
                    key.data.read()
                    if key.data.ended:
                        selector.unregister(key.fd)
                if time.monotonic() >= next_time:
                    reached = self._limit_reached()
                    self._ended_by = self._ended_by or reached  # `stop` may have come first
                    next_time = time.monotonic() + max(_POLL, self._cost / _LARGEST_SHARE)

    def _limit_reached(self) -> Limit | None:
        begin = time.monotonic()
        limits, usage = self._spec.limits, self._tree.usage()
        # Shared memory that no process has mapped is in the file system only.
        in_files = sum(mount.bytes_used() for mount in self._mounts[1:])
        memory = usage.memory + max(0, in_files - usage.shared)
        self._peak_memory = max(self._peak_memory, memory)
        self._cpu_seconds = usage.cpu_seconds
        reached: dict[Limit, bool] = {
            "memory": memory > limits.memory,
            "processes": usage.processes > limits.processes,
            "cpu": usage.cpu_seconds > limits.cpu_seconds,
            "wall": begin - self._since > limits.wall_seconds,
            "scratch": self._scratch.is_too_large(limits, usage.alive),
        }
        self._cost = time.monotonic() - begin
        return next((limit for limit, is_reached in reached.items() if is_reached), None)

    def _kill(self) -> None:
        """Have everything killed, by the kernel with process 1 of bubblewrap, or by the reaper."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(OSError):
            if self._kind != "bubblewrap":
                self._control.shutdown(socket.SHUT_WR)
            elif self._first is not None:
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            else:
                end_start(self._process.pid)

    def _end(self) -> None:
        """End everything; afterwards only output and the scratch folder are left.

        The outermost process ends last with a reaper; with bubblewrap process 1 does, which the
        kernel lets end when all others have.
        """
        if self._process.returncode is not None:
            return
        self._kill()
        if not select.select([self._ended], [], [], _END_SECONDS)[0]:  # the reaper does not answer
            kill_below(self._process.pid)
            self._process.kill()
        if self._first is not None:
            select.select([self._first], [], [], _END_SECONDS)
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._cpu_seconds = max(self._cpu_seconds, used.ru_utime + used.ru_stime)
        for output in self._outputs:
            while output.read():
                pass

    def _make_result(self, wall_seconds: float) -> Result:
        out, err = self._outputs
        with contextlib.suppress(BlockingIOError):
            self._control.setblocking(False)
            if reason := self._control.recv(1 << 12):
                raise not_started(reason)
        code = self._process.returncode
        number = -code if code < 0 else code - 128 if 128 < code <= 192 else None
        if number == signal.SIGXCPU:
            self._ended_by = self._ended_by or "cpu"
        return Result(
            kind=self._kind,
            exit_code=code if number is None else None,
            signal=number,
            ended_by=self._ended_by,
            wall_seconds=wall_seconds,
            cpu_seconds=self._cpu_seconds,
            peak_memory=self._peak_memory,
            stdout=out.kept(),
            stderr=err.kept(),
            dropped=out.dropped + err.dropped,
        )
