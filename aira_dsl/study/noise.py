"""Noise of the scores of a search: from its table, or from the repeats of its winners."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from aira_dsl.evaluation.noise import Noise, search_noise
from aira_dsl.study.selection import best
from aira_dsl.study.trials import Trial

if TYPE_CHECKING:
    from aira_dsl.evaluation.presets import EvaluatorSettings
    from aira_dsl.evaluation.table import Table

NOISE = "noise.json"
_NOISE = TypeAdapter(Noise | None)


def noise_of(
    trials: Sequence[Trial], settings: "EvaluatorSettings", table: "Table | None" = None
) -> Noise | None:
    """Return the noise of scores near the best one of a search; None if nothing tells it.

    Args:
        trials: of the search, the winners confirmed.
        settings: of its evaluator.
        table: that its evaluator looks scores up in.
    """
    first = best(trials, settings.direction)
    near = None if first is None else first.score if first.confirmed is None else first.confirmed
    confirmed = {t.fingerprint: t.repeats for t in trials if t.confirmed is not None}
    return search_noise(settings, list(confirmed.values()), near=near, table=table)


def noise_text(noise: Noise | None) -> str:
    """Return the content of `noise.json`."""
    return json.dumps(None if noise is None else asdict(noise), indent=1) + "\n"


def read_noise(folder: Path) -> Noise | None:
    """Read `noise.json` of a run folder.

    Raises:
        FileNotFoundError: the folder has none: an earlier version made it.
        ValueError: it is damaged.
    """
    return _NOISE.validate_json((folder / NOISE).read_bytes())
