"""`aira-dsl aggregate`, on run folders of searches in the table that ships."""

import json
import shutil
from pathlib import Path

import pytest

from aira_dsl.language import expand_pattern, load, parse
from aira_dsl.scaling.aggregate import Candidate, aggregate, votes
from aira_dsl.scaling.pooling import Choice, aggregate_runs
from aira_dsl.study.run import read_run
from tests.helpers.command_line import run

ROOT = Path(__file__).parents[2]
NAMES = ("A", "M", "Mb")


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Path:
    """A folder with two finished searches, `a` and `b`."""
    folder = tmp_path_factory.mktemp("searched")
    for name, seed in (("a", 0), ("b", 1)):
        done = run(
            "search", ROOT / "examples/six_layers.arch", "--evaluator", "table", "--sampler",
            "random", "--budget", 12, "--seed", seed, "--out", name, "--store", "store.db",
            cwd=folder,
        )  # fmt: skip
        assert done.code == 0, done.err
    return folder


@pytest.fixture
def folder(searched, tmp_path) -> Path:
    """A copy, to be changed."""
    shutil.copytree(searched, tmp_path / "runs")
    return tmp_path / "runs"


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_what_is_printed_is_a_file_that_extrapolate_takes(folder) -> None:
    done = run("aggregate", "a", "b", cwd=folder)
    assert done.code == 0, done.err
    assert len(parse(done.out).layers) == 6
    out = run("aggregate", "a", "b", "--name", "voted", "--out", "voted.arch", cwd=folder)
    assert "voted.arch: written" in out.out
    voted = load(folder / "voted.arch")
    assert (voted.name, voted.layers) == ("voted", parse(done.out).layers)
    large = run("extrapolate", "voted.arch", "--to", "1b", cwd=folder)
    assert large.code == 0, large.err
    assert parse(large.out).width == 2048
    assert run("aggregate", "a", "-c", 0, "--out", "voted.arch", cwd=folder).code == 1
    again = run("aggregate", "a", "-c", 0, "--out", "voted.arch", "--force", cwd=folder)
    assert again.code == 0


def test_the_result_is_that_of_the_trials(folder) -> None:
    table = json.loads((folder / "a/trials.json").read_text(encoding="utf-8"))
    pool = []
    for row in table:
        scores = [row["score"], *row["repeats"].values()]
        if row["score"] is not None:
            pool.append(Candidate(tuple(row["layers"]), sum(scores) / len(scores)))
    expected = tuple(slot.name for slot in aggregate(votes([pool]), NAMES, 1))
    found = json.loads(run("aggregate", "a", "--format", "json", cwd=folder).out)
    assert tuple(found["layers"]) == expected
    assert tuple(expand_pattern(found["pattern"], NAMES)) == expected
    assert (found["candidates"], found["voters"]) == (len(pool), len(pool))
    assert all(sum(slot["shares"].values()) == pytest.approx(1) for slot in found["slots"])


@pytest.mark.parametrize(
    ("options", "known"),
    [
        (("--method", "kmeans"), {"clusters": 3, "decay": None}),
        (("--method", "votes", "--top", 5), {"decay": 0.8, "top": 5, "voters": 10}),
        (("--top", 1), {"voters": 1, "evaluated": True}),
        (("-c", 99, "--decay", 0.5, "--clusters", 2), {"c": 99, "decay": 0.5, "clusters": 2}),
    ],
)
def test_pools_votes_and_rule_combine(searched, options, known) -> None:
    done = run("aggregate", "a", "b", *options, "--format", "json", cwd=searched)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert known.items() <= found.items()
    assert 1 <= found["voters"] <= found["candidates"]


@pytest.mark.parametrize(
    "options",
    [("--decay", 0), ("--decay", 1.5), ("--top", 0), ("--top", 3, "--clusters", 2), ("-c", -1)],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options) -> None:
    done = run("aggregate", "a", *options, cwd=tmp_path)
    assert done.code == 2
    assert "Traceback" not in done.err


def refused(folder: Path, *arguments: object) -> str:
    done = run("aggregate", *arguments, cwd=folder)
    assert done.code == 1
    assert "Traceback" not in done.err
    return done.err


def test_runs_that_can_not_be_compared_are_refused_and_the_difference_named(folder) -> None:
    edit(folder / "b/settings.json", lambda s: s["space"].update(width=64))
    assert "different: space width" in refused(folder, "a", "b")
    edit(folder / "b/settings.json", lambda s: s["space"].update(width=128))
    edit(folder / "b/settings.json", lambda s: s.update(code_version="other"))
    message = refused(folder, "a", "b")
    assert "E0836" in message
    assert message.splitlines()[0].endswith("different: code_version")


def test_a_run_without_scores_no_run_and_a_bad_name_are_refused(folder) -> None:
    edit(folder / "b/trials.json", lambda rows: [row.update(score=None) for row in rows])
    assert "E0837" in refused(folder, "a", "b")
    assert "E0811" in refused(folder, "nowhere")
    assert "E0838" in refused(folder, "a", "--name", "a b")


def test_the_same_layers_in_two_runs_are_one_candidate(folder) -> None:
    once = aggregate_runs([read_run(folder / "a")], Choice())
    twice = aggregate_runs([read_run(folder / "a")] * 2, Choice())
    assert (twice.voters, twice.slots) == (once.voters, once.slots)


def test_repeats_count_and_a_repeat_that_failed_rules_a_candidate_out(folder) -> None:
    def spoil(rows):
        best = max(rows, key=lambda row: row["score"] or 0)
        best["repeats"] = {"7": None}

    before = aggregate_runs([read_run(folder / "a")], Choice())
    edit(folder / "a/trials.json", spoil)
    after = aggregate_runs([read_run(folder / "a")], Choice())
    assert after.candidates == before.candidates - 1


def test_a_rule_that_the_result_breaks_is_named(folder) -> None:
    edit(folder / "a/settings.json", lambda s: s.update(constraints=["A<=0", "A<=6"]))
    with_a = lambda rows: [row.update(layers=["A"] * 6) for row in rows]  # noqa: E731
    edit(folder / "a/trials.json", with_a)
    assert aggregate_runs([read_run(folder / "a")], Choice()).broken == ("A<=0",)
    assert "constraint of the search not satisfied: A<=0" in run("aggregate", "a", cwd=folder).out
