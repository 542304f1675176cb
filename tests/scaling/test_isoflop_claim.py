"""The grid that ships with its results: they are those of its runs, and it continues from them."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from aira_dsl.pretraining.result import TrainResult
from aira_dsl.scaling.grid.corpus import Corpus
from aira_dsl.scaling.grid.folder import LATENCY, RUNS_TABLE, TUNING_TABLE
from aira_dsl.scaling.grid.grid import read_grid
from aira_dsl.scaling.grid.plan import make_plan
from aira_dsl.scaling.grid.results import losses_of, read_results, tuning_table, write_runs
from aira_dsl.scaling.grid.tuning import added_runs, next_run
from aira_dsl.scaling.isoflop.frontier import SLOPES

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "isoflop"
CLAIM = EXAMPLES / "claim"
NAMES = {
    "Mamba": "mamba",
    "AIRAhybrid-D": "airahybrid_d",
    "AIRAhybrid-E": "airahybrid_e",
    "Composite": "composite",
    "AIRAformer-C": "airaformer_c",
    "Llama 3.2": "llama",
    "AIRAformer-D": "airaformer_d",
}


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the shipped results, as the page says."""
    with tarfile.open(CLAIM / "runs.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_a_new_plan_has_the_shipped_results(folder):
    result = next(folder.glob("runs/*/result.json"))
    corpus = Corpus(
        paths=("linux",),
        tokenizer="bytes",
        identity=TrainResult.model_validate_json(result.read_bytes()).corpus,
        tokens=237_214_765,
        vocab=256,
    )
    plan = make_plan(read_grid(EXAMPLES / "claim.yaml"), corpus, EXAMPLES)
    results = read_results(plan, folder)
    losses = losses_of(results)
    assert len(results) == len(list(folder.glob("runs/*/result.json"))) == 347
    assert len(plan.runs) + len(added_runs(plan, losses)) == 420
    assert next_run(plan, losses, ()) is not None
    assert tuning_table(plan, results) == text(CLAIM / TUNING_TABLE)
    shutil.copy(CLAIM / LATENCY, folder)
    write_runs(plan, folder, results)
    assert text(folder / RUNS_TABLE) == text(CLAIM / RUNS_TABLE)


def test_the_page_has_the_slopes_of_the_docs():
    frontiers = json.loads(text(CLAIM / "report.json"))["compared"]["frontiers"]
    page = text(ROOT / "docs" / "isoflop.md")
    for title, name in NAMES.items():
        slopes = frontiers[name]["slopes"]
        row = " | ".join(shown(slopes[slope]) for slope in SLOPES)
        assert f"| {title} | {row} |\n" in page


def text(path):
    return path.read_text(encoding="utf-8")


def shown(estimate):
    return "{value:.2f} ({low:.2f} to {high:.2f})".format(**estimate)
