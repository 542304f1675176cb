"""The whole loop with words in place of architectures: budget, kills, duplicates, folder."""

from pathlib import Path
from typing import Any

import pytest

from aira_dsl.agents.policies import POLICIES
from aira_dsl.errors import InputError
from aira_dsl.study.journal import Journal
from aira_dsl.study.run import read_run, read_run_of
from aira_dsl.study.session import Session
from aira_dsl.study.settings import SearchSettings
from aira_dsl.study.trials import Trial, as_json
from aira_dsl.testing.domains import DomainContract
from tests.study.words import (
    TEST_SEED,
    WORDS,
    WordDomain,
    WordOptions,
    WordPlan,
    Words,
    WordSettings,
    every_result,
)

BUDGET = 14
LASTING = [name for name in POLICIES if name != "oneshot"]


class TestNearWords(DomainContract):
    domain = WordDomain()
    candidates = Words(near=True)
    answers = ("abc", "cab")
    unusable = ("", "a word", "abcd")
    has_neighbours = True


class TestWordsApart(TestNearWords):
    candidates = Words(near=False)
    has_neighbours = False


def plan(folder: Path, policy: str, *, budget: int = BUDGET, near: bool = True) -> WordPlan:
    options = WordOptions(out=folder, policy=policy, proposer="scripted", budget=budget)
    return WordPlan(options, Words(near), every_result())


def run(made: WordPlan) -> tuple[list[Trial], str]:
    """Run a search; return its trials and why it ended early."""
    with Session(made, on_progress=lambda progress: None, on_end=write_trials) as session:
        ended = session.run().ended
        return session.journal.records(1), ended


def write_trials(session: Session[WordPlan]) -> None:
    session.folder.write("trials.json", as_json(session.journal.records(1)))


def told(trials: list[Trial]) -> list[Any]:
    """Return all of the trials that may not depend on time or on the store."""
    return [
        (
            trial.number, trial.state, trial.operation, trial.parents, trial.fingerprint,
            trial.score, trial.status, trial.duplicates, [call.answer for call in trial.calls],
        )
        for trial in trials
    ]  # fmt: skip


@pytest.mark.parametrize("policy", LASTING)
def test_the_budget_is_met_exactly_and_no_word_is_evaluated_twice(policy, tmp_path):
    made = plan(tmp_path / "run", policy)
    if policy == "greedy":  # in real processes
        made.store.clear()
    trials, ended = run(made)
    assert (len(trials), ended) == (BUDGET, "")
    words = [trial.fingerprint for trial in trials if trial.fingerprint]
    assert len(set(words)) == len(words)
    assert {trial.status for trial in trials} <= {"ok", "crashed", "invalid"}
    (best,) = [trial for trial in trials if trial.confirmed is not None]
    assert best.score == best.confirmed == best.test_score
    assert best.score == max(trial.score or 0.0 for trial in trials)
    again, _ = run(made)
    assert told(again) == told(trials)
    grown, _ = run(plan(tmp_path / "run", policy, budget=BUDGET + 3))
    assert told(grown)[:BUDGET] == told(trials)
    assert len(grown) == BUDGET + 3


def test_the_test_split_is_scored_with_the_seed_of_the_settings(tmp_path):
    made = plan(tmp_path / "run", "greedy")
    made.store.clear()
    trials, _ = run(made)
    (best,) = [trial for trial in trials if trial.confirmed is not None]
    tested = [(word, seed) for word, seed, split in made.store if split == "test"]
    assert tested == [(best.fingerprint.removeprefix("word "), TEST_SEED)]


class Killed(BaseException):
    """What a kill is to a process: nothing handles it."""


@pytest.mark.slow
@pytest.mark.parametrize("policy", LASTING)
def test_killed_before_any_write_and_continued_is_the_same_tree(policy, tmp_path, monkeypatch):
    expected = told(run(plan(tmp_path / "whole", policy))[0])
    writes = 0
    write = Journal.write

    def counted(journal, trial, attributes):
        nonlocal writes
        writes += 1
        if writes in deadly:
            raise Killed
        write(journal, trial, attributes)

    monkeypatch.setattr(Journal, "write", counted)
    deadly = set(range(2, 90, 9))
    killed, kills = plan(tmp_path / "killed", policy), 0
    while True:
        try:
            trials, _ = run(killed)
            break
        except Killed:
            kills += 1
    assert kills > 4
    assert told(trials) == expected


@pytest.mark.slow
def test_repeated_words_get_the_nearest_new_one_or_end_their_trial(tmp_path):
    """The question is asked again as often as repairs allow; every trial is one evaluation."""
    budget = 24
    near, _ = run(plan(tmp_path / "near", "best-of-n", budget=budget))
    apart, _ = run(plan(tmp_path / "apart", "best-of-n", budget=budget, near=False))
    assert len(near) == len(apart) == budget
    assert "duplicate" not in {trial.status for trial in near}
    lost = [trial for trial in apart if trial.status == "duplicate"]
    assert lost
    assert {(trial.state, trial.fingerprint, trial.duplicates > 0) for trial in lost} == {
        ("FAIL", "", True)
    }
    moved = [trial for trial in near if [call.code for call in trial.calls][-1:] == ["duplicate"]]
    assert moved
    assert all(trial.fingerprint and trial.status in ("ok", "crashed") for trial in moved)
    for trial in (*near, *apart):
        assert trial.duplicates == sum(call.code == "duplicate" for call in trial.calls)


def test_a_search_ends_when_the_candidates_are_used_up(tmp_path):
    trials, ended = run(plan(tmp_path / "run", "greedy", budget=200))
    assert ended == "every word was tried"
    assert sorted(t.fingerprint for t in trials if t.fingerprint) == [f"word {w}" for w in WORDS]


def test_a_run_folder_is_read_as_the_kind_that_it_is(tmp_path):
    made = plan(tmp_path / "run", "greedy", budget=3)
    run(made)
    found = read_run_of(tmp_path / "run", SearchSettings, WordSettings)
    assert found.settings == made.settings
    assert (len(found.rows), found.direction) == (3, "maximize")
    with pytest.raises(InputError, match="a run of the kind 'words', not search") as caught:
        read_run(tmp_path / "run")
    assert caught.value.code == "E0811"
