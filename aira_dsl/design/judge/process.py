"""A candidate's process in the sandbox, and the conversation with it.

Nothing that the process sends or does raises anything but `Rejection` here: garbage on the
channel, arrays of another shape, silence, a signal and an exit are results, each with its reason.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from aira_dsl.design.harness import channel, main
from aira_dsl.design.harness.channel import Array, ArraySpec, Channel, Message
from aira_dsl.design.judge import failures
from aira_dsl.design.judge.failures import Deadline
from aira_dsl.design.judge.weights import Weights, misfit
from aira_dsl.design.judgement import Rejection
from aira_dsl.design.metadata import Size
from aira_dsl.sandbox.process import SandboxedProcess
from aira_dsl.sandbox.spec import MIB, Kind, Limits, Result, Spec

Mode = Literal["train", "serve", "measure"]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PJRT_NPROC")
_EXACT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
"""Lets glibc return memory that is freed: then the memory in use is what a pass needs."""
_SLACK = 60.0  # seconds; the sandbox's own limit of time is only the last resort
_EXIT_SECONDS = 2.0
_OUTPUT = 64 * 1024  # bytes of stdout and stderr that are kept
_NUMBERS = "biufc"  # kinds of numpy types; others hold addresses, or cannot be sent


@dataclass(frozen=True)
class Program:
    """What runs in the processes of one candidate.

    Attributes:
        kind: of the sandbox.
        size: limits and constants.
        harness: the harness.py of the task.
        candidate: folder with the candidate's files.
        library: folder with links to what it may import.
        packages: where those links lead.
        lines: number of lines of each file of the candidate.
        seed: of the training.
    """

    kind: Kind
    size: Size
    harness: Path
    candidate: Path
    library: Path
    packages: tuple[Path, ...]
    lines: Mapping[str, int]
    seed: int

    def device(self, mode: Mode) -> Literal["cpu", "cuda"]:
        """Return where a process computes; what is measured is the memory of the CPU."""
        return "cuda" if self.size.gpus and mode != "measure" else "cpu"

    def spec(self, descriptor: int, mode: Mode) -> Spec:
        """Return what the sandbox needs to know."""
        size = self.size
        seconds = size.startup_seconds + max(size.training_seconds, size.scoring_seconds) + _SLACK
        script = self.library / Path(*main.__name__.split(".")).with_suffix(".py")
        threads = dict.fromkeys(_THREADS, str(size.cpus))
        return Spec(
            argv=(sys.executable, "-I", "-S", str(script), str(descriptor), str(self.library)),
            read=(self.harness, self.candidate, self.library, *self.packages),
            environment={**threads, **(_EXACT if mode == "measure" else {})},
            descriptors=(descriptor,),
            all_packages=False,
            gpu=self.device(mode) == "cuda",
            limits=Limits(
                memory=size.memory_mib * MIB,
                cpu_seconds=seconds * (os.cpu_count() or 1),
                wall_seconds=seconds,
                processes=size.processes,
                scratch=size.scratch_mib * MIB,
                file=size.scratch_mib * MIB,
                output=_OUTPUT,
            ),
        )


class CandidateProcess:
    """A running candidate; a context manager, at the end of which nothing of it runs.

    Args:
        program: what runs.
        mode: which function of the harness it calls.
        settings: for the harness, beside those of the size.

    Raises:
        RunError: E11xx, the sandbox does not start.
        Rejection: the candidate cannot be started.

    Attributes:
        startup_seconds: time from the start of the process until it was ready.
    """

    def __init__(
        self,
        program: Program,
        mode: Mode,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.program, self.mode = program, mode
        self._weights: Weights | None = None
        self.startup_seconds = 0.0
        self._result: Result | None = None
        self._error: Exception | None = None
        self._began = time.monotonic()
        seconds = program.size.startup_seconds
        self._startup_deadline = Deadline(self._began + seconds, "start-up", seconds)
        with contextlib.ExitStack() as needed:
            ours, theirs = socket.socketpair()
            self._channel = Channel(ours)
            needed.callback(self._channel.close)
            with theirs:
                sandboxed = SandboxedProcess(program.spec(theirs.fileno(), mode), program.kind)
            self._sandboxed = needed.enter_context(sandboxed)
            self._keeper = threading.Thread(target=self._keep, daemon=True)
            self._keeper.start()
            needed.callback(self.stop)
            self._say_hello({**program.size.settings, **(settings or {})})
            self._open = needed.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def await_ready(self) -> None:
        """Wait for the end of the start-up.

        Raises:
            Rejection: it failed, or took too long or too much CPU time.
        """
        self.receive({"ready": {}}, self._startup_deadline, "start-up")
        self.startup_seconds = time.monotonic() - self._began
        limit = self.program.size.startup_cpu_seconds
        why = "so that nothing is trained before the clock"
        failures.check_cpu_time("start-up", self.cpu_seconds(), limit, why)

    def load(self, weights: Weights, deadline: Deadline) -> None:
        """Hand over trained weights, and wait until they are loaded.

        Raises:
            Rejection: the process does not load them, or takes too long.
        """
        self._weights = weights
        with opened([weights.path]) as descriptors:
            message = Message("weights", descriptors=descriptors)
            self.send(message, deadline, "loading")
        self.receive({"ready": {}}, deadline, "loading")

    def send(self, message: Message, deadline: Deadline, phase: str) -> None:
        """Send a message.

        Raises:
            Rejection: the process has ended, or does not read.
        """
        try:
            self._channel.send(message, deadline=deadline.at)
        except channel.LateError:
            raise self._late(deadline, phase) from None
        except channel.ClosedError:
            raise self._ended(phase) from None

    def receive(
        self, expected: Mapping[str, Mapping[str, ArraySpec]], deadline: Deadline, phase: str
    ) -> Message:
        """Wait for one of the expected messages.

        Raises:
            Rejection: something else came, or nothing.
        """
        try:
            message = self._channel.receive({**expected, "failed": {}}, deadline=deadline.at)
        except channel.LateError:
            raise self._late(deadline, phase) from None
        except channel.ClosedError:
            raise self._ended(phase) from None
        except channel.WrongArrayError as error:
            raise Rejection("refused", f"wrong array: {error}") from None
        except channel.ChannelError as error:
            raise Rejection("refused", f"not a message of the harness: {error}") from None
        if message.kind == "failed":
            raise self._failed(message.fields, phase)
        return message

    def ask(
        self, arrays: Mapping[str, Array], expected: Mapping[str, ArraySpec], deadline: Deadline
    ) -> dict[str, Array]:
        """Send a request and return the arrays of the answer.

        Raises:
            TypeError: an array of the request has other values than numbers.
            Rejection: there is no answer, or not the expected one.
        """
        for name, value in arrays.items():
            if (dtype := np.asarray(value).dtype).kind not in _NUMBERS:
                raise TypeError(f"{name} is an array of the type {dtype}; requests have numbers")
        self.send(Message("request", arrays=dict(arrays)), deadline, "scoring")
        return self.receive({"answer": expected}, deadline, "scoring").arrays

    def memory(self) -> int:
        """Return the bytes that all processes of the candidate have in use now."""
        return self._sandboxed.usage().memory

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that all processes of the candidate have used so far."""
        return self._sandboxed.usage().cpu_seconds

    def stop(self) -> Result:
        """End everything that the candidate started; return how it ended.

        Raises:
            RunError: E1102, Python cannot be executed in the sandbox.
        """
        self._sandboxed.stop()
        self._keeper.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _keep(self) -> None:
        """Hold the limits until everything has ended."""
        try:
            self._result = self._sandboxed.wait()
        except Exception as error:  # raised by `stop`, in the thread of the judge
            self._error = error

    def _say_hello(self, settings: Mapping[str, Any]) -> None:
        fields = {
            "mode": self.mode,
            "settings": settings,
            "seed": self.program.seed,
            "device": self.program.device(self.mode),
            "candidate": str(self.program.candidate),
            "harness": str(self.program.harness),
        }
        self.send(Message("hello", fields), self._startup_deadline, "start-up")

    def _failed(self, fields: Mapping[str, Any], phase: str) -> Rejection:
        """Say why the harness has given up."""
        if self._weights is not None and phase == "loading":
            found = misfit(self._weights, fields.get("misfit"))
            if found is not None:
                return found
        return failures.reported(fields, phase, self.mode, self.program.lines)

    def _late(self, deadline: Deadline, phase: str) -> Rejection:
        return failures.late(deadline, phase, self.mode, self.stop())

    def _ended(self, phase: str) -> Rejection:
        """Say why the process has closed its end of the channel."""
        self._keeper.join(_EXIT_SECONDS)
        return failures.ended(self.stop(), phase, self.mode)


@contextlib.contextmanager
def opened(paths: Iterable[Path]) -> Iterator[tuple[int, ...]]:
    """Open files for reading; yield their descriptors."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in paths]
        yield tuple(file.fileno() for file in files)
