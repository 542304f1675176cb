"""The journal through one suite on both of its storages."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState

from aira_dsl.errors import AiraError, InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.space import Space
from aira_dsl.study.journal import Journal
from aira_dsl.study.samplers import distributions
from aira_dsl.study.storage import shared_address
from tests.study.conftest import Postgres

SPACE = Space.default()
Open = Callable[[], Journal]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = shared_address(server.new_database())
    opened: list[Journal] = []

    def open_one() -> Journal:
        opened.append(
            Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
        )
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


def add(journal: Journal, index: int) -> int:
    layers = SPACE.layers(index)
    trial = journal.add(
        params=dict(zip(distributions(SPACE), layers, strict=True)),
        distributions=distributions(SPACE),
        user_attrs={"fingerprint": SPACE.architecture(layers).fingerprint},
        system_attrs={"mark": index},
    )
    return trial.number


def result(score: float | None) -> Evaluation:
    task = TaskScore(
        task="memorization", token_accuracy=0.5, macro_accuracy=0.4, bits_per_token=1.0,
        training_loss=0.7, seconds=1.5,
    )  # fmt: skip
    status = "ok" if score is not None else "diverged"
    return Evaluation(
        fingerprint="f", seed=0, split="validation", status=status, score=score, tasks=(task,),
        seconds=2.0,
    )  # fmt: skip


def test_a_trial_is_added_whole_and_finished_once(open_journal: Open) -> None:
    journal = open_journal()
    assert add(journal, 7) == 0
    trial = journal.trials()[0]
    assert trial.state == TrialState.RUNNING
    assert tuple(trial.params.values()) == SPACE.layers(7)
    assert trial.system_attrs["mark"] == 7
    journal.finish(trial, result(0.75), cached=False)
    journal.finish(trial, result(0.10), cached=True)  # a late worker: the first result stands
    finished = open_journal().trials()[0]
    assert (finished.state, finished.value) == (TrialState.COMPLETE, 0.75)
    assert finished.user_attrs["memorization"] == 0.5
    assert finished.user_attrs["cached"] is False


def test_a_failure_is_a_finished_trial_without_a_value(open_journal: Open) -> None:
    journal = open_journal()
    add(journal, 0)
    journal.finish(journal.trials()[0], result(None), cached=False)
    trial = open_journal().trials()[0]
    assert (trial.state, trial.value) == (TrialState.FAIL, None)
    assert trial.user_attrs["status"] == "diverged"


def test_a_released_trial_is_an_orphan_until_it_is_claimed(open_journal: Open) -> None:
    first, second = open_journal(), open_journal()
    number = add(first, 3)
    with first.exclusive():
        assert first.orphans({number}) == []
    first.release(first.trials()[number])
    with second.exclusive():
        (orphan,) = second.orphans(set())
        assert orphan.number == number
        second.claim(orphan)
        assert second.orphans({number}) == []


def test_workers_that_open_a_study_together_share_it(open_journal: Open) -> None:
    first, second = open_journal(), open_journal()
    add(first, 1)
    add(second, 2)
    assert [trial.number for trial in first.trials()] == [0, 1]
    first.note("test_scores", {"f": 0.5})
    assert open_journal().noted("test_scores") == {"f": 0.5}


def test_a_study_belongs_to_the_search_that_made_it(open_journal: Open) -> None:
    first = open_journal()
    with pytest.raises(InputError) as caught:
        Journal(first.url, "study", identity="other", direction=Direction.MINIMIZE, heartbeat=60)
    assert caught.value.code == "E0806"
    Journal(
        first.url, "another", identity="other", direction=Direction.MINIMIZE, heartbeat=60
    ).close()


def test_a_file_that_is_no_study_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(b"not a database" * 200)
    with pytest.raises(AiraError) as caught:
        Journal(
            f"sqlite:///{path}", "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60
        )
    assert caught.value.code == "E0805"
    assert path.read_bytes() == b"not a database" * 200


def test_a_study_of_another_optuna_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
        connection.execute("UPDATE version_info SET schema_version = 99")
    connection.close()
    with pytest.raises(InputError) as caught:
        Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
    assert caught.value.code == "E0805"


def test_a_database_whose_making_was_killed_keeps_one_study(tmp_path: Path) -> None:
    """The tables are there, the index that keeps the names of studies unique is not."""
    url = f"sqlite:///{tmp_path / 'study.db'}"

    def opened() -> Journal:
        return Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)

    opened().close()
    with contextlib.closing(sqlite3.connect(tmp_path / "study.db")) as database:
        database.execute("DROP INDEX ix_studies_study_name")
        database.execute("DELETE FROM studies")
    numbers = []
    for index in range(2):
        journal = opened()
        numbers.append(add(journal, index))
        journal.close()
    assert numbers == [0, 1]
