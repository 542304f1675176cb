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

from aira_dsl.agents.caller import Caller
from aira_dsl.agents.models.base import Reply, Request
from aira_dsl.errors import AiraError
from aira_dsl.evaluation.batch import evaluate_many
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.result import Evaluation, SplitName, TaskScore
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.source import AgentSource, Outcome, needs_proposal
from aira_dsl.study.journal import Journal
from aira_dsl.study.progress import Progress
from aira_dsl.study.pruning import cut_short, hopeless
from aira_dsl.study.samplers import distributions
from aira_dsl.study.selection import best, other_seeds, rank
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.study.source import Source, architecture_of, describe
from aira_dsl.study.storage import GONE

TICK = 0.5  # seconds between looks at the clock and the heartbeat
GLANCE = 0.05  # seconds between looks, while both calls and evaluations are awaited


@dataclass
class Search:
    """One search on this machine.

    Attributes:
        space: what is searched.
        settings: which search it is.
        limits: what it may use.
        journal: the log that it shares with its past and with other machines.
        evaluator: the judge.
        source: who proposes.
        seconds_before: wall-clock seconds that earlier sessions used.
        on_progress: called at every tick and every result.
    """

    space: Space
    settings: SearchSettings
    limits: Limits
    journal: Journal
    evaluator: Evaluator
    source: Source
    seconds_before: float
    on_progress: Callable[[Progress], None]
    _caller: Caller | None = None
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
        pool = EvaluationPool(
            workers=self.limits.workers,
            time_limit=self.limits.time_limit,
            memory_limit=self.limits.memory_limit,
        )
        if isinstance(self.source, AgentSource):
            self._caller = Caller(self.source.proposer.ask)
        with contextlib.closing(pool):
            try:
                while self._step(pool):
                    pass
                self.journal.patiently(lambda: self._confirm_winners(pool))
            except (KeyboardInterrupt, AiraError):
                with contextlib.suppress(*GONE):  # then the missing heartbeat will tell
                    for trial in self._mine.values():
                        self.journal.release(trial)
                raise

    def progress(self, **facts: object) -> Progress:
        """Say where the search stands."""
        trials = self.journal.trials()
        finished = [t for t in trials if t.state.is_finished()]
        first = best(self.journal.records(0), self.settings.evaluator.direction)
        progress = Progress(
            done=len(finished),
            failed=sum(t.state == TrialState.FAIL for t in finished),
            running=len(self._mine),
            seconds=self.seconds_used,
            limits=self.limits,
            asking=len(self._caller.waiting) if self._caller else 0,
            best=(first.score, first.pattern) if first and first.score is not None else None,
        )
        return replace(progress, **facts)  # type: ignore[arg-type]

    def _step(self, pool: EvaluationPool) -> bool:
        """Do what can be done now; tell whether there is more to come."""
        while len(self._mine) < self.limits.workers and (
            (trial := self.journal.patiently(self._take)) is not None
        ):
            self._start(trial, pool)
        if not self._mine and not self._others_run():
            return False
        answers = self._answers(0.0 if pool.running else TICK)
        for request, reply in answers:
            self._read(request, reply, pool)
        if pool.running or not (self._mine or answers):
            asking = self._caller is not None and self._caller.waiting
            for number, evaluation in pool.collect(GLANCE if asking else TICK):
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
            new = self.source.propose(trials)
            if new is None:
                return None
            params, about = {}, new.user_attrs
            if new.layers is not None:
                params = dict(zip(distributions(self.space), new.layers, strict=True))
                about = about | describe(self.space.architecture(new.layers))
            return self.journal.add(
                params=params,
                distributions=distributions(self.space) if params else {},
                user_attrs=about,
                system_attrs=new.system_attrs,
            )

    def _spent(self, trials: int) -> bool:
        """Tell whether the budget has room for no more trials."""
        if self.limits.budget is not None and trials >= self.limits.budget:
            return True
        return self.limits.seconds is not None and self.seconds_used >= self.limits.seconds

    def _start(self, trial: FrozenTrial, pool: EvaluationPool) -> None:
        """Ask for a trial's architecture, or evaluate it if it has one."""
        self._mine[trial.number] = trial
        if needs_proposal(trial):
            self._ask(trial, pool)
        else:
            self._evaluate_trial(trial, pool)

    def _ask(self, trial: FrozenTrial, pool: EvaluationPool) -> None:
        """Do what comes next for a trial without an architecture."""
        assert isinstance(self.source, AgentSource)
        assert self._caller is not None
        question = self.source.question(trial, self.journal.patiently(self.journal.trials))
        if isinstance(question, Request):
            self._caller.start(question)
        elif isinstance(question, Outcome):
            self.journal.patiently(lambda: self._write_outcome(trial, question))
            self._start(self._reread(trial), pool)
        else:
            self._finish(trial.number, question, cached=False)

    def _answers(self, timeout: float) -> list[tuple[Request, Reply]]:
        return self._caller.collect(timeout) if self._caller else []

    def _read(self, request: Request, reply: Reply, pool: EvaluationPool) -> None:
        """Store an answer, and do what it leads to."""
        trial = self._mine[request.number]
        self.journal.patiently(lambda: self._store_answer(request, reply, trial))
        self._start(self._reread(trial), pool)

    def _store_answer(self, request: Request, reply: Reply, trial: FrozenTrial) -> None:
        assert isinstance(self.source, AgentSource)
        with self.journal.exclusive():  # of two equal proposals one is the duplicate
            outcome = self.source.read(request, reply, trial, self.journal.trials())
            self._write_outcome(trial, outcome)

    def _write_outcome(self, trial: FrozenTrial, outcome: Outcome) -> None:
        """Write down what an answer led to: first the calls, last what says that all is there."""
        attributes = dict(outcome.user_attrs)
        complete = attributes.pop("fingerprint", None)
        self.journal.write(trial, attributes)
        if outcome.architecture is not None:
            slots = distributions(self.space)
            params = dict(zip(slots, outcome.architecture.layers, strict=True))
            self.journal.fill(trial, params, slots)
            self.journal.write(trial, {"fingerprint": complete})

    def _reread(self, trial: FrozenTrial) -> FrozenTrial:
        return self.journal.patiently(self.journal.trials)[trial.number]

    def _evaluate_trial(self, trial: FrozenTrial, pool: EvaluationPool) -> None:
        """Evaluate a trial, or answer from the store and charge what that would have taken."""
        architecture = architecture_of(self.space, trial)
        known = self.evaluator.recall(architecture, self.settings.seed)
        if known is None:
            request = EvaluationRequest(self.evaluator, architecture, self.settings.seed)
            go_on = self._go_on if self.settings.prune else None
            pool.submit(trial.number, request, should_continue=go_on)
        else:
            known = self._stop_where_it_would_have(known)
            self._charged += known.seconds / self.limits.workers
            self._finish(trial.number, known, cached=True)

    def _go_on(self, tasks: Sequence[TaskScore]) -> bool:
        """Tell whether a candidate is worth its remaining tasks."""
        return not hopeless(
            self.journal.patiently(self.journal.trials),
            tasks,
            share=self.settings.prune,
            direction=self.settings.evaluator.direction,
        )

    def _stop_where_it_would_have(self, known: Evaluation) -> Evaluation:
        """Cut what the store knows: a search must not depend on what others have computed."""
        last = len(self.settings.evaluator.runs) - 1  # nobody is asked after the last task
        for done in range(1, min(len(known.tasks), last) + 1):
            if not self._go_on(known.tasks[:done]):
                return cut_short(known, done)
        return known

    def _finish(self, number: int, evaluation: Evaluation, *, cached: bool) -> None:
        trial = self._mine.pop(number)
        if isinstance(self.source, AgentSource):
            self.source.on_end(trial)
        self.journal.patiently(lambda: self.journal.finish(trial, evaluation, cached=cached))
        finished = self.journal.patiently(self.journal.trials)[number]
        self.on_progress(self.journal.patiently(lambda: self.progress(finished=finished)))

    def _others_run(self) -> bool:
        trials = self.journal.patiently(self.journal.trials)
        return any(trial.state == TrialState.RUNNING for trial in trials)

    def _confirm_winners(self, pool: EvaluationPool) -> None:
        """Repeat the winners with other seeds, and open the test split once for each of them.

        Whoever gets there first does it; what others have done is not done again.
        """
        with self.journal.exclusive():
            top = rank(self.journal.records(0), self.settings.evaluator.direction)
            trials = self.journal.trials()
            winners = {
                trial.fingerprint: trials[trial.number] for trial in top[: self.limits.winners]
            }
            repeats = self.journal.noted("repeats", {})
            tests = self.journal.noted("test_scores", {})
            waiting: list[tuple[str, int, SplitName]] = []
            for name in winners:
                seeds = other_seeds(self.settings.seed, self.limits.repeats)
                known = repeats.setdefault(name, {})
                waiting += [(name, seed, "validation") for seed in seeds if str(seed) not in known]
                waiting += [] if name in tests else [(name, self.settings.seed, "test")]
            requests = [
                EvaluationRequest(
                    self.evaluator, architecture_of(self.space, winners[name]), seed, split
                )
                for name, seed, split in waiting
            ]

            def tick() -> None:
                self.on_progress(self.progress(testing=True))

            for result in evaluate_many(requests, pool, on_tick=tick):
                found = result.evaluation
                if found.split == "test":
                    tests[found.fingerprint] = found.score
                else:
                    repeats[found.fingerprint][str(found.seed)] = found.score
                self.journal.note("test_scores", tests)
                self.journal.note("repeats", repeats)
