"""The page of an isoFLOP grid: what it concludes, what it leaves open, its files; hostile names."""

import csv
import io
import json

import numpy as np
import pytest

from aira_dsl.report.html.isoflop_page import isoflop_page
from aira_dsl.report.isoflop_report import limits, may_conclude, may_not_conclude, read_report
from tests.helpers.command_line import run
from tests.report.conftest import HOSTILE
from tests.report.test_page import attached, words
from tests.scaling.test_isoflop_compared import made

FAST = (0.8, 40.0, 200.0, 0.34, 0.37)
SLOW = (0.8, 40.0, 60.0, 0.34, 0.29)


def write(path, designs, *, latency=None, seeds=1, bent=None):
    """Write runs of planted laws; those of the design `bent` follow no law."""
    rows = io.StringIO()
    lines = csv.writer(rows)
    names = ["design", "params", "tokens", "flops", "budget", "loss", "latency"]
    lines.writerow(names[: 6 if latency is None else 7])
    for seed, (name, law) in enumerate(designs.items()):
        runs = made(name, law=law, noise=0.002, seed=seed, seeds=seeds, latency=latency)
        loss = runs.loss_R + 0.02 * np.sin(4 * np.log(runs.params_R)) * (name == bent)
        columns = [runs.params_R, runs.tokens_R, runs.flops_R, runs.budget_R, loss]
        columns += [] if runs.latency_R is None else [runs.latency_R]
        lines.writerows([name, *row] for row in zip(*columns, strict=True))
    path.write_text(rows.getvalue(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("isoflop") / "study.csv"
    write(path, {"twin": FAST, "fast": FAST, "slow": SLOW})
    return read_report(path, reference="slow", resamples=200)


def test_the_page_concludes_what_is_significant_and_no_more(report):
    said = " ".join(may_conclude(report))
    assert "the loss of fast falls faster than that of slow" in said
    assert "the loss of twin falls faster than that of slow" in said
    assert "fast falls faster than that of twin" not in said
    left = " ".join(may_not_conclude(report))
    assert "in 1 of 3 pairs: fast and twin" in left
    assert "Nothing is said beyond 50k to 3M parameters and 1e+13 to 1e+15 FLOPs" in left
    assert "of 3 pairs without any difference" in left


def test_nothing_is_concluded_from_best_sizes_outside_of_the_runs(report, tmp_path):
    path = write(tmp_path / "study.csv", {"fast": FAST, "slow": SLOW})
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if row.startswith("fast") or float(row.split(",")[1]) > 6e5]
    path.write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
    cut = read_report(path, reference="slow", resamples=200)
    assert any(each.significant for each in cut.analysis.compared.slopes)
    assert any("Along the frontier" in each for each in may_conclude(report))
    assert not any("Along the frontier" in each for each in may_conclude(cut))
    left = " ".join(may_not_conclude(cut))
    assert "the best size of slow lies outside of the sizes: nothing is concluded" in left


def test_the_page_says_which_runs_follow_no_law(tmp_path):
    path = write(tmp_path / "study.csv", {"fast": FAST, "slow": SLOW}, seeds=2, bent="slow")
    report = read_report(path, resamples=100)
    left = " ".join(may_not_conclude(report))
    assert "The law does not describe the runs of slow: they deviate from it more" in left
    (warning,) = (each for each in limits(report) if "deviate" in each)
    assert warning.startswith("slow: runs deviate from the law ")


def test_the_page_holds_sentences_tables_and_numbers(report):
    made_page = isoflop_page(report)
    text = words(made_page.page)
    for sentence in (*may_conclude(report), *may_not_conclude(report)):
        assert sentence in text
    for part in ("fast against slow:", "Chance alone, 3 sizes:", "Best sizes", "Learning rates"):
        assert (part in text) == (part != "Learning rates")
    assert made_page.page.count("data:image/png;base64,") == 2
    assert json.loads(attached(made_page.page, "fit.json")) == json.loads(
        json.dumps(made_page.facts)
    )
    losses = list(csv.DictReader(attached(made_page.page, "losses.csv").splitlines()))
    assert len(losses) == 3 * 3 * 4
    assert attached(made_page.page, "runs.csv").count("\n") == 1 + 3 * 28


def test_latencies_add_a_picture_a_table_and_sentences(tmp_path):
    path = write(tmp_path / "study.csv", {"fast": FAST, "slow": SLOW}, latency=1e-9)
    report = read_report(path, reference="slow", resamples=100)
    page = isoflop_page(report).page
    assert page.count("data:image/png;base64,") == 3
    rows = list(csv.DictReader(attached(page, "latency.csv").splitlines()))
    assert [each["design"] for each in rows] == ["fast", "slow"] * 6
    assert float(rows[0]["seconds"]) == pytest.approx(5e-5, rel=1e-3)  # of the smallest size
    (said,) = [each for each in may_conclude(report) if "ms a token" in each]
    assert "at most" in said
    assert "the loss of fast is lower than that of slow" in said
    losses = list(csv.DictReader(attached(page, "losses.csv").splitlines()))
    assert [row["equal"] for row in losses if row["latency"]] == ["FLOPs, latency"] * 4


def test_one_design_has_a_page_without_comparisons(tmp_path):
    page = isoflop_page(read_report(write(tmp_path / "one.csv", {"a": FAST}), resamples=100)).page
    assert "What may be concluded" not in page
    assert "Fitted quantities" in page


def test_names_do_not_act(tmp_path):
    hostile = "".join(each for each in HOSTILE if each.isprintable())
    path = write(tmp_path / "hostile.csv", {hostile: FAST, "b": SLOW})
    page = isoflop_page(read_report(path, resamples=100)).page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_the_command_writes_the_page_and_its_numbers(tmp_path):
    path = write(tmp_path / "runs.csv", {"a": FAST, "b": SLOW})
    done = run("isoflop", "report", path, "--resamples", 100)
    assert done.code == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((tmp_path / "report.json").read_bytes())["compared"]["reference"] == "a"
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")
    again = run("isoflop", "report", path, "--resamples", 100)
    assert (again.code, "E0503" in again.err) == (1, True)


def test_the_page_says_which_runs_are_left_out(tmp_path):
    path = write(tmp_path / "runs.csv", {"a": FAST, "b": SLOW})
    done = run("isoflop", "report", path, "--where", "design!=b", "--resamples", 100)
    assert done.code == 0
    facts = json.loads((tmp_path / "report.json").read_bytes())
    assert (facts["input"]["rows"], facts["input"]["selected"]) == (56, 28)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "28 runs left out: only those with design!=b are fitted." in page


def test_a_folder_without_a_plan_or_results_is_refused(tmp_path):
    done = run("isoflop", "report", tmp_path)
    assert (done.code, "E1607" in done.err) == (1, True)
    done = run("isoflop", "report", tmp_path / "nope")
    assert (done.code, f"E1301]: there is no file or folder {tmp_path / 'nope'}" in done.err) == (
        1,
        True,
    )
    assert "name the folder of a grid" in done.err
