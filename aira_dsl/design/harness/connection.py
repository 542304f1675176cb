"""The judge as a candidate's process sees it.

A process has one of three modes, and the harness of a task has a function for each that it allows:

    train    start up, `ready`, wait for `start`, train, `done` with the weights
    serve    start up, `ready`, wait for `weights`, load them, `ready`, then answer every request
    measure  start up, `ready`, then answer requests whose time and memory the judge measures

Nothing here protects anything: a candidate may replace all of it in its own process. The judge
believes no time, no number of steps and no score that comes from here.
"""

import math
import operator
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aira_dsl.design.harness.channel import Array, Channel, ClosedError, Message
from aira_dsl.design.harness.weights import MisfitError

_SHOWN = 2_000  # characters of an exception's text


@dataclass(frozen=True)
class Start:
    """The start of the clock, with what the candidate may train on.

    Attributes:
        seconds: training time.
        files: training data by file name, as bytes that are read when they are used.
        began: when it started, on this process's monotonic clock.
    """

    seconds: float
    files: Mapping[str, Array]
    began: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def progress(self) -> float:
        """Share of the training time that has passed; above 1 the time is over."""
        return self.elapsed / self.seconds


class JudgeConnection:
    """A connection to the judge.

    Attributes:
        mode: `train`, `serve` or `measure`.
        settings: constants of the task at this size, and what its judge adds.
        seed: of initialisation and order.
        device: `cpu` or `cuda`.
        candidate: folder with the candidate's files.
        scratch: the current folder, the only one in which the candidate may write.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        hello = channel.receive()
        self.mode: str = hello.fields["mode"]
        self.settings: dict[str, Any] = hello.fields["settings"]
        self.seed: int = hello.fields["seed"]
        self.device: str = hello.fields["device"]
        self.candidate = Path(hello.fields["candidate"])
        self.harness = Path(hello.fields["harness"])
        self.scratch = Path.cwd()
        self._weights: bytes | None = None

    @property
    def weights(self) -> bytes | None:
        """The trained weights in safetensors form, in the mode `serve`; else None.

        Their first use ends the start-up, as `start` does: the judge is told, and hands them over.
        """
        if self.mode == "serve" and self._weights is None:
            self.ready()
            (descriptor,) = self._channel.receive().descriptors
            self._weights = _mapped(descriptor).tobytes()
        return self._weights

    def ready(self) -> None:
        """Say that the start-up is complete, or that weights are loaded."""
        self._channel.send(Message("ready"))

    def start(self) -> Start:
        """Say that the start-up is complete, and wait for the clock to start."""
        self.ready()
        message = self._channel.receive()
        files = map(_mapped, message.descriptors)
        return Start(
            message.fields["seconds"], dict(zip(message.fields["files"], files, strict=True))
        )

    def done(self, weights: bytes, **facts: Any) -> None:
        """End the training.

        Args:
            weights: in safetensors form.
            facts: what the candidate says about itself, such as steps and tokens: numbers, also
                those of numpy, torch and JAX, and texts. What is neither is sent as text.
        """
        told = {name: _fact(value) for name, value in facts.items()}
        self._channel.send(
            Message("done", {"facts": told}, {"weights": np.frombuffer(weights, np.uint8)})
        )

    def requests(self) -> Iterator[dict[str, Array]]:
        """Say that all is loaded; yield requests until the judge has no more."""
        _ = self.weights  # a harness that has no use for them gets them too
        self.ready()
        while True:
            try:
                message = self._channel.receive()
            except ClosedError:
                return
            yield message.arrays

    def serve(self, function: Callable[..., Mapping[str, Array]]) -> None:
        """Answer every request with what a function returns for its arrays."""
        for arrays in self.requests():
            self.answer(**function(**arrays))

    def answer(self, **arrays: Array) -> None:
        """Answer the last request."""
        self._channel.send(Message("answer", arrays=arrays))

    def fail(self, error: BaseException) -> None:
        """Say that an exception ended the candidate."""
        text = str(error)[:_SHOWN]
        fields = {"type": type(error).__name__[:_SHOWN], "text": text, "line": _line(error, self)}
        misfit = {"misfit": error.array} if isinstance(error, MisfitError) else {}
        self._channel.send(Message("failed", {**fields, **misfit}))


def _fact(value: Any) -> float | str:
    """Return a value as JSON has it; NaN and infinity as text."""
    for convert in (operator.index, float):
        try:
            number = convert(value)
        except Exception:  # an array of several values, a text: whatever it is, it is not a number
            continue
        return number if math.isfinite(number) else str(number)
    return str(value)[:_SHOWN]


def _mapped(descriptor: int) -> Array:
    """Map a file that came as a descriptor; an empty one is an empty array."""
    with os.fdopen(descriptor, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return np.empty(0, np.uint8)
        mapped: Array = np.memmap(file, np.uint8, mode="r")
        return mapped


def _line(error: BaseException, judge: JudgeConnection) -> str:
    """Return the last line of the candidate's own files in a traceback, or an empty text."""
    folder = f"{judge.candidate}{os.sep}"
    frames = traceback.walk_tb(error.__traceback__)
    places = [(frame.f_code.co_filename, line) for frame, line in frames]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno or 0))
    own = [(path, line) for path, line in places if path.startswith(folder)]
    return f"{own[-1][0].removeprefix(folder)}:{own[-1][1]}" if own else ""
