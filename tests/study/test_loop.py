"""The loop of a search: when it ends, and what one step reads."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState

from aira_dsl.agents.policies import POLICIES
from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.agent.trial_source import AgentTrials
from aira_dsl.study.architecture_agent.setup import ArchitectureAgent
from aira_dsl.study.arrangements import USED_UP, Arrangements
from aira_dsl.study.candidate import Candidate, NewTrial
from aira_dsl.study.journal import Journal
from aira_dsl.study.options import AgentOptions
from aira_dsl.study.progress import Progress
from aira_dsl.study.samplers.sampler_source import SamplerSource
from aira_dsl.study.source import Ended
from benchmarks import search as benchmark
from tests.study.planned import (
    EVALUATOR,
    SPACE,
    LookedUp,
    open_journal,
    run,
    score,
    settings,
)

BUDGET = 14
ARRANGEMENTS = Arrangements(SPACE)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = open_journal(f"sqlite:///{tmp_path / 'study.db'}")
    yield opened
    opened.close()


def sampler_source() -> SamplerSource:
    return SamplerSource(SPACE, "random", direction=EVALUATOR.direction, seed=0)


def agent_source(policy: str, journal: Journal) -> AgentTrials[Architecture]:
    agent = ArchitectureAgent.of(SPACE, AgentOptions(policy=policy, proposer="scripted"))
    chosen = settings(method="agent", agent=agent.settings)
    return AgentTrials(agent.source(chosen, BUDGET), journal)


class OtherWorker:
    """A source beside another worker, whose trial ends right after "nothing to propose now".

    The other worker takes every second trial, and works on it until a proposal depends on it.
    """

    def __init__(self, source: AgentTrials[Architecture], journal: Journal) -> None:
        self._source = source
        self._journal = journal
        self._evaluator = LookedUp(EVALUATOR, plan=score)
        self.interleavings = 0
        self._theirs: FrozenTrial | None = None

    @property
    def waiting(self) -> int:
        return self._source.waiting

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial[Architecture] | Ended | None:
        new = self._source.propose(trials)
        if new is None:
            self.interleavings += 1
            self.finish()
        return new

    def advance(self, trial: FrozenTrial) -> Candidate[Architecture] | Evaluation | None:
        return self._source.advance(trial)

    def ready(self, timeout: float) -> list[int]:
        return self._source.ready(timeout)

    def candidate(self, trial: FrozenTrial) -> Candidate[Architecture]:
        return self._source.candidate(trial)

    def on_end(self, trial: FrozenTrial) -> None:
        self._source.on_end(trial)

    def watch(self, progress: Progress) -> None:
        """Let the other worker take a trial if it has none, and finish the last one."""
        trials = self._journal.trials()
        if self._theirs is None and len(trials) < BUDGET:
            new = self._source.propose(trials)
            self._theirs = self._add(new, len(trials)) if isinstance(new, NewTrial) else None
        elif progress.done == BUDGET - 1:
            self.finish()

    def finish(self) -> None:
        """Finish the trial of the other worker."""
        if self._theirs is not None:
            candidate = ARRANGEMENTS.candidate(self._theirs)
            self._journal.finish(
                self._theirs, self._evaluator.recall(candidate.payload, 0), cached=False
            )
            self._theirs = None

    def _add(self, new: NewTrial[Architecture], number: int) -> FrozenTrial:
        own = ARRANGEMENTS.new_trial(SPACE.architecture(SPACE.layers(SPACE.size - 1 - number)))
        calls = {"calls": [], "tokens": 0, "hypothesis": ""}
        attributes = {**new.user_attrs, **own.user_attrs, **calls}
        return self._journal.add(replace(own, user_attrs=attributes))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_worker_stays_when_an_awaited_trial_ends_after_its_look(
    policy: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be proposed and who runs are one snapshot: else the budget would not be met."""
    monkeypatch.setattr(journal, "_is_shared", True)  # then trials of others are left alone
    monkeypatch.setattr(journal, "stale_trials", lambda mine: [])
    source = OtherWorker(agent_source(policy, journal), journal)
    search = run(journal, source, BUDGET, on_progress=source.watch)
    trials = journal.trials()
    assert all(trial.state.is_finished() for trial in trials)
    if policy == "oneshot":
        assert search.ended == "the policy has nothing more to do"
        return
    assert search.ended == ""
    assert len(trials) == BUDGET
    assert (source.interleavings > 0) == (policy in ("mcts", "evolution"))
    assert len(journal.noted("test_scores")) == search.limits.winners


def test_a_search_says_whether_the_space_or_the_budget_ended_it(journal: Journal) -> None:
    assert run(journal, sampler_source(), 10).ended == ""
    assert run(journal, sampler_source(), SPACE.size + 1).ended == USED_UP
    assert len(journal.trials()) == SPACE.size


def test_results_that_are_looked_up_are_one_transaction_and_no_read(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    added: list[int] = []
    read, add = journal.study.get_trials, journal.study.add_trial
    monkeypatch.setattr(
        journal.study, "get_trials", lambda **options: reads.append(0) or read(**options)
    )
    monkeypatch.setattr(journal.study, "add_trial", lambda trial: added.append(0) or add(trial))
    run(journal, sampler_source(), 30)
    assert (len(added), len(reads)) == (30, 1)
    trials = open_journal(journal.url).trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 30
    assert [trial.value for trial in trials] == [
        score(ARRANGEMENTS.candidate(trial).payload) for trial in trials
    ]


def test_progress_counts_every_trial_once_and_names_the_best(journal: Journal) -> None:
    seen: list[Progress] = []
    run(journal, sampler_source(), 12, on_progress=seen.append)
    finished = [progress for progress in seen if progress.finished is not None]
    assert [progress.done for progress in finished] == list(range(1, 13))
    best = None
    for progress, trial in zip(finished, journal.trials(), strict=True):
        best = trial if best is None or trial.value > best.value else best
        assert progress.best is not None
        assert progress.best.number == best.number


def test_looked_up_seconds_are_charged_and_are_not_wall_clock(journal: Journal) -> None:
    search = run(journal, sampler_source(), 20)
    charged = sum(trial.user_attrs["seconds"] for trial in journal.trials())
    assert search.clock.charged_seconds - search.clock.seconds == pytest.approx(charged, abs=0.1)
    assert charged > 20


def test_the_benchmark_of_the_loop_measures_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "STEP", 2)
    assert len(benchmark.search("random", 6, tmp_path / "run")) == 3
    assert len(benchmark.optuna_alone("random", 6)) == 3
