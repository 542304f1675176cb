"""`aira-dsl isoflop latency`: the seconds of a decoded token, kept, continued, in runs.csv."""

import csv
import json

import pytest

from aira_dsl.evaluation.latency.estimate import latency
from aira_dsl.language.reading import parse
from aira_dsl.scaling.grid.folder import LATENCY, PLAN, RUNS_TABLE
from aira_dsl.scaling.grid.latency import GridLatency, find_latencies
from aira_dsl.scaling.grid.plan import read_plan
from aira_dsl.scaling.isoflop.reader import read_runs
from tests.helpers.command_line import run
from tests.scaling.test_grid_run import data, plan, work

__all__ = ["data", "plan"]  # fixtures


@pytest.fixture
def folder(plan, tmp_path):
    """Return the folder of a grid that has been run."""
    found = plan()
    work(found, tmp_path)
    (tmp_path / PLAN).write_text(found.model_dump_json(), encoding="utf-8")
    return tmp_path


def test_the_runs_have_the_latency_of_their_model(folder):
    assert run("isoflop", "latency", folder, "--gpu", "a100", "--batch", 4).code == 0
    found = read_plan(folder / PLAN)
    expected = {}
    for model in found.models:
        each = latency(parse(model.architecture), "a100", batch=4)
        expected[model.design, model.parameters] = each.seconds.decode / 4
    designs = read_runs(folder / RUNS_TABLE).designs
    assert {each.design for each in designs} == {"llama", "mamba"}
    rows = list(csv.DictReader((folder / RUNS_TABLE).read_text(encoding="utf-8").splitlines()))
    by_size = {(model.design, model.size): model for model in found.models}
    runs = {each.id: each for each in found.runs}
    for row in rows:
        model = by_size[runs[row["id"]].model] if row["id"] in runs else None
        if model is not None:
            seconds = expected[model.design, model.parameters]
            assert float(row["latency"]) == pytest.approx(seconds, rel=1e-12)


def test_more_runs_keep_the_latencies(folder, plan):
    """`run` writes runs.csv again and knows them; a plan with more models leaves the column out."""
    run("isoflop", "latency", folder, "--gpu", "a100")
    before = (folder / RUNS_TABLE).read_bytes()
    work(read_plan(folder / PLAN), folder)
    assert (folder / RUNS_TABLE).read_bytes() == before
    work(plan(sizes=["6k", "12k", "24k", "48k"]), folder)
    assert "latency" not in (folder / RUNS_TABLE).read_text(encoding="utf-8").splitlines()[0]


def test_an_interrupted_command_continues(plan, tmp_path):
    found, asked = plan(), []

    def estimate(architecture):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(architecture.name)
        return latency(architecture, "h100")

    with pytest.raises(KeyboardInterrupt):
        find_latencies(found, tmp_path, estimate)
    kept = GridLatency.model_validate_json((tmp_path / LATENCY).read_bytes())
    assert len(kept.models) == 2
    left = []
    whole = find_latencies(
        found,
        tmp_path,
        lambda architecture: latency(architecture, "h100"),
        on_found=lambda entry, count: left.append(count),
    )
    assert left == list(range(len(found.models) - 3, -1, -1))
    assert len(whole.of(found)) == len(found.models)
    assert whole.models[:2] == kept.models


def test_known_latencies_stay_as_they_are(folder):
    first = run("isoflop", "latency", folder, "--gpu", "a100")
    assert first.out.endswith(f"{folder / LATENCY}: written\n")
    before = (folder / LATENCY).read_bytes()
    again = run("isoflop", "latency", folder, "--gpu", "a100")
    assert again.code == 0
    assert "left" not in again.err
    assert again.out.endswith(f"{folder / LATENCY}: unchanged\n")
    assert (folder / LATENCY).read_bytes() == before


def test_another_way_is_refused_without_force(folder):
    run("isoflop", "latency", folder, "--gpu", "h100")
    for other in (["--gpu", "a100"], ["--gpu", "h100", "--batch", 2]):
        refused = run("isoflop", "latency", folder, *other)
        assert refused.code == 1
        assert "error[E0503]" in refused.err
        assert "latencies of NVIDIA H100" in refused.err
    assert run("isoflop", "latency", folder, "--gpu", "a100", "--force").code == 0
    done = run("isoflop", "latency", folder, "--gpu", "a100", "--format", "json")
    assert "A100" in json.loads(done.out)["device"]
    refused = run("isoflop", "latency", folder, "--gpu", "a100", "--rounds", 3)
    assert refused.code == 2


def test_a_damaged_file_is_named(folder):
    (folder / LATENCY).write_text("{", encoding="utf-8")
    refused = run("isoflop", "latency", folder, "--gpu", "h100")
    assert refused.code == 1
    assert "error[E1607]" in refused.err
    assert LATENCY in refused.err


@pytest.mark.slow
def test_models_are_measured_here(plan, tmp_path):
    found = plan()
    (tmp_path / PLAN).write_text(found.model_dump_json(), encoding="utf-8")
    done = run("isoflop", "latency", tmp_path, "--rounds", 2, "--threads", 1, "--format", "json")
    assert done.code == 0, done.err
    made = json.loads(done.out)
    assert made["method"] == "measured"
    assert all(1e-6 < each["seconds"] < 1 for each in made["models"])
    assert len(made["models"]) == len(found.models)
