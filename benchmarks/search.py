"""The milliseconds that a search spends on a trial whose score is looked up.

    python -m benchmarks.search --samplers random tpe --trials 10000

16 slots of three blocks, a planned score, one worker, the study in a file. Printed for every
thousand trials: the mean time of a trial of the whole search (propose, look up, store, report), and
of Optuna alone with the same sampler on a study in memory, which stores nothing.
"""

import argparse
import hashlib
import random
import tempfile
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import optuna

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.evaluator import ArchitectureRequest
from aira_dsl.evaluation.pool import EvaluationPool
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.result import Evaluation, SplitName
from aira_dsl.space import Space
from aira_dsl.study.arrangements import distributions
from aira_dsl.study.clock import Clock
from aira_dsl.study.journal import Journal
from aira_dsl.study.loop import Search
from aira_dsl.study.progress import Progress
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.samplers.families import SAMPLERS, SamplerName, make_sampler
from aira_dsl.study.samplers.sampler_source import SamplerSource
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.testing.evaluator import PlannedEvaluator

STEP = 1_000
SETTINGS = preset_settings("cpu")


class LookedUp(PlannedEvaluator):
    """Answers at once, like a table."""

    def recall(
        self, architecture: Architecture, seed: int, split: SplitName = "validation"
    ) -> Evaluation:
        """Return the planned result."""
        return self.compute(architecture, seed, split, lambda tasks: True)


def score(layers: tuple[str, ...]) -> float:
    """Return a score between 0 and 1 that has nothing to do with the layers."""
    return hashlib.sha256("-".join(layers).encode()).digest()[0] / 255


def search(sampler: SamplerName, budget: int, folder: Path) -> list[float]:
    """Return the time of every thousand trials of a search, in milliseconds a trial."""
    space, evaluator = Space.default(), LookedUp(SETTINGS, plan=lambda a, *_: score(a.layers))
    settings = SearchSettings.of(
        space, sampler=sampler, seed=0, prune=0.25, evaluator=SETTINGS, code="benchmark"
    )
    limits = Limits(
        budget=budget, seconds=None, workers=1, time_limit=60, memory_limit=1 << 30, repeats=0
    )
    times = [time.process_time()]

    def on_progress(progress: Progress) -> None:
        if progress.finished is not None and progress.done % STEP == 0:
            times.append(time.process_time())

    pool = EvaluationPool(workers=1, time_limit=60, memory_limit=1 << 30)
    with closing(RunFolder(folder, settings)) as run, closing(pool):
        journal = Journal(
            run.storage_url, "study", identity="", direction=SETTINGS.direction, heartbeat=60
        )
        with closing(journal):
            source = SamplerSource(space, sampler, direction=SETTINGS.direction, seed=0)
            Search(
                settings,
                limits,
                journal,
                source,
                lambda c, seed, split: ArchitectureRequest(evaluator, c.payload, seed, split),
                pool,
                Clock(),
                on_progress,
            ).run()
    return [1000 * (b - a) / STEP for a, b in pairwise(times)]


def optuna_alone(sampler: SamplerName, budget: int) -> list[float]:
    """Return the time of every thousand trials of Optuna alone, in milliseconds a trial."""
    space = Space.default()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=make_sampler(sampler, space, random.Random(0)))
    slots, times = distributions(space), [time.process_time()]
    for number in range(1, budget + 1):
        trial = study.ask(slots)
        study.tell(trial, score(tuple(trial.params.values())))
        if number % STEP == 0:
            times.append(time.process_time())
    return [1000 * (b - a) / STEP for a, b in pairwise(times)]


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--samplers", nargs="+", default=["random"], choices=SAMPLERS)
    parser.add_argument("--trials", type=int, default=10_000)
    options = parser.parse_args()
    for sampler in options.samplers:
        with tempfile.TemporaryDirectory() as folder:
            ours = search(sampler, options.trials, Path(folder) / "run")
        alone = optuna_alone(sampler, options.trials)
        print(f"{sampler:>8}  {'trials':>7}  {'search ms':>9}  {'Optuna ms':>9}")
        for place, (a, b) in enumerate(zip(ours, alone, strict=True), 1):
            print(f"{'':8}  {place * STEP:7,}  {a:9.1f}  {b:9.1f}", flush=True)


if __name__ == "__main__":
    main()
