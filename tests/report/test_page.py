"""The page says what the run says; what models wrote is text and nothing else."""

import base64
import csv
import html
import io
import json
import math
import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aira_dsl.experiments.comparison import Comparison
from aira_dsl.report.html import render_comparison, render_run, report_of, write_report
from aira_dsl.report.html.agent_trace import steps
from aira_dsl.report.html.chart import ticks
from aira_dsl.report.html.comparison_plots import look
from aira_dsl.report.html.search_facts import search_facts
from aira_dsl.report.html.slots import slot_shares
from aira_dsl.report.html.text import Column, Sheet, clean
from aira_dsl.study.run import Run
from aira_dsl.study.selection import rank
from tests.helpers import command_line


def attached(page: str, name: str) -> str:
    (data,) = re.findall(rf'href="data:[^"]*?base64,([^"]*)" download="{re.escape(name)}"', page)
    return base64.b64decode(data).decode()


def words(page: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", page.split("<body>")[1], flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(body))


def test_the_numbers_on_the_page_are_those_of_the_run(run: Run) -> None:
    page, text = render_run(run), words(render_run(run))
    assert run.best
    for row in run.rows:
        if row.score is not None:
            assert f'data-sort="{row.score}"' in page
    assert f"{run.best.score:.4f}" in text
    for part in (run.best.pattern, run.settings.searcher, run.settings.evaluator_identity):
        assert part in text
    assert page == render_run(run)


def test_the_files_in_the_page_hold_all_trials(run: Run) -> None:
    page = render_run(run)
    records = list(csv.DictReader(io.StringIO(attached(page, "trials.csv"))))
    assert [float(r["score"]) if r["score"] else None for r in records] == [
        row.score for row in run.rows
    ]
    told = json.loads(attached(page, "trials.json"))
    assert [tuple(record["layers"]) for record in told] == [row.layers for row in run.rows]
    facts = json.dumps(asdict(search_facts(run)))
    assert json.loads(attached(page, "report.json")) == json.loads(facts)


def test_an_agents_search_is_told_in_words(agent_run: Run) -> None:
    text = words(render_run(agent_run))
    assert "from #4 and #1" in text
    assert "idea 8" in text
    assert "no score: diverged: loss is nan" in text
    assert "refused (E0203) error[E0203]: <b>no</b>" in text
    calls = [call for row in agent_run.rows for call in row.calls]
    found = search_facts(agent_run).agent
    assert found
    assert found.tokens == sum(call.usage.total for call in calls)
    assert found.usd == pytest.approx(0.01 * len(calls))
    assert (found.proposals, found.usable, found.usable_at_once) == (20, 19, 18)
    assert (found.repairs, found.duplicates) == (3, 3)
    assert f"{found.tokens:,}" in text


def test_what_models_write_does_not_act(agent_run: Run) -> None:
    page = render_run(agent_run)
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;[2Jgnp.exe &amp;" in page
    assert "<b>no</b>" not in page
    files = [attached(page, name) for name in ("trials.csv", "report.json")]
    for text in (page, *files, *(json.loads(attached(page, "trials.json"))[5].values())):
        assert not {"\x1b", "\u202e", "\u200b"} & set(str(text))


def test_clean_keeps_lines_and_letters() -> None:
    assert clean("é×\n\tb\x00\x7f\x85\u2066c\ud800") == "é×\nbc"


def test_the_verdict_names_what_the_repeats_leave_open(agent_run: Run) -> None:
    found = search_facts(agent_run)
    assert [each.number for each in found.top[:3]] == [3, 4, 8]
    assert found.undecided == (4,)
    assert f"(2 repeats): {agent_run.rows[4].pattern}." in found.verdict[1]
    assert agent_run.noise is not None
    assert found.noise == agent_run.noise.value
    assert agent_run.noise.basis in found.verdict[0]
    assert found.margin == agent_run.noise.single_margin(2)
    once = replace(agent_run, rows=tuple(replace(r, confirmed=None) for r in agent_run.rows))
    assert "has one evaluation" in search_facts(once).verdict[1]


def test_a_run_without_scores_has_a_page(run: Run) -> None:
    rows = tuple(replace(r, score=None, state="FAIL", status="diverged") for r in run.rows)
    assert "No trial has a score (20 diverged)." in words(render_run(replace(run, rows=rows)))
    assert "no trials yet" in words(render_run(replace(run, rows=())))


def test_blocks_that_the_space_does_not_know_are_drawn(run: Run) -> None:
    best = run.best
    assert best
    odd = replace(best, layers=("Q", *best.layers), pattern=f"Q-{best.pattern}", score=0.99)
    rows = tuple(odd if row.number == best.number else row for row in run.rows)
    page = render_run(replace(run, rows=rows))
    assert '<li class="cell other">Q</li>' in page


def test_slot_shares_are_counts(run: Run) -> None:
    order = rank(run.rows, run.direction)
    shares = slot_shares(order, run.space.names)
    assert shares
    assert shares.best_trials == math.ceil(len(order) / 4)
    counted = Counter(row.layers[2] for row in order[: shares.best_trials])
    assert {n: s[2] * shares.best_trials for n, s in shares.best.items()} == pytest.approx(
        {name: counted[name] for name in run.space.names}
    )


def test_long_chains_and_damaged_parents_are_no_trouble(agent_run: Run) -> None:
    row = agent_run.rows[0]
    chain = [replace(row, number=n, parents=(n - 1,) if n else ()) for n in range(5_000)]
    assert [step.depth for step in steps(chain, sign=1)] == list(range(5_000))
    circle = [replace(row, number=0, parents=(1,)), replace(row, number=1, parents=(0, 7))]
    assert [step.number for step in steps(circle, sign=1)] == [0, 1]


def test_the_decimal_points_of_a_column_are_aligned() -> None:
    columns = (Column("name", "name"), Column("value", "value", "decimal"))
    sheet = Sheet("numbers", columns, (("a", 0.5), ("b", 12.25), ("c", None)))
    assert [row[1][2] for row in sheet.cells] == ["0.5", "12.2", ""]


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.7012, 0.7013), (-3.0, 4000.0), (1e-9, 2e-9)])
def test_ticks_are_few_and_inside(span: tuple[float, float]) -> None:
    found = ticks(span)
    assert 2 <= len(found) <= 13
    assert all(span[0] - 1e-12 <= value <= span[1] + 1e-12 for value in found)


def test_pictures_are_well_formed_and_named(agent_run: Run, comparison: Comparison) -> None:
    # Two sizes of each picture but of the tree, which is as wide as it has trials.
    for page, count in ((render_run(agent_run), 3), (render_comparison(comparison), 4)):
        pictures = re.findall(r'<svg class="plot".*?</svg>', page, re.S)
        assert len(pictures) == count
        for picture in pictures:
            root = ElementTree.fromstring(picture)
            assert root.get("role") == "img"
            assert [child.tag for child in root[:2]] == ["title", "desc"]
            assert all(child.text for child in root[:2])


def test_a_comparisons_numbers_are_on_its_page(comparison: Comparison) -> None:
    page = render_comparison(comparison)
    text = words(page)
    for method in comparison.methods.values():
        assert method.final
        assert f"{method.final.mean:.4f}" in text
    assert f"{comparison.beats['tpe']['random'].mean:.2f}" in text
    assert Comparison.model_validate_json(attached(page, "comparison.json")) == comparison
    runs = list(csv.DictReader(io.StringIO(attached(page, "runs.csv"))))
    finals = [run.final for method in comparison.methods.values() for run in method.runs]
    assert [float(each["final"]) for each in runs] == finals
    curves = json.loads(attached(page, "curves.json"))
    assert curves[-1]["mean"] == comparison.methods["tpe"].curve[-1].mean  # type: ignore[union-attr]


def command(*arguments: object) -> command_line.Done:
    return command_line.run("report", *arguments)


def test_the_command_writes_a_page_and_its_numbers(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert command(run.folder, "--out", out).out.splitlines() == [
        f"{out}: written", f"{tmp_path / 'page.json'}: written",
    ]  # fmt: skip
    assert out.read_text(encoding="utf-8") == render_run(run)
    told = command(run.folder, "--out", out, "--format", "json")
    assert json.loads(told.out) == json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    out.write_text("mine", encoding="utf-8")
    refused = command(run.folder, "--out", out)
    assert (refused.code, out.read_text(encoding="utf-8")) == (1, "mine")
    assert "E0503" in refused.err
    assert command(run.folder, "--out", out, "--force").code == 0


def test_damage_is_refused_with_a_code(run: Run, tmp_path: Path) -> None:
    settings = json.loads((run.folder / "settings.json").read_text(encoding="utf-8"))
    settings["space"]["blocks"] = 7
    (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "trials.json").write_text("[]", encoding="utf-8")
    assert "error[E0811]" in command(tmp_path).err
    (tmp_path / "comparison.json").write_text("{", encoding="utf-8")
    assert "error[E0821]" in command(tmp_path).err


def test_a_report_never_takes_the_name_of_its_numbers(run: Run, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"ends in \.html"):
        write_report(report_of(run.folder), tmp_path / "page.json")
    assert not list(tmp_path.iterdir())


def test_the_first_36_methods_look_different() -> None:
    assert len({look(place) for place in range(36)}) == 36
    assert all(look(place) != look(place + 1) for place in range(36))
