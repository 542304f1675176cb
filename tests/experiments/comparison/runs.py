"""Run folders whose scores are known, in a table whose true scores are known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aira_dsl.architecture import compress
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.table import SEPARATOR, Sitting, Table
from aira_dsl.language import parse_space
from aira_dsl.space import Space
from aira_dsl.study.settings import SearchSettings
from aira_dsl.study.trials import Trial, as_json

SPACE = """
space tiny {
  width 16
  block A = attention { heads 2 }
  block M = mlp { hidden 16 }
  block Mb = mamba2 { inner 16, state 4, head_dim 8 }
  slots 4
}
"""
SMOKE = preset_settings("smoke", precision="fp32")


def true_score(layers: Sequence[str]) -> float:
    """What an arrangement is worth: from 0.2 to 0.8, no two the same."""
    digits = [("A", "M", "Mb").index(name) for name in layers]
    return 0.2 + 0.6 * sum(digit * 3**place for place, digit in enumerate(digits[::-1])) / 80


def planted_table(path: Path, *, noise: float = 0.01, seeds: int = 3) -> Table:
    """Write a table of all 81 arrangements: a true score, and noise."""
    rng, space = np.random.default_rng(0), Space(parse_space(SPACE))
    rows = {}
    for layers in map(space.layers, range(space.size)):
        scores = true_score(layers) + noise * rng.standard_normal(seeds)
        rows[SEPARATOR.join(layers)] = tuple(
            tuple((float(score), 0.5, 1.0, 1.0, 2.0) for _ in SMOKE.runs) for score in scores
        )
    table = Table(
        definition=space.definition,
        evaluator=SMOKE,
        sittings=(Sitting(code_version="c", machine="m", evaluations=len(rows) * seeds),),
        rows=rows,
    )
    table.write(path)
    return table


def write_run(
    folder: Path, table: Table, indices: Sequence[int | None], *, seed: int, **choices: Any
) -> Path:
    """Write a run that tried these arrangements; None for a candidate that failed."""
    settings = SearchSettings.of(
        table.space,
        evaluator=table.evaluator,
        code=choices.pop("code", f"table {table.identity}"),
        seed=seed,
        prune=0.25,
        **({"sampler": "random"} | choices),
    )
    rows = [_row(number, index, table) for number, index in enumerate(indices)]
    folder.mkdir(parents=True)
    record = {"format": 1, **settings.model_dump(mode="json")}
    (folder / "settings.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "trials.json").write_text(as_json(rows), encoding="utf-8")
    return folder


def _row(number: int, index: int | None, table: Table) -> Trial:
    layers = table.space.layers(index or 0)
    return Trial(
        number=number,
        state="FAIL" if index is None else "COMPLETE",
        layers=layers,
        pattern=compress(layers),
        fingerprint=table.space.architecture(layers).fingerprint,
        score=None if index is None else round(true_score(layers), 6),
        test_score=None,
        confirmed=None,
        repeats={},
        seconds=2.0,
        cached=False,
        parameters=1000,
        training_flops=1000,
        status="diverged" if index is None else "ok",
        message="",
        tasks={},
    )
