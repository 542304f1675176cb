"""The loop of a search: claim or propose, evaluate, write down; until the budget is met.

One thread drives everything on a machine: the pool of evaluation processes, the journal, the clock.
Workers on many machines run this same loop against one journal and are equals; each stays until no
trial is running anywhere, so that those of a dead worker are taken over.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.architecture import Architecture, cost
from aira_dsl.proxy.evaluation import Evaluation
from aira_dsl.proxy.evaluator import Evaluator
from aira_dsl.proxy.pool import Pool
from aira_dsl.space import Space
from aira_dsl.study.journal import Journal
from aira_dsl.study.samplers import distributions, layers_of, propose
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.study.storage import GONE

TICK = 0.5  # seconds between looks at the clock and the heartbeat


@dataclass(frozen=True)
class Progress:
    """Where a search stands; handed to `on_progress` at every tick and every result.

    Attributes:
        done: finished trials, failures included.
        failed: failures among them.
        running: trials in flight in this process.
        seconds: wall-clock seconds used, earlier sessions included.
        limits: the search's limits.
        best: score and layers of the best trial so far.
        finished: the trial that has just finished, if this is about one.
        trouble: why the study can not be reached right now.
        testing: whether the winners are being scored on the test split.
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
        """Search until the budget is met, then score the winners on the test split.

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
                while self._step(pool):
                    pass
                self.journal.patiently(lambda: self._test_winners(pool))
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
            self._charged += known.seconds / self.limits.workers
            self._finish(trial.number, known, cached=True)

    def _finish(self, number: int, evaluation: Evaluation, *, cached: bool) -> None:
        trial = self._mine.pop(number)
        self.journal.patiently(lambda: self.journal.finish(trial, evaluation, cached=cached))
        finished = self.journal.patiently(self.journal.trials)[number]
        self.on_progress(self.journal.patiently(lambda: self.progress(finished=finished)))

    def _others_run(self) -> bool:
        trials = self.journal.patiently(self.journal.trials)
        return any(trial.state == TrialState.RUNNING for trial in trials)

    def _test_winners(self, pool: Pool) -> None:
        """Open the test split, once for each winner, whoever gets there first."""
        with self.journal.exclusive():
            scores: dict[str, float | None] = dict(self.journal.noted("test_scores", {}))
            winners = ranked(self.journal.trials(), self.settings.evaluator.direction)
            waiting = [
                trial
                for trial in winners[: self.limits.winners]
                if trial.user_attrs["fingerprint"] not in scores
            ]
            for evaluation in self._evaluate_test(waiting, pool):
                scores[evaluation.fingerprint] = evaluation.score
                self.journal.note("test_scores", scores)

    def _evaluate_test(self, trials: Sequence[FrozenTrial], pool: Pool) -> list[Evaluation]:
        seed, done = self.settings.seed, []
        waiting = [self.space.architecture(layers_of(trial)) for trial in trials]
        for architecture in list(waiting):
            if known := self.evaluator.recall(architecture, seed, "test"):
                waiting.remove(architecture)
                done.append(known)
        while waiting or pool.running:
            while waiting and pool.free:
                pool.submit(len(waiting), waiting.pop(0), seed, "test")
            done += [evaluation for _, evaluation in pool.collect(TICK)]
            self.on_progress(self.progress(testing=True))
        return done


def ranked(trials: Sequence[FrozenTrial], direction: str) -> list[FrozenTrial]:
    """Return the scored trials, best first; of equals the earlier one."""
    sign = -1 if direction == "maximize" else 1
    scored = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return sorted(scored, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def _describe(architecture: Architecture) -> dict[str, object]:
    """Return what is known of a trial before it runs; optuna-dashboard shows it."""
    costs = cost(architecture)
    return {
        "layers": architecture.pattern,
        "fingerprint": architecture.fingerprint,
        "parameters": costs.parameters,
        "training_flops": costs.training_flops,
    }
