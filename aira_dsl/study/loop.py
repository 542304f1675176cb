"""The loop of a search: claim or propose, evaluate, write down; until the budget is met.

One thread drives everything on a machine: the pool of evaluation processes, the journal, the clock.
Workers on many machines run this same loop against one journal and are equals; each stays until no
trial is running anywhere, so that those of a dead worker are taken over.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.architecture import Architecture, cost
from aira_dsl.proxy.evaluation import Evaluation, SplitName, TaskScore
from aira_dsl.proxy.evaluator import Evaluator
from aira_dsl.proxy.pool import Pool
from aira_dsl.space import Space
from aira_dsl.study.journal import Journal
from aira_dsl.study.pruning import cut_short, hopeless
from aira_dsl.study.samplers import distributions, layers_of, propose
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.study.storage import GONE

TICK = 0.5  # seconds between looks at the clock and the heartbeat


@dataclass(frozen=True)
class Progress:
    """Where a search stands; handed to `on_progress` at every tick and every result.

    Attributes:
        done: finished trials, failed and stopped ones included.
        failed: failures among them.
        running: trials in flight in this process.
        seconds: wall-clock seconds used, earlier sessions included.
        limits: the search's limits.
        best: score and layers of the best trial so far.
        finished: the trial that has just finished, if this is about one.
        trouble: why the study can not be reached right now.
        testing: whether the winners are being repeated and scored on the test split.
    """

    done: int
    failed: int
    running: int
    seconds: float
    limits: Limits
    best: tuple[float, tuple[str, ...]] | None = None
    finished: FrozenTrial | None = None
    trouble: str | None = None
    testing: bool = False

    @property
    def seconds_left(self) -> float | None:
        """Estimate of what remains: of the time budget, or at the pace so far."""
        estimates = []
        if self.limits.seconds is not None:
            estimates.append(max(0.0, self.limits.seconds - self.seconds))
        if self.limits.budget is not None and self.done:
            estimates.append(self.seconds / self.done * max(0, self.limits.budget - self.done))
        return min(estimates, default=None)


@dataclass
class Search:
    """One search on this machine.

    Attributes:
        space: what is searched.
        settings: which search it is.
        limits: what it may use.
        journal: the log that it shares with its past and with other machines.
        evaluator: the judge.
        seconds_before: wall-clock seconds that earlier sessions used.
        on_progress: called at every tick and every result.
        exhausted: set when the space has no arrangement left to try.
    """

    space: Space
    settings: SearchSettings
    limits: Limits
    journal: Journal
    evaluator: Evaluator
    seconds_before: float
    on_progress: Callable[[Progress], None]
    exhausted: bool = False
    _mine: dict[int, FrozenTrial] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _charged: float = 0.0

    @property
    def seconds_used(self) -> float:
        """Wall-clock seconds of all sessions, with what the store's answers would have taken."""
        return self.seconds_before + time.monotonic() - self._started + self._charged

    def run(self) -> None:
        """Search until the budget is met, then repeat the winners and score them on the test split.

        Interrupted, it lets go of its trials: the same search goes on with them.
        """
        pool = Pool(
            self.evaluator,
            workers=self.limits.workers,
            time_limit=self.limits.time_limit,
            memory_limit=self.limits.memory_limit,
        )
        with contextlib.closing(pool):
            try:
                pool.judge = self._go_on if self.settings.prune else None
                while self._step(pool):
                    pass
                pool.judge = None
                self.journal.patiently(lambda: self._confirm_winners(pool))
            except KeyboardInterrupt:
                with contextlib.suppress(*GONE):  # then the missing heartbeat will tell
                    for trial in self._mine.values():
                        self.journal.release(trial)
                raise

    def progress(self, **facts: object) -> Progress:
        """Say where the search stands."""
        trials = self.journal.trials()
        finished = [t for t in trials if t.state.is_finished()]
        best = ranked(trials, self.settings.evaluator.direction)[:1]
        progress = Progress(
            done=len(finished),
            failed=sum(t.state == TrialState.FAIL for t in finished),
            running=len(self._mine),
            seconds=self.seconds_used,
            limits=self.limits,
            best=(best[0].values[0], layers_of(best[0])) if best else None,
        )
        return replace(progress, **facts)  # type: ignore[arg-type]

    def _step(self, pool: Pool) -> bool:
        """Do what can be done now; tell whether there is more to come."""
        while pool.free and (trial := self.journal.patiently(self._take)) is not None:
            self._start(trial, pool)
        if not self._mine and not self._others_run():
            return False
        for number, evaluation in pool.collect(TICK):
            self._finish(number, evaluation, cached=False)
        self.journal.patiently(lambda: self.journal.beat(list(self._mine.values())))
        self.on_progress(self.journal.patiently(self.progress))
        return True

    def _take(self) -> FrozenTrial | None:
        """Take over a trial that lost its worker, or add a new one if the budget has room."""
        with self.journal.exclusive():
            for orphan in self.journal.orphans(set(self._mine)):
                self.journal.claim(orphan)
                return orphan
            trials = self.journal.trials()
            if self._spent(len(trials)):
                return None
            assert self.settings.sampler is not None
            proposal = propose(
                self.space,
                self.settings.sampler,
                trials,
                direction=self.settings.evaluator.direction,
                seed=self.settings.seed,
            )
            if proposal is None:
                self.exhausted = True
                return None
            architecture = self.space.architecture(proposal.layers)
            return self.journal.add(
                params=dict(zip(distributions(self.space), proposal.layers, strict=True)),
                distributions=distributions(self.space),
                user_attrs=_describe(architecture),
                system_attrs=proposal.system_attrs,
            )

    def _spent(self, trials: int) -> bool:
        """Tell whether the budget has room for no more trials."""
        if self.limits.budget is not None and trials >= self.limits.budget:
            return True
        return self.limits.seconds is not None and self.seconds_used >= self.limits.seconds

    def _start(self, trial: FrozenTrial, pool: Pool) -> None:
        """Evaluate a trial, or answer from the store and charge what that would have taken."""
        self._mine[trial.number] = trial
        architecture = self.space.architecture(layers_of(trial))
        known = self.evaluator.recall(architecture, self.settings.seed)
        if known is None:
            pool.submit(trial.number, architecture, self.settings.seed)
        else:
            known = self._stop_where_it_would_have(trial.number, known)
            self._charged += known.seconds / self.limits.workers
            self._finish(trial.number, known, cached=True)

    def _go_on(self, number: int, tasks: Sequence[TaskScore]) -> bool:
        """Tell whether a candidate is worth its remaining tasks."""
        return not hopeless(
            self.journal.patiently(self.journal.trials),
            tasks,
            share=self.settings.prune,
            direction=self.settings.evaluator.direction,
        )

    def _stop_where_it_would_have(self, number: int, known: Evaluation) -> Evaluation:
        """Cut what the store knows: a search must not depend on what others have computed."""
        last = len(self.settings.evaluator.runs) - 1  # nobody is asked after the last task
        for done in range(1, min(len(known.tasks), last) + 1):
            if not self._go_on(number, known.tasks[:done]):
                return cut_short(known, done)
        return known

    def _finish(self, number: int, evaluation: Evaluation, *, cached: bool) -> None:
        trial = self._mine.pop(number)
        self.journal.patiently(lambda: self.journal.finish(trial, evaluation, cached=cached))
        finished = self.journal.patiently(self.journal.trials)[number]
        self.on_progress(self.journal.patiently(lambda: self.progress(finished=finished)))

    def _others_run(self) -> bool:
        trials = self.journal.patiently(self.journal.trials)
        return any(trial.state == TrialState.RUNNING for trial in trials)

    def _confirm_winners(self, pool: Pool) -> None:
        """Repeat the winners with other seeds, and open the test split once for each of them.

        Whoever gets there first does it; what others have done is not done again.
        """
        with self.journal.exclusive():
            top = ranked(self.journal.trials(), self.settings.evaluator.direction)
            winners = {
                trial.user_attrs["fingerprint"]: trial for trial in top[: self.limits.winners]
            }
            repeats = self.journal.noted("repeats", {})
            tests = self.journal.noted("test_scores", {})
            waiting: list[tuple[str, int, SplitName]] = []
            for name in winners:
                seeds = other_seeds(self.settings.seed, self.limits.repeats)
                known = repeats.setdefault(name, {})
                waiting += [(name, seed, "validation") for seed in seeds if str(seed) not in known]
                waiting += [] if name in tests else [(name, self.settings.seed, "test")]
            jobs = [
                (self.space.architecture(layers_of(winners[name])), seed, split)
                for name, seed, split in waiting
            ]
            for found in self._evaluate(jobs, pool):
                if found.split == "test":
                    tests[found.fingerprint] = found.score
                else:
                    repeats[found.fingerprint][str(found.seed)] = found.score
                self.journal.note("test_scores", tests)
                self.journal.note("repeats", repeats)

    def _evaluate(
        self, jobs: Sequence[tuple[Architecture, int, SplitName]], pool: Pool
    ) -> Iterator[Evaluation]:
        """Yield the evaluations of some architectures as they are finished."""
        waiting = []
        for architecture, seed, split in jobs:
            known = self.evaluator.recall(architecture, seed, split)
            if known is not None:
                yield known
            else:
                waiting.append((architecture, seed, split))
        while waiting or pool.running:
            while waiting and pool.free:
                pool.submit(len(waiting), *waiting.pop(0))
            for _, evaluation in pool.collect(TICK):
                yield evaluation
            self.on_progress(self.progress(testing=True))


def ranked(trials: Sequence[FrozenTrial], direction: str) -> list[FrozenTrial]:
    """Return the scored trials, best first; of equals the earlier one."""
    sign = -1 if direction == "maximize" else 1
    scored = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return sorted(scored, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def other_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds with which the winners of a search are repeated."""
    return [(seed + 1 + place) % (1 << 32) for place in range(count)]


def best_first(
    trials: Sequence[FrozenTrial],
    direction: str,
    *,
    winners: int,
    means: Mapping[str, float | None],
) -> list[FrozenTrial]:
    """Return the scored trials, the winners in the order of their repeats' means."""
    order = ranked(trials, direction)
    sign = -1 if direction == "maximize" else 1

    def place(trial: FrozenTrial) -> float:
        mean = means.get(trial.user_attrs["fingerprint"])
        return math.inf if mean is None else sign * mean

    return sorted(order[:winners], key=place) + order[winners:]


def _describe(architecture: Architecture) -> dict[str, object]:
    """Return what is known of a trial before it runs; optuna-dashboard shows it."""
    costs = cost(architecture)
    return {
        "layers": architecture.pattern,
        "fingerprint": architecture.fingerprint,
        "parameters": costs.parameters,
        "training_flops": costs.training_flops,
    }
