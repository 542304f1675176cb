"""The page of a design run: what it says of code, verdicts and the baseline; hostile texts."""

import csv
import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from aira_dsl.design.run import DesignRun, candidate_folder
from aira_dsl.report.html import render_design, report_of
from aira_dsl.report.html.code_diff import code_diff
from aira_dsl.report.html.curve import curve
from aira_dsl.report.html.design_facts import design_facts
from aira_dsl.report.html.shades import around_the_baseline
from aira_dsl.report.measurements import fact_label, fact_text
from tests.helpers import command_line
from tests.report.conftest import HOSTILE
from tests.report.design_runs import START, write_run, written
from tests.report.test_page import attached, words

CODE = START["train.py"]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> DesignRun:
    return a_run(tmp_path_factory.mktemp("design") / "run")


def a_run(folder: Path) -> DesignRun:
    """A crash, a refusal with hostile texts, an improvement, a score within noise."""
    hostile = {"train.py": CODE + "# </pre><script>alert(1)</script>\u202e\n"}
    faster = {"train.py": CODE.replace("RATE = 1", "RATE = 2"), "tools.py": "X = 1\n"}
    repeats = {"1": 1.51, "2": 1.49}
    return write_run(
        folder,
        [
            written(0, {"train.py": "1 +\n"}, score=None, message="crashed: SyntaxError"),
            written(
                1, hostile, score=None, status="refused", message=f"not causal: {HOSTILE}",
                hypothesis=HOSTILE, operation="debug", parents=(0,),
            ),
            written(
                2, faster, score=1.5, confirmed=1.5, repeats=repeats, test_score=1.6,
                hypothesis="a larger rate", pattern="tools.py +1, train.py +1 -1",
            ),
            written(3, score=1.97, operation="improve", parents=(2,)),
        ],
    )  # fmt: skip


def test_the_page_says_what_the_run_says(design: DesignRun) -> None:
    page = render_design(design)
    text = words(page)
    for part in (
        "counting written by agent-greedy-scripted",
        "landlock",
        "Trial 2 is better than the baseline by 0.5000",
        "2.0000 mean of 3 repeats",
        "crashed: SyntaxError",
        "refused: not causal: ",
        "0.5000 better than the baseline",
        "within noise of the baseline",
        "Outcomes valid 2",
        "peak memory",
        "3.0 MiB",
    ):
        assert part in text, part
    assert "crashed: crashed" not in text
    assert page == render_design(design)
    facts = design_facts(design)
    assert (facts.valid, facts.trials) == (2, 4)
    assert facts.outcomes == {"crashed": 1, "refused": 1, "ok": 2}


def test_code_is_shown_as_changes_against_start_and_parent(design: DesignRun) -> None:
    page = render_design(design)
    assert '<span class="removed">-RATE = 1\n' in page
    assert '<span class="added">+RATE = 2\n' in page
    assert "tools.py (new)" in page
    assert "changes against the starting files: tools.py, train.py" in page
    assert "changes against #0: train.py" in page  # a repair: not against the starting files
    assert "tools.py (removed)" in page  # trial 3 against its parent


def test_what_models_write_does_not_act(design: DesignRun) -> None:
    page = render_design(design)
    assert page.count("<script") == 1
    assert "# &lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in page
    files = [attached(page, name) for name in ("trials.csv", "results.tsv", "report.json")]
    for text in (page, *files):
        assert not {"\x1b", "\u202e", "\u200b"} & set(text)


def test_its_files_hold_the_measurements_and_the_code(design: DesignRun) -> None:
    page = render_design(design)
    rows = list(csv.DictReader(io.StringIO(attached(page, "trials.csv"))))
    assert [row["peak_memory_bytes"] for row in rows] == [str(3 << 20)] * 4
    assert attached(page, "train.py") == CODE.replace("RATE = 1", "RATE = 2")
    assert attached(page, "results.tsv").splitlines()[-2].endswith("\tkeep\ta larger rate")
    told = json.loads(attached(page, "report.json"))
    assert told == json.loads(json.dumps(asdict(design_facts(design))))
    assert told["top"][0]["verdict"].startswith("better than the baseline by 0.5000")


def test_scores_within_noise_lie_inside_the_band(design: DesignRun) -> None:
    found = design_facts(design)
    shade = around_the_baseline(found)
    assert shade
    assert shade.middle == pytest.approx(2.0)
    # t of 2 degrees of freedom at 97.5 %, times σ √(1 + 1/3)
    assert shade.margin == pytest.approx(4.303 * 0.02 * (4 / 3) ** 0.5, rel=1e-3)
    drawn = curve(design, found, shade)
    assert drawn
    assert drawn.band
    upper, lower = drawn.band
    heights = {mark.number: mark.y for mark in drawn.marks}
    assert upper < heights[3] < lower
    assert heights[2] > lower  # a smaller score stands lower
    assert len(drawn.baseline) == 4


def test_files_that_were_changed_or_lost_are_not_shown(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    place = candidate_folder(run.folder, run.rows[2].fingerprint)
    (place / "train.py").write_text("something else\n", encoding="utf-8")
    (run.folder / "start" / "train.py").unlink()
    page = render_design(run)
    assert "something else" not in page
    assert "changes against #0" in page
    assert "changes against the starting files" not in page
    assert "0.5000 better than the baseline" in words(page)


def test_runs_without_scores_or_trials_have_a_page(design: DesignRun) -> None:
    rows = tuple(replace(row, score=None, confirmed=None) for row in design.rows)
    assert "No trial has a score" in words(render_design(replace(design, rows=rows)))
    empty = replace(design, rows=(), baseline={}, noise=None)
    assert "no trials yet" in words(render_design(empty))


def test_a_long_difference_is_cut_and_counted() -> None:
    (found,) = code_diff({}, {"a.py": "x\n" * 50}, shown=10)
    assert (found.kind, found.added, len(found.lines), found.hidden) == ("new", 50, 10, 41)
    (found,) = code_diff({"a.py": "x\n"}, {"a.py": "y" * 9_000}, shown=10)
    assert max(len(line.text) for line in found.lines) < 500


def test_facts_have_labels_and_units() -> None:
    facts = {
        "peak_memory_bytes": 3 << 30, "forward_bytes_512": 5 << 20, "training_seconds": 60.0,
        "scored_bytes": 2048, "memory_exponent": 1.98765, "sandbox": "bubblewrap",
    }  # fmt: skip
    assert {fact_label(name): fact_text(name, value) for name, value in facts.items()} == {
        "peak memory": "3.0 GiB", "forward bytes 512": "5.0 MiB", "training": "1 min 0 s",
        "scored bytes": "2,048", "memory exponent": "1.988", "sandbox": "bubblewrap",
    }  # fmt: skip


def test_the_commands_take_design_runs(design: DesignRun) -> None:
    assert report_of(design.folder).page == render_design(design)
    done = command_line.run("notebook", design.folder)
    assert done.code == 0, done.err
    for part in (
        "# counting: agent-greedy-scripted, size tiny, seed 0",
        "baseline 2.0000, mean of 3 repeats",
        "refused: not causal",
        "-0.5000 from the baseline",
        "1.6000 on the test split",
    ):
        assert part in done.out
    assert "\ncrashed: SyntaxError" in done.out  # the status once
    refused = command_line.run("aggregate", design.folder)
    assert refused.code == 1
    assert "E0811" in refused.err
    assert "'design', not search" in refused.err


def test_damage_is_refused_with_a_code(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    for content in ('{"scores": {"1": NaN}}', "[]", "{"):
        (run.folder / "baseline.json").write_text(content, encoding="utf-8")
        refused = command_line.run("report", run.folder)
        assert (refused.code, "E0811" in refused.err) == (1, True)
