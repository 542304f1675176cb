"""Judged trainings of candidates, kept one a file, so that a stopped measurement continues.

Beside the judge's score a record can hold what an evaluator of another kind says about the same
trained model (`Evaluate`). A record belongs to one candidate, one seed, one training time and one
preparation of the data; each of them is part of its file name.

A task may name its steps (`num_train_steps`). A training that the clock has cut before the last of
them has the status "too slow" and no score: how far it came depends on the machine.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import DataFolder, prepare_data
from aira_dsl.design.judge.session import JudgeSession, Weights
from aira_dsl.design.judgement import Fact, Rejection
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import JUDGE, Task, load_task
from aira_dsl.sandbox.kinds import choose
from aira_dsl.utils.files import write_atomically
from aira_dsl.utils.machine import available_cores

Evaluate = Callable[[Candidate, bytes, JudgeSession], dict[str, float]]
"""Gives more values of a trained candidate, from its weights file."""

TOO_SLOW = "too slow"
"""Status of a training that made fewer steps than its task names."""


@dataclass(frozen=True)
class Setting:
    """What all runs of a measurement share.

    Attributes:
        task: with the training time that is used.
        size: name of the size.
        data: prepared for it.
        folder: where the records are.
    """

    task: Task
    size: str
    data: DataFolder
    folder: Path

    @property
    def seconds(self) -> float:
        """Training time."""
        return self.task.size(self.size).training_seconds


def setting(
    name: str, size: str, folder: Path, *, data_seed: int, seconds: float | None = None
) -> Setting:
    """Prepare the data of a task.

    Args:
        name: of the task.
        size: of it.
        folder: of the records.
        data_seed: decides which text is scored, so that others can repeat the measurement.
        seconds: training time; None for the one of the size.
    """
    task = load_task(name)
    data = prepare_data(task, size, seed=data_seed)
    if seconds is not None:
        sizes = {size: task.size(size).model_copy(update={"training_seconds": seconds})}
        task = replace(task, metadata=task.metadata.model_copy(update={"sizes": sizes}))
    return Setting(task, size, data, folder)


def records(
    setting: Setting,
    candidates: dict[str, Candidate],
    seeds: int,
    evaluate: Evaluate | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the record of every candidate and seed; those that are missing are made.

    The candidates of a seed come one after another, so that a change of the machine's speed meets
    all of them.
    """
    for seed in range(seeds):
        for name, candidate in candidates.items():
            yield record(setting, name, candidate, seed, evaluate)


def record(
    setting: Setting,
    name: str,
    candidate: Candidate,
    seed: int,
    evaluate: Evaluate | None = None,
) -> dict[str, Any]:
    """Return the record of a candidate and seed; it is made if it is missing."""
    path = setting.folder / f"{name}-{_key(setting, candidate)}-seed{seed}.json"
    if not path.exists():
        setting.folder.mkdir(parents=True, exist_ok=True)
        judged = _complete(setting, _judged(setting, candidate, seed, evaluate))
        made = {"candidate": name, "seed": seed, **judged}
        write_atomically(path, json.dumps(made, indent=1) + "\n")
        print(_told(made, path), flush=True)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _told(made: dict[str, Any], path: Path) -> str:
    name = f"{made['candidate']}, seed {made['seed']}"
    if made["status"] == TOO_SLOW:
        again = f"if other work slowed it down, delete {path} and repeat the command"
        return f"{name}: {TOO_SLOW}: {made['message']}; {again}"
    return f"{name}: {made['status']} {made.get('score', made.get('message'))}"


def _complete(setting: Setting, judged: dict[str, Any]) -> dict[str, Any]:
    """Return a judgement; if the clock has cut the training, without its score."""
    planned = setting.task.size(setting.size).settings.get("num_train_steps")
    done = judged["facts"].get("reported_steps")
    if judged["status"] != "ok" or planned is None or done is None or done >= planned:
        return judged
    message = f"{done:,} of {planned:,} steps"
    return {"status": TOO_SLOW, "message": message, "facts": judged["facts"]}


def machine() -> str:
    """Return the processor, the cores that are used, and the date."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{available_cores()} cores of {names[0]}, {time.strftime('%Y-%m-%d')}"


def _key(setting: Setting, candidate: Candidate) -> str:
    text = f"{candidate.identity} {setting.data.path.name} {setting.seconds:g}"
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _judged(
    setting: Setting, candidate: Candidate, seed: int, evaluate: Evaluate | None
) -> dict[str, Any]:
    request = JudgeRequest(
        setting.task, setting.size, candidate, setting.data, choose("auto"), seed=seed
    )
    facts: dict[str, Fact] = {}
    more: dict[str, float] = {}
    with _Session(request, facts) as session:
        try:
            score = setting.task.function(JUDGE, "judge")(session)
        except Rejection as rejection:
            return {"status": rejection.status, "message": rejection.reason, "facts": facts}
        if evaluate is not None:
            more = evaluate(candidate, session.trained, session)
    return {"status": "ok", "score": score.value, **more, "facts": facts | score.facts}


class _Session(JudgeSession):
    """A session that keeps the trained weights.

    Attributes:
        trained: the weights file.
    """

    trained: bytes

    def train(self, settings: Any = None) -> Weights:
        """Train, and keep the weights."""
        weights = super().train(settings)
        self.trained = weights.path.read_bytes()
        return weights
