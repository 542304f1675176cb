"""The folder of a design run, written without judging anything: any trials, any texts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models.base import Usage
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.run import DesignRun, candidate_folder, read_design_run
from aira_dsl.design.settings import DesignSettings
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.study.settings import AgentSettings
from aira_dsl.study.trials import Trial, as_json

CALL = Attempt(
    model="a-model", prompt="0" * 16, answer="", usage=Usage(input=90, output=10), usd=0.25,
    seconds=2.0,
)  # fmt: skip
FACTS = {"sandbox": "landlock", "parameters": 64, "peak_memory_bytes": 3 << 20}
START = {"train.py": "import prepare\n\nRATE = 1\nprepare.start(RATE)\n"}


def written(
    number: int, files: Mapping[str, str] = START, *, score: float | None, **more: Any
) -> tuple[Trial, Candidate]:
    """Return a trial and its files; `more` are other fields of the trial."""
    candidate = Candidate(files)
    trial = Trial(
        number=number, state="FAIL" if score is None else "COMPLETE",
        status="crashed" if score is None else "ok", layers=(), pattern="train.py +1 -1",
        fingerprint=candidate.identity, score=score, test_score=None, confirmed=None, repeats={},
        seconds=1.5, cached=False, parameters=64, training_flops=0, message="", tasks={},
        operation="draft", calls=(CALL,), facts=dict(FACTS),
    )  # fmt: skip
    return replace(trial, **more), candidate


def write_run(
    folder: Path,
    trials: Sequence[tuple[Trial, Candidate]],
    *,
    baseline: Sequence[float] = (2.0, 2.02, 1.98),
    noise: float = 0.02,
    seed: int = 0,
    policy: Any = "greedy",
    task: str = "counting",
    direction: Direction = Direction.MINIMIZE,
) -> DesignRun:
    """Write the folder of a design run as `aira-dsl design run` does; return it as read back."""
    settings = DesignSettings(
        seed=seed, task=task, task_identity="0" * 12, task_size="tiny", metric="bits",
        agent=AgentSettings(policy=policy, proposer="scripted", model="a-model", prompts="x"),
        goal=direction, start=Candidate(START).identity[:12], data_seed=3, baseline=len(baseline),
        code_version="1",
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "settings.json": {"format": 1, "kind": "design", **settings.model_dump(mode="json")},
        "noise.json": asdict(Noise(noise, noise, 2.0, "repeats", "3 repeats of the baseline")),
        "baseline.json": {"scores": {str(seed): score for seed, score in enumerate(baseline, 1)}},
        "task.json": {"optimum": 0.0, "baselines": {}},
        "clock.json": {"seconds": 60.0, "charged_seconds": 60.0},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "trials.json").write_text(as_json([trial for trial, _ in trials]), encoding="utf-8")
    Candidate(START).write(folder / "start")
    for trial, candidate in trials:
        place = candidate_folder(folder, trial.fingerprint)
        if not place.exists():
            candidate.write(place)
    return read_design_run(folder)
