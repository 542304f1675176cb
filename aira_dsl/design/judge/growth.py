"""How time and memory of a forward pass grow with the length of its input.

The candidate runs, untrained, at the lengths L, 2L and 4L, each in a process of its own. Memory is
read from outside, many times during every pass. For memory a + b·L^p the two differences of three
measurements give p without the constant a, which is the program itself:

    p = log2((m(4L) - m(2L)) / (m(2L) - m(L)))

Time has hardly a constant part; its exponent is the slope of a line through the logarithms.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from aira_dsl.design.harness.channel import Array, ArraySpec
from aira_dsl.design.judge.session import JudgeSession, Server
from aira_dsl.design.judgement import Rejection

QUADRATIC = 1.5
"""A larger exponent of memory is called quadratic."""

_FACTORS = (1, 2, 4)
_LEAST_STEP = 16 << 20  # bytes; smaller differences are noise of allocators and compilers
_LEAST_PASSES, _MOST_PASSES, _SECONDS = 3, 20, 1.0
_PAUSE = 0.001  # seconds between measurements


@dataclass(frozen=True)
class Lengths:
    """Where growth is measured.

    Attributes:
        shortest: L, positions of the shortest input.
        inputs: makes the arrays of a request for a length.
        answer: what an answer to it must be.
    """

    shortest: int
    inputs: Callable[[int, np.random.Generator], Mapping[str, Array]]
    answer: Mapping[str, ArraySpec]


def measure(session: JudgeSession, lengths: Lengths) -> None:
    """Measure, and refuse quadratic memory where the task requires less.

    The harness finds the length in its settings as `length`. Facts that are added:
    `memory_exponent`, `time_exponent`, `quadratic` (1 or 0), and for each length
    `forward_bytes_…` and `forward_seconds_…`.

    Raises:
        Rejection: the candidate fails, or its memory is quadratic and the task forbids that.
    """
    memory, seconds = [], []
    for length in (factor * lengths.shortest for factor in _FACTORS):
        with session.measuring({"length": length}) as server:
            used, duration = _one_length(server, lengths, length, session.random)
        memory.append(used)
        seconds.append(duration)
        session.facts[f"forward_bytes_{length}"] = used
        session.facts[f"forward_seconds_{length}"] = duration
    exponent = memory_exponent(memory)
    session.facts["memory_exponent"] = exponent
    session.facts["time_exponent"] = float(np.polyfit(np.log(_FACTORS), np.log(seconds), 1)[0])
    session.facts["quadratic"] = int(exponent > QUADRATIC)
    if exponent > QUADRATIC and session.task.metadata.subquadratic == "required":
        raise Rejection(
            "refused",
            f"quadratic: memory of a forward pass grows with the power {exponent:.2f} of the "
            f"length; the limit is {QUADRATIC}",
        )


def memory_exponent(memory: list[int]) -> float:
    """Return the exponent p of memory at L, 2L and 4L, 0 or above.

    Args:
        memory: bytes at the three lengths.
    """
    first, second, third = memory
    ratio = (third - second) / max(second - first, _LEAST_STEP)
    return max(0.0, math.log2(ratio)) if ratio > 0 else 0.0


def _one_length(
    server: Server, lengths: Lengths, length: int, random: np.random.Generator
) -> tuple[int, float]:
    """Return the largest memory in use, in bytes, and the shortest time of a pass, in seconds."""
    durations: list[float] = []
    with _watched(server) as largest:
        while len(durations) < _LEAST_PASSES or sum(durations) < _SECONDS:
            request = lengths.inputs(length, random)
            began = time.monotonic()
            server.ask(request, lengths.answer)
            durations.append(time.monotonic() - began)
            if len(durations) == _MOST_PASSES:
                break
    return largest[0], min(durations)


@contextmanager
def _watched(server: Server) -> Iterator[list[int]]:
    """Measure memory until the end of the block; the list holds the largest value so far."""
    largest, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(_PAUSE):
            largest[0] = max(largest[0], server.process.memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield largest
    finally:
        ended.set()
        watcher.join()
