"""The loop of a search: claim or propose, evaluate, store; until the budget is spent.

One thread drives everything on a machine: the pool of evaluation processes, the journal, the clock.
Workers on many machines run this same loop against one journal and are equals; each stays until no
trial is running anywhere, so that the trials of a dead worker are taken over.

What a trial evaluates is up to its source: the loop sees candidates with an identity and a payload.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from optuna.trial import FrozenTrial

from aira_dsl.errors import AiraError
from aira_dsl.evaluation.batch import evaluate_many
from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.result import Evaluation, SplitName, TaskScore
from aira_dsl.study.candidate import Candidate
from aira_dsl.study.clock import Clock
from aira_dsl.study.journal import Journal
from aira_dsl.study.progress import Progress, Tally
from aira_dsl.study.pruning import Pruner, cut_short
from aira_dsl.study.selection import other_seeds, rank
from aira_dsl.study.settings import Limits, RunSettings
from aira_dsl.study.source import Ended, Source
from aira_dsl.study.storage import GONE
from aira_dsl.study.trials import Trial

T = TypeVar("T")

TICK = 0.5  # seconds between looks at the clock and the heartbeat
GLANCE = 0.05  # seconds between looks, while both calls and evaluations are awaited


@dataclass
class Search(Generic[T]):
    """One search on this machine.

    Attributes:
        settings: settings of the search.
        limits: what it may use.
        journal: the log that it shares with its past and with other machines.
        source: proposes trials.
        request: makes the request for an evaluation from a candidate, a seed and a split.
        pool: evaluation processes.
        clock: seconds used so far.
        on_progress: called at every tick and every result.
        ended: why the search ended before the budget was spent; empty if it did not.
    """

    settings: RunSettings
    limits: Limits
    journal: Journal
    source: Source[T]
    request: Callable[[Candidate[T], int, SplitName], EvaluationRequest]
    pool: EvaluationPool
    clock: Clock
    on_progress: Callable[[Progress], None]
    ended: str = ""
    _mine: dict[int, FrozenTrial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pruner = Pruner(self.settings.prune, self.journal.direction)
        self._tally = Tally(self.journal.direction)

    def run(self) -> None:
        """Search until the budget is spent or the source ends, then confirm the winners.

        Interrupted, it releases its trials: the same search continues with them.
        """
        try:
            while self._step():
                pass
            self.journal.exclusively(lambda: confirm_winners(self))
        except (KeyboardInterrupt, AiraError):
            with suppress(*GONE):  # then the missing heartbeat will tell
                self.journal.release()
            raise

    def progress(self, *, finished: Trial | None = None, testing: bool = False) -> Progress:
        """Return where the search stands."""
        self._tally.follow(self.journal.snapshot)
        return Progress(
            done=self._tally.done,
            failed=self._tally.failed,
            running=len(self._mine),
            seconds=self.clock.seconds,
            charged_seconds=self.clock.charged_seconds,
            limits=self.limits,
            asking=self.source.waiting,
            best=self._tally.best,
            finished=finished,
            testing=testing,
        )

    def _step(self) -> bool:
        """Start a trial if a worker is free, else wait for results; return whether to continue."""
        free = len(self._mine) < self.limits.workers
        taken = self.journal.exclusively(self._take) if free else None
        if isinstance(taken, Ended):
            self.ended = taken.reason
            return False
        if taken is None:
            self._wait()
        elif taken.state.is_finished():  # the store had its evaluation
            self.clock.charge(taken.user_attrs["seconds"] / self.limits.workers)
            self._announce(taken.number)
        else:
            self._mine[taken.number] = taken
            self._advance(taken)
        self.journal.beat(self._mine.values())
        return True

    def _take(self) -> FrozenTrial | Ended | None:
        """Claim a trial that lost its worker, or add a new one.

        What can be proposed and whether a trial is running are read from one snapshot. None says
        that the next trial depends on one that is running, here or elsewhere.
        """
        trials = self.journal.trials()
        for stale in self.journal.stale_trials(self._mine):
            self.journal.claim(stale)
            return stale
        new = Ended("") if self._is_spent(len(trials)) else self.source.propose(trials)
        if isinstance(new, Ended) or new is None:
            if self.journal.running():
                return None
            return new or Ended("the source proposes no further trial")
        known = None if new.candidate is None else self._recall(new.candidate)
        return self.journal.add(new, known)

    def _is_spent(self, trials: int) -> bool:
        budget, seconds = self.limits.budget, self.limits.seconds
        return (budget is not None and trials >= budget) or (
            seconds is not None and self.clock.charged_seconds >= seconds
        )

    def _advance(self, trial: FrozenTrial) -> None:
        """Bring a trial to its evaluation, or to its end without one."""
        found = self.source.advance(trial)
        if isinstance(found, Evaluation):
            self._finish(trial, found, cached=False)
        elif found is not None:
            self._evaluate(trial, found)

    def _evaluate(self, trial: FrozenTrial, candidate: Candidate[T]) -> None:
        """Start an evaluation, or take it from the store and charge the time that it took."""
        known = self._recall(candidate)
        if known is None:
            request = self.request(candidate, self.settings.seed, "validation")
            check = self._should_continue if self.settings.prune else None
            self.pool.submit(trial.number, request, should_continue=check)
        else:
            self.clock.charge(known.seconds / self.limits.workers)
            self._finish(trial, known, cached=True)

    def _recall(self, candidate: Candidate[T]) -> Evaluation | None:
        """Return an evaluation from the store, cut where pruning would have stopped it.

        A search does not depend on what was computed before.
        """
        known = self.request(candidate, self.settings.seed, "validation").recall()
        if known is None or not self.settings.prune:
            return known
        last = self.settings.tasks - 1  # nothing is asked after the last task
        for done in range(1, min(len(known.tasks), last) + 1):
            if not self._should_continue(known.tasks[:done]):
                return cut_short(known, done)
        return known

    def _should_continue(self, tasks: Sequence[TaskScore]) -> bool:
        """Return whether a candidate is worth its remaining tasks."""
        self._pruner.follow(self.journal.snapshot)
        return not self._pruner.should_prune(tasks)

    def _wait(self) -> None:
        """Wait for answers and evaluations, a tick at most, and continue with them."""
        ready = self.source.ready(0.0 if self.pool.running else TICK)
        if self.pool.running or not (self._mine or ready):
            for number, evaluation in self.pool.collect(GLANCE if self.source.waiting else TICK):
                self._finish(self._mine[number], evaluation, cached=False)
        trials = self.journal.trials()
        for number in ready:
            self._mine[number] = trials[number]
            self._advance(trials[number])
        self.on_progress(self.progress())

    def _finish(self, trial: FrozenTrial, evaluation: Evaluation, *, cached: bool) -> None:
        self.source.on_end(trial)
        self.journal.finish(trial, evaluation, cached=cached)
        del self._mine[trial.number]
        self.journal.trials()
        self._announce(trial.number)

    def _announce(self, number: int) -> None:
        """Report a trial that has just been finished."""
        finished = self.journal.record(number)
        self.on_progress(self.progress(finished=finished))


def confirm_winners(search: Search[T]) -> None:
    """Repeat the winners with other seeds, and score each of them once on the test split.

    The first worker that gets here does it; what is stored is not computed again. Call inside
    `Journal.exclusively`.
    """
    journal, limits, seed = search.journal, search.limits, search.settings.seed
    repeats, tests = journal.noted("repeats", {}), journal.noted("test_scores", {})
    winners = rank(journal.records(0), journal.direction)[: limits.winners]
    requests = []
    for winner in winners:
        candidate = search.source.candidate(journal.snapshot[winner.number])
        known = repeats.setdefault(candidate.identity, {})
        seeds = [other for other in other_seeds(seed, limits.repeats) if str(other) not in known]
        requests += [search.request(candidate, other, "validation") for other in seeds]
        if candidate.identity not in tests:
            requests.append(search.request(candidate, search.settings.test_seed, "test"))

    def tick() -> None:
        search.on_progress(search.progress(testing=True))

    for result in evaluate_many(requests, search.pool, on_tick=tick):
        found = result.evaluation
        if found.split == "test":
            tests[found.fingerprint] = found.score
        else:
            repeats[found.fingerprint][str(found.seed)] = found.score
        journal.note("test_scores", tests)
        journal.note("repeats", repeats)
