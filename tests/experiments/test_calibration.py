"""Statistics against numbers that were planted; files that were cut or edited; a small real run."""

import hashlib
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aira_dsl.cli import app
from typer.testing import CliRunner

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError, RunError
from aira_dsl.evaluation.calibration import (
    Calibration,
    Measured,
    Point,
    load_calibration,
    read_calibration,
)
from aira_dsl.evaluation.calibration_statistics import (
    agreements,
    analyse_calibration,
    split_half,
    trust,
)
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.result import SplitName
from aira_dsl.experiments import calibrate as calibrate_module
from aira_dsl.experiments.calibrate import Extent, calibrate, calibration_set
from aira_dsl.report.terminal.calibration import (
    FOLDER,
    calibration_json,
    calibration_text,
    write_calibration,
)
from aira_dsl.space import Space
from aira_dsl.testing.evaluator import PlannedEvaluator
from aira_dsl.utils.folder import ResultFolder


def planted(
    *, arrangements: int = 400, seeds: int = 3, between: float = 0.1, noise: float = 0.05
) -> Calibration:
    """Make scores of known reliability: four tasks that measure one thing, with noise."""
    rng = np.random.default_rng(0)
    true_A = 0.5 + between * rng.standard_normal(arrangements)
    measured, longer, exact = [], [], []
    for place, true in enumerate(true_A):
        tasks = {
            f"task {t}": tuple(true + 2 * noise * rng.standard_normal(seeds)) for t in range(4)
        }
        score = tuple(np.mean(list(tasks.values()), axis=0))
        layers = (str(place),)
        each = Measured(
            name=f"a{place}",
            layers=layers,
            scores={**tasks, "score": score},
            seconds=(10.0,) * seeds,
        )
        measured.append(each)
        one = {column: (values[0],) for column, values in each.scores.items()}
        exact.append(each.model_copy(update={"scores": one, "seconds": (14.0,)}))
        if place % 4 == 0:
            known = dict.fromkeys(each.scores, (true,))
            longer.append(Measured(name=each.name, layers=layers, scores=known, seconds=(100.0,)))
    return Calibration(
        preset="cpu",
        precision="bf16",
        identity="i",
        code_version="c",
        machine="m",
        seeds=seeds,
        arrangements=tuple(measured),
        longer_preset="long",
        longer=tuple(longer),
        exact=tuple(exact),
    )


def test_what_was_planted_is_found() -> None:
    calibration = planted()
    found = trust(calibration, "score")
    assert found.noise == pytest.approx(0.05, rel=0.05)  # four tasks of noise 0.1 each
    assert found.between == pytest.approx(0.1, rel=0.08)
    assert found.reliability == pytest.approx(0.1**2 / (0.1**2 + 0.05**2), abs=0.03)
    assert trust(calibration, "task 1").reliability == pytest.approx(0.5, abs=0.06)
    assert found.exact_difference == 0
    assert found.exact_rank == pytest.approx(1)
    # A one-seed score correlates with the truth as the root of its reliability.
    assert found.longer == pytest.approx(math.sqrt(0.8), abs=0.05)
    low, high = found.longer_interval or (0, 0)
    assert low < (found.longer or 0) < high
    # Half of the tasks, three seeds: noise 0.1 / sqrt(6); stepped up to four tasks.
    assert split_half(calibration) == pytest.approx(0.01 / (0.01 + 0.05**2 / 3), abs=0.02)


def test_trust_against_cost() -> None:
    """More seeds rank better, as noise and truth say; so does a longer training without noise."""
    calibration = planted(between=0.05, noise=0.05)
    perfect = Point(
        times=4, precision="fp32", code_version="c", machine="m", measured=calibration.longer
    )
    found = agreements(calibration.model_copy(update={"curve": (perfect,)}))
    assert [(each.times, each.seeds) for each in found] == [(1, 1), (2, 2), (3, 3), (4, 1)]
    for each in found[:3]:
        expected = math.sqrt(0.05**2 / (0.05**2 + 0.05**2 / each.seeds))
        assert each.rank == pytest.approx(expected, abs=0.07)
        assert each.interval[0] < each.rank < each.interval[1]
    assert found[0].rank < found[1].rank < found[2].rank
    assert found[3].rank == pytest.approx(1)
    assert agreements(calibration.model_copy(update={"longer": ()})) == []


def test_noise_alone_is_not_reliable() -> None:
    calibration = planted(between=0.0).model_copy(update={"longer": ()})
    assert trust(calibration, "score").reliability < 0.1


def test_the_file_comes_back(tmp_path: Path) -> None:
    calibration = planted(arrangements=20)
    calibration.write(tmp_path / "c.json")
    assert read_calibration(tmp_path / "c.json") == calibration


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: len(text) // 2], "damaged"),
        (lambda text: text.replace('"seeds": 3', '"seeds": 4'), "checksum"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "format 9"),
        (lambda text: text.replace('"kind": "c', '"kind": "n'), "it is a nalibration"),
        (lambda text: "[]", "damaged"),
        (lambda text: "", "damaged"),
        (lambda text: "\x00\xff", "damaged"),
    ],
)
def test_a_file_that_was_touched_is_refused(tmp_path: Path, damage, words: str) -> None:
    path = tmp_path / "c.json"
    planted(arrangements=20).write(path)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        read_calibration(path)
    assert caught.value.code == "E0641"


def test_the_set_is_spread_over_the_space() -> None:
    chosen = calibration_set(40)
    assert len(chosen) == len(set(chosen.values())) == 40
    assert {"AIRAformer-D", "MLP only", "striped A-M", "balanced", "random 24"} <= set(chosen)
    assert list(calibration_set(20)) == list(chosen)[:20]


def test_the_report(tmp_path: Path) -> None:
    calibration = planted(arrangements=24)
    analysis = analyse_calibration(calibration)
    text = calibration_text(calibration, analysis)
    assert "reliability of the score" in text
    assert "10.0 times as much" in text
    with ResultFolder(tmp_path / "new" / "folder", FOLDER) as folder:
        write_calibration(calibration, analysis, folder)
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == [".lock", "cpu.json", "cpu.md", "cpu.png"]
    found = json.loads(json.dumps(calibration_json(calibration, analysis)))
    assert [column["column"] for column in found["columns"]][-1] == "score"


def test_one_process_at_a_time_calibrates_into_a_folder(tmp_path: Path) -> None:
    command = ["calibrate", "--preset", "smoke", "--out", str(tmp_path / "out")]
    with ResultFolder(tmp_path / "out", FOLDER), pytest.raises(InputError) as caught:
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert caught.value.code == "E0647"
    assert f"another calibration is running in {tmp_path / 'out'}" in caught.value.message
    ResultFolder(tmp_path / "out", FOLDER).close()  # free again


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("name", ["settings.json", "chapter.txt"])
def test_a_folder_of_something_else_gets_no_calibration(
    tmp_path: Path, name: str, force: list[str]
) -> None:
    planted(arrangements=20).write(tmp_path / "cpu.json")
    ResultFolder(tmp_path, FOLDER).close()  # with a calibration of another preset
    (tmp_path / name).write_text("{}", encoding="utf-8")
    command = ["calibrate", "--preset", "smoke", "--out", str(tmp_path), *force]
    with pytest.raises(InputError, match="is not empty and holds no calibration") as caught:
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert caught.value.code == "E0648"
    assert (tmp_path / name).read_text(encoding="utf-8") == "{}"


def planned_score(architecture: Architecture, seed: int, split: SplitName) -> float:
    """Return a number that depends on all of its arguments."""
    text = f"{architecture.fingerprint} {seed} {split}"
    return int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) / 16**6


def run_calibration(calls: list[str], **options: Any) -> Calibration:
    """Calibrate the preset `smoke` with planned scores; `calls` gets a line a new evaluation."""
    return calibrate(
        "smoke",
        make_evaluator=partial(PlannedEvaluator, plan=planned_score),
        **{"workers": 2, "on_progress": calls.append, **options},
    )


def test_an_interrupted_calibration_continues_where_it_stopped(tmp_path: Path) -> None:
    lines: list[str] = []

    def stop_early(text: str) -> None:
        lines.append(text)
        if len(lines) == 5:
            raise KeyboardInterrupt

    options = {
        "extent": Extent(arrangements=16, seeds=2, longer=0, times=()),
        "store": tmp_path / "store.db",
    }
    with pytest.raises(KeyboardInterrupt):
        run_calibration([], workers=1, on_progress=stop_early, **options)
    rest: list[str] = []
    found = run_calibration(rest, **options)
    total = 16 * 2 + (16 if found.exact else 0)
    assert len(rest) == total - 5
    assert lines[0].startswith(f"[1/{total}] ")
    assert rest[-1].startswith(f"[{total}/{total}] ")
    space = Space.default()
    for measured in found.arrangements:
        architecture = space.architecture(measured.layers)
        expected = [planned_score(architecture, seed, "validation") for seed in range(2)]
        assert measured.scores["score"] == pytest.approx(expected, abs=1e-6)
        assert measured.seconds == (6.0, 6.0)
    again: list[str] = []
    assert run_calibration(again, **options) == found
    assert again == []


def test_a_known_calibration_is_extended_by_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only new multiples of the training, on the arrangements of the longer preset."""
    monkeypatch.setattr(calibrate_module, "LONGER", "smoke")
    store = {"store": tmp_path / "store.db"}
    first = run_calibration(
        [], extent=Extent(arrangements=4, seeds=2, longer=2, times=(2,)), **store
    )
    calls: list[str] = []
    second = run_calibration(calls, extent=Extent(times=(2, 3)), known=first, **store)
    assert len(calls) == 2
    assert second.arrangements == first.arrangements
    assert second.curve[:1] == first.curve
    assert [point.times for point in second.curve] == [2, 3]
    assert [m.name for m in second.curve[1].measured] == [m.name for m in first.longer]
    with pytest.raises(InputError, match="preset smoke with other settings") as caught:
        calibrate("cpu", known=first, **store)
    assert caught.value.code == "E0646"


def test_an_arrangement_that_cannot_be_evaluated_is_named(tmp_path: Path) -> None:
    extent = Extent(arrangements=2, seeds=2, longer=0, times=())
    evaluator = partial(PlannedEvaluator, plan=lambda architecture, seed, split: "diverged")
    with pytest.raises(RunError, match="with seed 0 could not be evaluated: diverged") as caught:
        calibrate("smoke", extent=extent, make_evaluator=evaluator, store=tmp_path / "store.db")
    assert caught.value.code == "E0642"


@pytest.mark.slow
def test_a_calibration_measures_the_preset_and_longer_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real evaluations: scores are those of the evaluator, and differ with longer training."""
    monkeypatch.setattr(calibrate_module, "LONGER", "smoke")
    extent = Extent(arrangements=1, seeds=1, longer=1, times=(2,))
    found = calibrate("smoke", extent=extent, workers=1, store=tmp_path / "store.db")
    (measured,) = found.arrangements
    architecture = Space.default().architecture(measured.layers)
    expected = Evaluator(preset_settings("smoke")).evaluate(architecture)
    assert measured.scores["score"] == (pytest.approx(expected.score, abs=1e-6),)
    assert found.longer[0].scores == measured.scores
    assert found.curve[0].measured[0].scores != measured.scores


def test_the_shipped_calibration_is_complete() -> None:
    """The data belongs to the present preset; after a change of the preset it is measured again."""
    calibration = load_calibration("cpu")
    assert calibration is not None
    settings = preset_settings("cpu").model_copy(update={"precision": calibration.precision})
    assert settings.identity() == calibration.identity
    assert len(calibration.arrangements) >= 40
    assert calibration.seeds >= 3
    assert len(calibration.longer) >= 16
    assert [point.times for point in calibration.curve] == [2, 4]
    # The gate of bf16: nearer to fp32 than one seed is to another, and the same ranking.
    analysis = analyse_calibration(calibration)
    score = analysis.columns["score"]
    assert len(calibration.exact) == len(calibration.arrangements)
    assert (score.exact_difference or 1) < 2**0.5 * score.noise
    assert (score.exact_rank or 0) > score.rank
    # Docs show what the command printed.
    docs = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text(encoding="utf-8")
    assert calibration_text(calibration, analysis) in docs


@pytest.mark.slow
def test_the_choice_of_tasks_is_what_the_benchmark_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what ships is the measured calibration, cut to the tasks of the preset."""
    from benchmarks import task_choice

    monkeypatch.setattr("sys.argv", ["task_choice"])
    task_choice.main()
    printed = capsys.readouterr().out.splitlines()
    docs = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text(encoding="utf-8")
    section = docs.split("python -m benchmarks.task_choice")[1].split("Other sizes")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert len(rows) > 4
    assert set(rows) <= set(printed)
    shipped = load_calibration("cpu")
    assert shipped is not None
    tasks = [column for column in shipped.columns if column != "score"]
    kept = task_choice.cut(read_calibration(task_choice.MEASURED), tasks)
    for part in ("arrangements", "longer", "exact"):
        assert getattr(shipped, part) == getattr(kept, part)
