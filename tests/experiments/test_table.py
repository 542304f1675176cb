"""Tables with planted scores, and a small real one."""

import itertools
import json
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from aira_dsl.cli import app
from typer.testing import CliRunner

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError, UsageError
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.result import SplitName
from aira_dsl.evaluation.store import Store
from aira_dsl.evaluation.table import MEASURES, SEPARATOR, Sitting, Table, read_table
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.experiments.make_table import make_table
from aira_dsl.experiments.sampler_benchmark import benchmark_samplers, search_table
from aira_dsl.experiments.table_analysis import analyse, ranks
from aira_dsl.language import parse_space
from aira_dsl.report.terminal.table import (
    sampler_benchmark_json,
    sampler_benchmark_picture,
    sampler_benchmark_text,
    table_json,
)
from aira_dsl.space import Space
from aira_dsl.testing.evaluator import PlannedEvaluator
from aira_dsl.utils.locking import locked_output

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
        sittings=(Sitting(code_version="c", machine="m", evaluations=seeds * space.size),),
        rows=rows,
    )


def by_counts(layers: tuple[str, ...]) -> float:
    return 0.1 * layers.count("A") - 0.05 * layers.count("M")


def by_position(layers: tuple[str, ...]) -> float:
    return sum(0.1 * (place + 1) * (name == "Mb") for place, name in enumerate(layers))


def by_pairs(layers: tuple[str, ...]) -> float:
    return sum(0.1 for a, b in itertools.pairwise(layers) if (a, b) == ("M", "A"))


def planned_score(architecture: Architecture, seed: int, split: SplitName) -> float:
    """Return a number that depends on the arrangement and the seed."""
    return by_position(architecture.layers) + by_counts(architecture.layers) + 0.01 * seed


PLANNED = partial(PlannedEvaluator, plan=planned_score)


def test_lookups_are_what_was_evaluated(tmp_path: Path) -> None:
    """A table answers as the evaluator that made it would have."""
    space, store = space_of(2), tmp_path / "store.db"
    table = make_table(space, preset="smoke", seeds=2, store=store, make_evaluator=PLANNED)
    assert table.is_complete
    assert len(table.rows) == 9
    with closing(Store(store)) as opened:
        check_lookups(table, Evaluator(table.evaluator, store=opened), [0, 1])
    looked_up = TableEvaluator(table)
    architecture = space.architecture(space.layers(5))
    both = [planned_score(architecture, seed, "validation") for seed in (0, 1)]
    assert looked_up.recall(architecture, 2).score == pytest.approx(both[0])  # the columns repeat
    tested = looked_up.recall(architecture, 0, "test")
    assert tested.score == pytest.approx(sum(both) / 2)
    table.write(tmp_path / "table.json")
    assert read_table(tmp_path / "table.json") == table


def check_lookups(table: Table, evaluator: Evaluator, seeds: Sequence[int]) -> None:
    """Compare a table with the store of its evaluator."""
    looked_up = TableEvaluator(table)
    for layers in table.arrangements:
        architecture = table.space.architecture(layers)
        for seed in seeds:
            expected = evaluator.recall(architecture, seed)
            found = looked_up.recall(architecture, seed)
            assert expected is not None
            assert found.score == pytest.approx(expected.score, abs=1e-5)
            assert [t.task for t in found.tasks] == [t.task for t in expected.tasks]
            for mine, theirs in zip(found.tasks, expected.tasks, strict=True):
                for name in MEASURES:
                    assert getattr(mine, name) == pytest.approx(getattr(theirs, name), abs=1e-5)


def only(table: Table, keep: Callable[[tuple[str, ...]], int]) -> Table:
    """Return a table that is still being made: so many seeds of each arrangement, perhaps none."""
    kept = {
        name: row[: keep(layers)]
        for layers, (name, row) in zip(table.arrangements, table.rows.items(), strict=True)
    }
    return table.model_copy(update={"rows": {name: row for name, row in kept.items() if row}})


def test_a_table_continues_where_another_machine_stopped(tmp_path: Path) -> None:
    """What the file holds is not computed again; its numbers stay as they are."""
    space = space_of(2)
    options = {"preset": "smoke", "seeds": 2, "make_evaluator": PLANNED}
    whole = make_table(space, store=tmp_path / "mine.db", **options)  # type: ignore[arg-type]
    name = next(iter(whole.rows))
    elsewhere = Sitting(code_version="other", machine="other", evaluations=10)
    part = only(whole, lambda layers: 2 if "Mb" not in layers else 1 if layers[0] == "A" else 0)
    odd = ((tuple(0.123 for _ in MEASURES),) * len(whole.tasks),) * 2
    part = part.model_copy(update={"sittings": (elsewhere,), "rows": {**part.rows, name: odd}})
    told: list[int] = []
    again = make_table(
        space,
        known=part,
        store=tmp_path / "theirs.db",
        on_result=lambda done, total, evaluation: told.append(total),
        **options,  # type: ignore[arg-type]
    )
    assert told == [9 * 2 - sum(part.seeds_A)] * told[0]
    assert again.rows[name] == odd
    assert list(again.rows) == list(whole.rows)
    assert {**again.rows, name: whole.rows[name]} == whole.rows
    assert again.sittings[0] == elsewhere
    assert again.sittings[1].evaluations == told[0]
    assert sum(len(row) for row in again.rows.values()) == 18


def test_an_interrupted_table_is_saved_as_far_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first blocks' subspace comes first; the same call then finishes the table."""
    # Two workers finish in any order: one may still start while the other has six results.
    monkeypatch.setattr("aira_dsl.jobs.choice.available_cores", lambda: 1)
    saved: list[Table] = []

    def stop(done: int, total: int, evaluation: object) -> None:
        if done == 6:
            raise KeyboardInterrupt

    options = {
        "preset": "smoke",
        "store": tmp_path / "s.db",
        "save": saved.append,
        "make_evaluator": PLANNED,
    }
    with pytest.raises(KeyboardInterrupt):
        make_table(space_of(2), seeds=2, on_result=stop, **options)  # type: ignore[arg-type]
    (part,) = saved
    assert not part.is_complete
    assert {"A-A", "A-M", "M-A", "M-M"} <= set(part.rows)
    assert "not yet evaluated" in part.extent
    whole = make_table(space_of(2), seeds=2, known=part, **options)  # type: ignore[arg-type]
    assert saved[-1] == whole
    assert whole.extent == "9 with 2 seeds"
    assert len(whole.sittings) == 1
    assert whole.sittings[0].evaluations == 18


def test_a_table_of_something_else_is_not_continued(tmp_path: Path) -> None:
    known = planted(by_counts, slots=2)
    other = known.model_copy(update={"evaluator": preset_settings("cpu", precision="fp32")})
    for space, table, words in (
        (space_of(3), known, "another space"),
        (space_of(2), other, "other settings: preset cpu"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            make_table(space, preset="smoke", known=table, store=tmp_path / "s.db")
        assert caught.value.code == "E0646"


def test_unequal_numbers_of_seeds() -> None:
    whole = planted(by_counts, slots=5, noise=0.05 * len(SMOKE.runs) ** 0.5)
    table = only(whole, lambda layers: 3 if layers[0] == "A" else 1)
    assert table.extent == "162 with 1 seed, 81 with 3 seeds"
    assert analyse(table).noise == pytest.approx(0.05, rel=0.15)
    assert table.means_A[0] == pytest.approx(np.nanmean(table.scores_AS[0]))
    held = search_table(table, "random", seed=0, budget=50)
    assert np.isfinite(table.means_A[held]).all()
    evaluator = TableEvaluator(table)
    architecture = table.space.architecture(("M",) * 5)
    first = evaluator.recall(architecture, 0).score
    assert evaluator.recall(architecture, 1).score == first  # it has one seed only
    assert evaluator.recall(architecture, 0, "test").score == pytest.approx(first)


def test_samplers_need_every_arrangement(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    only(planted(by_counts, slots=2), lambda layers: 2 * ("Mb" not in layers)).write(path)
    with pytest.raises(InputError, match="4 with 2 seeds, 5 not yet evaluated") as caught:
        benchmark_samplers(path, samplers=["random"], seeds=2, budget=2)
    assert caught.value.code == "E0643"


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
        lambda text: text.replace('"evaluations": 27', '"evaluations": 9'),
        lambda text: re.sub(r'"token|0\.1', "0.2", text, count=1),
        lambda text: text.replace('"kind": "table"', '"kind": "calibration"'),
    ],
)
def test_a_table_that_was_touched_is_refused(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = tmp_path / "t.json"
    planted(by_counts, slots=2).write(path)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
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


def test_a_sampler_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TPE finds more than chance where blocks count for themselves; a picture is drawn."""
    path = tmp_path / "t.json"
    planted(by_counts, slots=5).write(path)
    monkeypatch.setattr("aira_dsl.experiments.sampler_benchmark.available_cores", lambda: 1)
    done: list[tuple[int, int]] = []
    found = benchmark_samplers(
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
    assert sampler_benchmark_picture(found).startswith(b"\x89PNG")
    assert "tpe" in sampler_benchmark_text(found)
    assert json.loads(json.dumps(sampler_benchmark_json(found)))["seeds"] == 12


def test_one_process_at_a_time_makes_a_table(tmp_path: Path) -> None:
    space, out = tmp_path / "s.arch", tmp_path / "t.json"
    space.write_text(TEXT.replace("SLOTS", "1"), encoding="utf-8")
    make = ["table", "make", str(space), "--preset", "smoke", "--out", str(out)]
    with locked_output(out, busy="E0647", job="table"), pytest.raises(InputError) as caught:
        CliRunner().invoke(app, make, catch_exceptions=False)
    assert caught.value.code == "E0647"
    assert caught.value.message == f"another process makes the table {out}"
    assert list(tmp_path.iterdir()) == [space]  # neither a lock nor a part is left
    with locked_output(out, busy="E0647", job="table"):
        pass  # free again


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_folder_is_not_replaced_by_a_table(tmp_path: Path, force: list[str]) -> None:
    make = ["table", "make", "s.arch", "--out", str(tmp_path), *force]
    with pytest.raises(InputError, match="is a folder") as caught:
        CliRunner().invoke(app, make, catch_exceptions=False)
    assert caught.value.code == "E0503"


def test_a_file_of_something_else_is_not_continued_as_a_table(tmp_path: Path) -> None:
    out = tmp_path / "trials.json"
    out.write_text("[]", encoding="utf-8")
    space = str(Path(__file__).parents[2] / "examples/six_layers.arch")
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, ["table", "make", space, "--out", str(out)], catch_exceptions=False)
    assert caught.value.code == "E0641"
    assert out.read_text(encoding="utf-8") == "[]"


@pytest.mark.slow
def test_make_evaluates_and_extends_the_file_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real evaluations, in a process."""
    monkeypatch.setattr("aira_dsl.jobs.choice.available_cores", lambda: 1)
    monkeypatch.setenv("AIRA_DSL_STORE", str(tmp_path / "store.db"))
    space, out = tmp_path / "s.arch", tmp_path / "t.json"
    space.write_text(TEXT.replace("SLOTS", "1"), encoding="utf-8")
    make = ["table", "make", str(space), "--preset", "smoke", "--out", str(out), "--seeds"]
    first = CliRunner().invoke(app, [*make, "1"])
    assert first.exit_code == 0, first.output
    assert "3 with 1 seed" in first.output
    before = read_table(out)
    second = CliRunner().invoke(app, [*make, "2"])
    assert "3 with 2 seeds" in second.output
    after = read_table(out)
    assert {name: row[:1] for name, row in after.rows.items()} == before.rows
    with closing(Store(tmp_path / "store.db")) as store:
        check_lookups(after, Evaluator(after.evaluator, store=store), [0, 1])
    with closing(Store(tmp_path / "other.db")) as store:
        evaluator = Evaluator(after.evaluator, store=store)
        here = evaluator.evaluate(after.space.architecture(("A",)), seed=1)
    assert after.evaluation(("A",), 1).score == pytest.approx(here.score, abs=1e-5)


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in a table: no process, no training; the outcome as ever."""
    monkeypatch.setenv("AIRA_DSL_STORE", str(tmp_path / "store.db"))
    path = tmp_path / "t.json"
    planted(by_counts, noise=0.01).write(path)
    run = CliRunner()
    search = ["search", "--evaluator", "table", "--table", str(path), "--sampler", "tpe"]
    done = run.invoke(app, [*search, "--budget", "12", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    table = json.loads((tmp_path / "run" / "trials.json").read_text(encoding="utf-8"))
    assert len(table) == 12
    assert all(row["cached"] and row["state"] == "COMPLETE" for row in table)
    assert sum(len(row["repeats"]) for row in table) == 3 * 2
    shown = run.invoke(app, ["table", "show", str(path)])
    assert shown.exit_code == 0
    assert "tiny: 81 arrangements of 4 slots; preset smoke in fp32\n81 with 3 seeds" in shown.output
    asked = run.invoke(app, ["table", "show", str(path), "--pattern", "4M", "--pattern", "4A"])
    assert re.search(r"\n +1 .* 4A\n +81 .* 4M\n", asked.output)
    show = ["table", "show", str(path), "--pattern", "2A"]
    with pytest.raises(InputError, match="does not hold A-A"):
        run.invoke(app, show, catch_exceptions=False)
