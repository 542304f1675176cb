"""A judging session: what a task's judge.py is given.

    def judge(session):
        weights = session.train()
        with session.serving(weights) as server:
            answer = server.ask({"tokens": …}, {"logits": ArraySpec(…)})
        return Score(value)

`language_model.judge` and `classification.judge` do all of that for two kinds of task. Judging runs
in a process in which no code of a candidate ever runs.
"""

import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from aira_dsl.design.harness.channel import MAX_DESCRIPTORS, Array, ArraySpec, Message
from aira_dsl.design.judge import packages
from aira_dsl.design.judge.failures import Deadline, check_cpu_time
from aira_dsl.design.judge.process import CandidateProcess, Mode, Program, opened
from aira_dsl.design.judge.weights import Weights, read_weights
from aira_dsl.design.judgement import Fact, Rejection
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import HARNESS
from aira_dsl.errors import InputError
from aira_dsl.sandbox.spec import MIB
from aira_dsl.utils.files import reporting

_TOLERANCE, _LEAST_TOLERANCE = 0.02, 0.5  # of the training time; seconds
_ANSWER, _LEAST_ANSWER = 0.03, 1.0  # the same
_NOT_WRITTEN = f"files of the judge in {tempfile.gettempdir()} cannot be written"
_MOST_FACTS, _FACT_LENGTH = 16, 100
_VALUE = 4  # bytes that the cap of a task allows for a value
_LARGEST = 2**63  # of a number; NaN and infinity are not below it


@dataclass
class Server:
    """A candidate's process that answers requests, with one limit of time for all of them.

    Attributes:
        process: the process.
        each: seconds that loading and n answers may take, divided by n: CPU seconds by `cpus` of
            the size, or where there is a GPU seconds of waiting.
        seconds: time in which weights were loaded and answers were waited for.
        loading_seconds: the part of it until the first answer.
        answers: number of answers.
    """

    process: CandidateProcess
    each: float = math.inf
    seconds: float = 0.0
    loading_seconds: float = 0.0
    answers: int = 0
    _cpu_seconds: float = 0.0  # before the weights

    def load(self, weights: Weights) -> None:
        """Hand over trained weights.

        Raises:
            Rejection: the process does not load them.
        """
        self._cpu_seconds = self.process.cpu_seconds()
        with self._waiting() as deadline:
            self.process.load(weights, deadline)

    def ask(
        self, arrays: Mapping[str, Array], expected: Mapping[str, ArraySpec]
    ) -> dict[str, Array]:
        """Return the answer to a request.

        Args:
            arrays: the request.
            expected: shape and types of every array of the answer.

        Raises:
            Rejection: there is no answer, or not the expected one.
        """
        with self._waiting() as deadline:
            answer = self.process.ask(arrays, expected, deadline)
        self.loading_seconds = self.loading_seconds or self.seconds
        self.answers += 1
        self._check_work()
        return answer

    @contextmanager
    def _waiting(self) -> Iterator[Deadline]:
        """Yield the deadline of what is waited for in the block, and count its time."""
        began = time.monotonic()
        limit = self.process.program.size.scoring_seconds
        try:
            yield Deadline(began + limit - self.seconds, "scoring", limit)
        finally:
            self.seconds += time.monotonic() - began

    def _check_work(self) -> None:
        """Refuse more work than answers need: the process could train.

        The time of the CPU does not depend on what else the machine does.
        """
        size, limit = self.process.program.size, self.answers * self.each
        cpu_seconds = self.process.cpu_seconds() - self._cpu_seconds
        used = self.seconds if size.gpus else cpu_seconds / size.cpus
        if used > limit:
            raise Rejection(
                "over time",
                f"over time: loading and answering took {used:.1f} s for {self.answers} requests; "
                f"the limit is {limit:.1f} s, so that nothing is trained after the clock",
            )


class JudgeSession:
    """One candidate, one task, one seed; a context manager.

    Args:
        request: the candidate, the task, the seed.
        facts: takes what is measured.

    Attributes:
        task: the task.
        size: its limits and constants at the chosen size.
        seed: of the training.
        folder: data of the split that is scored; only the judge reads them.
        random: drawn by the machine, so that no candidate can foresee the order of requests.
        facts: what was measured so far.
    """

    def __init__(self, request: JudgeRequest, facts: dict[str, Fact]) -> None:
        self.task, self.size, self.seed = request.task, request.limits, request.seed
        self._train = request.data.train
        self.folder = request.data.split(request.split)
        self.random = np.random.default_rng(int.from_bytes(os.urandom(16)))
        self.facts = facts
        self._request = request
        with reporting(_NOT_WRITTEN):
            self._place = Path(tempfile.mkdtemp(prefix="aira-dsl-judge-"))
        try:
            with reporting(_NOT_WRITTEN):
                self._place.chmod(0o755)  # without bubblewrap another user runs the candidate
                self._program = self._prepared()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files of the session."""
        shutil.rmtree(self._place, ignore_errors=True)

    def train(self, settings: Mapping[str, Any] | None = None) -> Weights:
        """Train the candidate and take its weights.

        The clock runs from the message that starts the training to the last byte of the weights.
        Then everything that the candidate started is ended.

        Args:
            settings: for the harness, beside those of the size.

        Raises:
            Rejection: it fails, takes too long, or its weights cannot be used.
            InputError: E1205, the task has too many files of training data.
        """
        with self._running("train", settings) as process:
            process.await_ready()
            before = process.cpu_seconds()
            data, seconds = self._start_and_wait(process)
        self.facts |= {"startup_seconds": process.startup_seconds, "training_seconds": seconds}
        used = self.facts["training_cpu_seconds"] = process.stop().cpu_seconds - before
        self.facts |= _reported(data.fields.get("facts"))
        limit, why = self.size.training_cpu_seconds, "so that more cores do not help"
        check_cpu_time("the training", used, limit, why)
        return self._weights(data.arrays["weights"])

    @contextmanager
    def serving(
        self, weights: Weights, settings: Mapping[str, Any] | None = None
    ) -> Iterator[Server]:
        """Run the trained candidate in a new process that answers requests.

        The process gets the weights when its start-up is complete. They can hold the training data,
        so that its work for every answer is limited to a small part of that for the training.

        Raises:
            Rejection: it does not start, or does not load the weights.
        """
        each = max(_ANSWER * self.size.training_seconds, _LEAST_ANSWER)
        with self._running("serve", settings) as process:
            process.await_ready()
            server = Server(process, each)
            server.load(weights)
            yield server

    @contextmanager
    def measuring(self, settings: Mapping[str, Any] | None = None) -> Iterator[Server]:
        """Run the untrained candidate in a new process, to measure what requests cost.

        Raises:
            Rejection: it does not start.
        """
        with self._running("measure", settings) as process:
            process.await_ready()
            yield Server(process)

    def _prepared(self) -> Program:
        """Write the candidate's files and the links to its packages."""
        candidate, library = self._place / "candidate", self._place / "library"
        candidate.mkdir()
        library.mkdir()
        self._request.candidate.write(candidate)
        found = packages.link(self._request.candidate.framework, library)
        files = self._request.candidate.files
        return Program(
            kind=self._request.kind,
            size=self.size,
            harness=self.task.folder / HARNESS,
            candidate=candidate,
            library=library,
            packages=found,
            lines={name: text.count("\n") + 1 for name, text in files.items()},
            seed=self.seed,
        )

    @contextmanager
    def _running(
        self, mode: Mode, settings: Mapping[str, Any] | None
    ) -> Iterator[CandidateProcess]:
        """Run a process, and add what it used to the facts, however it ends."""
        with CandidateProcess(self._program, mode, settings=settings) as process:
            try:
                yield process
            finally:
                self._count(mode, process)

    def _count(self, mode: Mode, process: CandidateProcess) -> None:
        result = process.stop()
        self.facts["sandbox"] = result.kind
        before = self.facts.get("peak_memory_bytes")
        peak = max(result.peak_memory, before if isinstance(before, int) else 0)
        if mode != "measure":
            self.facts["peak_memory_bytes"] = peak

    def _start_and_wait(self, process: CandidateProcess) -> tuple[Message, float]:
        """Hand over the training data, start the clock, and wait for the weights."""
        paths = sorted(path for path in self._train.rglob("*") if path.is_file())
        if len(paths) > MAX_DESCRIPTORS:
            raise InputError(
                "E1205", f"{len(paths)} files in train/; a task has at most {MAX_DESCRIPTORS}"
            )
        seconds = self.size.training_seconds
        names = [path.relative_to(self._train).as_posix() for path in paths]
        with opened(paths) as descriptors:
            fields = {"seconds": seconds, "files": names}
            began = time.monotonic()
            end = began + seconds + max(_TOLERANCE * seconds, _LEAST_TOLERANCE)
            deadline = Deadline(end, "training", seconds)
            process.send(Message("start", fields, descriptors=descriptors), deadline, "training")
        most = ArraySpec(None, ("uint8",), longest=self.size.weights_mib * MIB)
        done = process.receive({"done": {"weights": most}}, deadline, "training")
        return done, time.monotonic() - began

    def _weights(self, data: Array) -> Weights:
        """Keep the bytes of a weights file if they are one.

        Raises:
            Rejection: they are none, or more values than the task allows.
        """
        path = self._place / "weights.safetensors"
        with reporting(_NOT_WRITTEN):
            path.write_bytes(data.data)
            path.chmod(0o644)
        weights = read_weights(path)
        self.facts["parameters"] = weights.parameters
        self._check_cap(weights.parameters, len(data))
        return weights

    def _check_cap(self, parameters: int, size: int) -> None:
        """Refuse more than the task allows: values, or bytes that could hold as many.

        A type of eight bytes, names of arrays and the metadata of the file hold values, too.
        """
        cap = self.task.metadata.parameter_cap
        if cap is None or max(parameters, size / _VALUE) <= cap:
            return
        raise Rejection(
            "refused",
            f"too many parameters: {parameters:,} values in a file of {size:,} bytes; the limit is "
            f"{cap:,} values, and {_VALUE} bytes for each",
        )


def _reported(facts: Any) -> dict[str, Fact]:
    """Return what a candidate says about itself, cut to numbers and short printable texts."""
    if not isinstance(facts, dict):
        return {}
    kept = [
        (f"reported_{name[:40]}", _printable(value) if isinstance(value, str) else value)
        for name, value in facts.items()
        if name.isidentifier()
        and (isinstance(value, str) or (isinstance(value, int | float) and abs(value) < _LARGEST))
    ]
    return dict(kept[:_MOST_FACTS])


def _printable(text: str) -> str:
    """Return a text without characters that act on a terminal instead of being seen."""
    return "".join(letter for letter in text if letter.isprintable())[:_FACT_LENGTH]
