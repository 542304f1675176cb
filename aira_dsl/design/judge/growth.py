"""How time and memory of a forward pass grow with the length of its input.

The candidate runs, untrained, at the lengths L, 2L and 4L, each in a process of its own. Memory is
read from outside, many times during every pass. For memory a + b·L^p the two differences of three
measurements give p without the constant a, which is the program itself:

    p = log2((m(4L) - m(2L)) / (m(2L) - m(L)))

If that is not quadratic, the length 8L is measured too, and the three longest give p: beside what
is linear, one small matrix of all pairs shows only there. Time is that of the CPU, which other work
of the machine hardly changes. It has hardly a constant part: its exponent is the slope of the
logarithms over the three longest.
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

QUADRATIC_TIME = 1.7
"""A larger exponent of time is called quadratic; that of `scaled_dot_product_attention` is 1.8."""

_FACTORS = (1, 2, 4, 8)
_LEAST_STEP = 16 << 20  # bytes; smaller differences are noise of allocators and compilers
_LEAST_PASSES, _MOST_PASSES, _SECONDS = 3, 1000, 1.0
_TICK = 0.01  # seconds; the system counts CPU time in units of it
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
    `memory_exponent`, `time_exponent`, `quadratic` and `quadratic_time` (1 or 0), and for each
    length `forward_bytes_…` and `forward_seconds_…`, which are CPU seconds. Quadratic time is told
    and not refused.

    Raises:
        Rejection: the candidate fails, or its memory is quadratic and the task forbids that.
    """
    memory: list[int] = []
    seconds: list[float] = []
    for length in (factor * lengths.shortest for factor in _FACTORS):
        if len(memory) == 3 and memory_exponent(memory) > QUADRATIC:
            break
        with session.measuring({"length": length}) as server:
            used, duration = _one_length(server, lengths, length, session.random)
        memory.append(used)
        seconds.append(duration)
        session.facts[f"forward_bytes_{length}"] = used
        session.facts[f"forward_seconds_{length}"] = duration
    exponent = memory_exponent(memory)
    session.facts["memory_exponent"] = exponent
    session.facts["quadratic"] = int(exponent > QUADRATIC)
    session.facts["time_exponent"] = slope = time_exponent(seconds)
    session.facts["quadratic_time"] = int(slope > QUADRATIC_TIME)
    if exponent > QUADRATIC and session.task.metadata.subquadratic == "required":
        raise Rejection(
            "refused",
            f"quadratic: memory of a forward pass grows with the power {exponent:.2f} of the "
            f"length; the limit is {QUADRATIC}",
        )


def memory_exponent(memory: list[int]) -> float:
    """Return the exponent p of memory, 0 or above.

    Args:
        memory: bytes at three lengths or more, each twice the one before; the last three count.
    """
    first, second, third = memory[-3:]
    ratio = (third - second) / max(second - first, _LEAST_STEP)
    return max(0.0, math.log2(ratio)) if ratio > 0 else 0.0


def time_exponent(seconds: list[float]) -> float:
    """Return the exponent of time.

    Args:
        seconds: CPU time of a pass at three lengths or more, each twice the one before.
    """
    first, _, third = seconds[-3:]
    return math.log2(third / first) / 2


def _one_length(
    server: Server, lengths: Lengths, length: int, random: np.random.Generator
) -> tuple[int, float]:
    """Return the largest memory in use, in bytes, and the CPU seconds of a pass."""
    passes, began, used = 0, time.monotonic(), server.process.cpu_seconds()
    with _watched(server) as largest:
        while passes < _LEAST_PASSES or time.monotonic() < began + _SECONDS:
            server.ask(lengths.inputs(length, random), lengths.answer)
            passes += 1
            if passes == _MOST_PASSES:
                break
    return largest[0], max(server.process.cpu_seconds() - used, _TICK) / passes


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
