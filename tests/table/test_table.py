"""Tables with planted scores, and a small real one."""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aira_dsl.cli import app
from typer.testing import CliRunner

from aira_dsl.errors import InputError, UsageError
from aira_dsl.language import parse_space
from aira_dsl.proxy.evaluator import Evaluator
from aira_dsl.proxy.presets import preset_settings
from aira_dsl.proxy.store import Store
from aira_dsl.report.table import contest_json, contest_picture, contest_text, table_json
from aira_dsl.space import Space
from aira_dsl.table import Table, TableEvaluator, make_table, read_table
from aira_dsl.table.analysis import analyse, ranks
from aira_dsl.table.comparing import contest, search_table
from aira_dsl.table.record import MEASURES, SEPARATOR

TEXT = """
space tiny {
  width 16
  block A = attention { heads 2 }
  block M = mlp { hidden 16 }
  block Mb = mamba2 { inner 16, state 4, head_dim 8 }
  slots SLOTS
}
"""
SMOKE = preset_settings("smoke", precision="fp32")

Score = Callable[[tuple[str, ...]], float]


def space_of(slots: int) -> Space:
    return Space(parse_space(TEXT.replace("SLOTS", str(slots))))


def planted(score: Score, *, slots: int = 4, seeds: int = 3, noise: float = 0.0) -> Table:
    """Make a table whose true scores are known."""
    rng, space = np.random.default_rng(0), space_of(slots)
    rows = {}
    for index in range(space.size):
        layers = space.layers(index)
        rows[SEPARATOR.join(layers)] = tuple(
            tuple(
                (score(layers) + noise * float(rng.standard_normal()), 0.5, 1.0, 1.0, 2.0)
                for _ in SMOKE.runs
            )
            for _ in range(seeds)
        )
    return Table(
        definition=space.definition,
        evaluator=SMOKE,
        code_version="c",
        machine="m",
        seeds=seeds,
        rows=rows,
    )


def by_counts(layers: tuple[str, ...]) -> float:
    return 0.1 * layers.count("A") - 0.05 * layers.count("M")


def by_position(layers: tuple[str, ...]) -> float:
    return sum(0.1 * (place + 1) * (name == "Mb") for place, name in enumerate(layers))


def by_pairs(layers: tuple[str, ...]) -> float:
    return sum(0.1 for a, b in itertools.pairwise(layers) if (a, b) == ("M", "A"))


def test_lookups_are_what_was_evaluated(tmp_path: Path) -> None:
    """A table answers as the evaluator that made it would have."""
    space = space_of(2)
    table = make_table(space, preset="smoke", seeds=2, store=tmp_path / "store.db")
    assert table.is_complete
    assert len(table.rows) == 9
    real = Evaluator(table.evaluator, store=Store(tmp_path / "store.db"))
    looked_up = TableEvaluator(table)
    for index in (0, 5, 8):
        architecture = space.architecture(space.layers(index))
        for seed in (0, 1):
            expected, found = real.recall(architecture, seed), looked_up.recall(architecture, seed)
            assert expected is not None
            assert found.score == pytest.approx(expected.score, abs=1e-5)
            assert [t.task for t in found.tasks] == [t.task for t in expected.tasks]
            for mine, theirs in zip(found.tasks, expected.tasks, strict=True):
                for name in MEASURES:
                    assert getattr(mine, name) == pytest.approx(getattr(theirs, name), abs=1e-5)
        both = [looked_up.recall(architecture, seed).score for seed in (0, 1)]
        assert looked_up.recall(architecture, 2).score == both[0]  # columns begin anew
        tested = looked_up.recall(architecture, 0, "test")
        assert tested.score == pytest.approx(sum(both) / 2)
    table.write(tmp_path / "table.json")
    assert read_table(tmp_path / "table.json") == table


def test_what_the_table_does_not_hold_is_refused() -> None:
    evaluator = TableEvaluator(planted(by_counts, slots=2))
    with pytest.raises(InputError, match="does not hold A-A-A") as caught:
        evaluator.recall(space_of(3).architecture(("A", "A", "A")), 0)
    assert caught.value.code == "E0643"


def test_spaces_too_large_or_constrained_are_refused(tmp_path: Path) -> None:
    for space in (Space.default(), space_of(2).where("A<=1")):
        with pytest.raises(InputError) as caught:
            make_table(space, preset="smoke", store=tmp_path / "store.db")
        assert caught.value.code == "E0645"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-200],
        lambda text: text.replace('"seeds": 3', '"seeds": 2'),
        lambda text: re.sub(r'"token|0\.1', "0.2", text, count=1),
        lambda text: text.replace('"kind": "table"', '"kind": "calibration"'),
    ],
)
def test_a_table_that_was_touched_is_refused(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = tmp_path / "t.json"
    planted(by_counts, slots=2).write(path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert caught.value.code == "E0641"


def test_no_such_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_table(tmp_path / "none.json")
    assert caught.value.code == "E0644"


@pytest.mark.parametrize(
    ("score", "explains", "does_not"),
    [
        (by_counts, {"counts", "counts and pairs", "positions"}, set()),
        (by_position, {"positions", "positions and pairs"}, {"counts"}),
        (by_pairs, {"counts and pairs", "positions and pairs"}, {"counts", "positions"}),
    ],
)
def test_what_was_planted_is_explained(
    score: Score, explains: set[str], does_not: set[str]
) -> None:
    found = analyse(planted(score)).explained
    assert all(found[name] > 0.99 for name in explains)
    assert all(found[name] < 0.9 for name in does_not)


def test_noise_and_ceiling() -> None:
    tasks = len(SMOKE.runs)
    found = analyse(planted(by_counts, noise=0.05 * tasks**0.5))
    assert found.noise == pytest.approx(0.05, rel=0.15)
    true = np.std([by_counts(space_of(4).layers(i)) for i in range(81)], ddof=1)
    assert found.between == pytest.approx(true, rel=0.15)
    assert found.ceiling == pytest.approx(true**2 / (true**2 + 0.05**2 / 3), abs=0.05)
    assert np.isnan(analyse(planted(by_counts, seeds=1)).noise)
    assert json.loads(json.dumps(table_json(planted(by_counts, seeds=1))))["noise"] is None


def test_ranks() -> None:
    places = ranks(planted(by_counts, slots=2))
    assert places["A-A"] == 1
    assert places["M-M"] == 9


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "evolution"])
def test_without_noise_a_search_of_everything_ends_at_the_best(sampler: str) -> None:
    table = planted(by_position, slots=2)
    held = search_table(table, sampler, seed=0, budget=100)
    assert len(held) == 9
    assert table.arrangements[held[-1]] == ("Mb", "Mb")


def test_a_contest(tmp_path: Path) -> None:
    """TPE finds more than chance where blocks count for themselves; a picture is drawn."""
    path = tmp_path / "t.json"
    planted(by_counts, slots=5).write(path)
    done: list[tuple[int, int]] = []
    found = contest(
        path,
        samplers=["random", "tpe"],
        seeds=12,
        budget=25,
        on_progress=lambda *counts: done.append(counts),
    )
    assert done[-1] == (24, 24)
    assert found.regret_SB["tpe"].shape == (12, 25)
    assert found.best == pytest.approx(0.5)
    tpe, random = (found.mean(name, 25)[0] for name in ("tpe", "random"))
    assert 0 <= tpe < random
    mean, low, high = found.mean("random", 25)
    assert low <= mean <= high
    assert 0 <= found.found("random") <= found.found("tpe") <= 1
    assert contest_picture(found).startswith(b"\x89PNG")
    assert "tpe" in contest_text(found)
    assert json.loads(json.dumps(contest_json(found)))["seeds"] == 12


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in a table: no process, no training; the outcome as ever."""
    monkeypatch.setenv("AIRA_DSL_STORE", str(tmp_path / "store.db"))
    path = tmp_path / "t.json"
    planted(by_counts, noise=0.01).write(path)
    run = CliRunner()
    search = ["search", "--evaluator", "table", "--table", str(path), "--sampler", "tpe"]
    done = run.invoke(app, [*search, "--budget", "12", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    table = json.loads((tmp_path / "run" / "trials.json").read_text())
    assert len(table) == 12
    assert all(row["cached"] and row["state"] == "COMPLETE" for row in table)
    assert sum(len(row["repeats"]) for row in table) == 3 * 2
    shown = run.invoke(app, ["table", "show", str(path)])
    assert shown.exit_code == 0
    assert "81 arrangements of 4 slots (complete), 3 seeds" in shown.output
    with pytest.raises(InputError, match="exists"):
        run.invoke(app, ["table", "make", "x.arch", "--out", str(path)], catch_exceptions=False)
