"""The measurement of focal loss: what the original evaluator says, and the examples."""

import difflib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from aira_dsl.design.task import load_task
from benchmarks.focal_loss import CANDIDATES, Mean, original_bits_per_byte, table

EXAMPLES = Path("examples/design")


class Uniform(nn.Module):
    """A model that knows nothing; its loss is multiplied by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, tokens, targets, reduction):
        assert reduction == "none"
        return torch.full(tokens.shape, math.log(4) * self.factor)


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_the_original_evaluator_believes_what_a_model_returns(factor: float) -> None:
    windows = np.array([[4, 0, 1, 2, 3], [4, 3, 3, 4, 0], [4, 1, 1, 1, 1]], np.uint16)
    table_V = np.array([1, 1, 1, 1, 0])
    value = original_bits_per_byte(Uniform(factor), windows, table_V, batch=2)
    assert value == pytest.approx(2.0 * factor)


def test_the_examples_differ_from_the_baseline_by_the_loss_only() -> None:
    texts = {
        name: (EXAMPLES / name / "train.py").read_text(encoding="utf-8").splitlines()
        for name in CANDIDATES
    }
    assert texts["baseline"] == load_task("autoresearch").start.files["train.py"].splitlines()
    for name in ("focal", "focal_original"):
        changes = [
            line
            for line in difflib.unified_diff(texts["baseline"], texts[name], n=0, lineterm="")
            if line[0] in "+-" and line[:3] not in ("+++", "---")
        ]
        assert len(changes) <= 5
        assert all(
            any(word in line for word in ("loss", "entropy", "backward")) for line in changes
        )


def test_changes_are_paired_by_seed() -> None:
    scores = {
        "baseline": {"original": [2.0, 2.2], "judge": [2.0, 2.2], "steps": [1200, 990]},
        "focal": {"original": [1.9, 2.1], "judge": [2.1, 2.3], "steps": [5, 5]},
        "focal_original": {"original": [1.0, 1.2], "judge": [2.1, 2.3], "steps": [7, 8]},
    }
    lines = table(scores).splitlines()
    assert lines[2] == "| baseline | 2.1000 ± 1.2706 |  | 2.1000 ± 1.2706 |  | 990 to 1,200 |"
    assert "| -1.0000 ± 0.0000 |" in lines[4]
    assert lines[4].endswith("| +0.1000 ± 0.0000 | 7 to 8 |")
    assert math.isnan(Mean.of([1.0]).margin)
