"""Why a candidate's process has no result, in words.

A process that trains may say what it likes about its end: it has seen training data only. So may
one that starts up and loads weights, for it has seen no more than these. Once it is asked, it has
seen inputs of the validation or test split, and its words reach an agent that must not see them:
then only the kind of the exception and a line that its own files have are kept.
"""

import builtins
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aira_dsl.design.judgement import Failure, Rejection
from aira_dsl.sandbox.spec import Result

_TEXT = 500  # characters
_LINE = re.compile(r"(.+):([0-9]{1,6})")
_MEMORY = re.compile(r"out of memory|can't allocate memory|cannot allocate memory", re.IGNORECASE)
_BY_LIMIT: dict[str, tuple[Failure, str]] = {
    "memory": ("out of memory", "out of memory"),
    "cpu": ("over time", "over time: CPU time"),
    "wall": ("over time", "over time"),
    "processes": ("refused", "too many processes"),
    "scratch": ("refused", "too much in the scratch folder"),
}


@dataclass(frozen=True)
class Deadline:
    """The end of a limit of time.

    Attributes:
        at: on the monotonic clock.
        work: what must be done by then.
        seconds: the limit.
    """

    at: float
    work: str
    seconds: float


def late(deadline: Deadline, phase: str, mode: str, result: Result) -> Rejection:
    """Return the failure of a process that missed a deadline.

    Its last line on stderr is often the reason: an exception in a worker process or a thread ends
    nothing, but the work that is waited for never comes.
    """
    text = f"over time: {deadline.work} took longer than {deadline.seconds:g} s"
    return Rejection("over time", f"{text}{_last_line(result, phase, mode)}")


def check_cpu_time(work: str, used: float, limit: float | None, why: str) -> None:
    """Check what a phase of a candidate has used, in seconds.

    Raises:
        Rejection: it is above the limit.
    """
    if limit is not None and used > limit:
        text = f"over time: {work} took {used:.1f} s of CPU time; the limit is {limit:g} s, {why}"
        raise Rejection("over time", text)


def reported(
    fields: Mapping[str, Any], phase: str, mode: str, lines: Mapping[str, int]
) -> Rejection:
    """Return the failure of a process whose harness reports an exception.

    Args:
        fields: what it reports; nothing of it can be relied on.
        phase: in which it failed.
        mode: of the process.
        lines: number of lines of each file of the candidate.
    """
    name, text, line = (_printable(fields.get(key)) for key in ("type", "text", "line"))
    status: Failure = "crashed"
    if name == "MemoryError" or "OutOfMemory" in name or _MEMORY.search(text):
        status = "out of memory"
    if _has_seen_inputs(phase, mode):
        name, text = name if _is_builtin(name) else "an exception", ""
    text = f"{name}: {text}" if text else name
    return Rejection(status, f"{status}: {phase}: {text}{_place(line, lines)}")


def _place(line: str, lines: Mapping[str, int]) -> str:
    """Return a line in parentheses if the candidate has it: any other text could be a message."""
    match = _LINE.fullmatch(line)
    if match is None or not 1 <= int(match[2]) <= lines.get(match[1], 0):
        return ""
    return f" ({match[1]}:{int(match[2])})"


def ended(result: Result, phase: str, mode: str) -> Rejection:
    """Return the failure of a process that closed its end of the channel."""
    if result.ended_by in _BY_LIMIT:
        status, rule = _BY_LIMIT[result.ended_by]
        return Rejection(status, f"{rule}: {phase}: the candidate reached the limit")
    if result.signal is not None and result.ended_by is None:
        how = f"the process ended with {_signal(result.signal)}"
    elif result.ended_by == "stopped":
        how = "the process closed its connection to the judge"
    else:
        how = f"the process ended with exit code {result.exit_code} before its work was done"
    return Rejection("crashed", f"crashed: {phase}: {how}{_last_line(result, phase, mode)}")


def _last_line(result: Result, phase: str, mode: str) -> str:
    """Return the last line on stderr in parentheses, unless it could tell what is scored."""
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    return f" ({_printable(lines[-1])})" if lines and not _has_seen_inputs(phase, mode) else ""


def _has_seen_inputs(phase: str, mode: str) -> bool:
    """Return whether a process was sent what is scored; requests of `measure` are random."""
    return mode == "serve" and phase == "scoring"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _is_builtin(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _printable(value: Any) -> str:
    """Return a text on one line, cut."""
    text = " ".join(str(value).split()) if isinstance(value, str) else ""
    return "".join(letter for letter in text if letter.isprintable())[:_TEXT]
