"""A small model, a small text and short trainings for tests."""

import json
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from aira_dsl.pretraining.settings import TrainSettings

TEXT = """
architecture tiny {
  width 32
  context 32
  block A = attention { heads 2, head_dim 16 }
  block M = mlp
  block S = mamba2 { state 16, head_dim 16 }
  layers S-M-A
}
"""


def settings(folder: Path, **given: Any) -> TrainSettings:
    """Return settings of a training that takes a second, on Python's language reference."""
    text = folder / "text.jsonl"
    if not text.exists():
        lines = [json.dumps({"text": topic}) for _, topic in sorted(topics.items())]
        text.write_text("\n".join(lines), encoding="utf-8")
    chosen = {
        "architecture": TEXT,
        "data": (text,),
        "cache": folder / "cache",
        "validation": 0.2,
        "validation_tokens": 512,
        "steps": 12,
        "batch": 4,
        "precision": "fp32",
        "device": "cpu",
        "log_every": 1,
    }
    return TrainSettings(**{**chosen, **given})


def lines(run: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl."""
    return [
        json.loads(line)
        for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def losses(run: Path) -> list[float]:
    """Return the training loss of each step."""
    return [line["loss"] for line in lines(run) if "loss" in line]
