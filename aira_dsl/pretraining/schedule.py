"""The learning rate over a training, as a fraction of its peak."""

import math
from dataclasses import dataclass

from aira_dsl.pretraining.options import ScheduleName


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a cosine, or a constant with a linear end (arXiv 2405.18392).

    Attributes:
        name: shape after the warm-up.
        steps: steps of the whole training.
        warmup: fraction of the steps over which the factor rises from 0 to 1.
        decay: fraction of the steps over which a trapezoid falls.
        final: factor at the end.
    """

    name: ScheduleName
    steps: int
    warmup: float
    decay: float
    final: float

    def factor(self, step: int) -> float:
        """Return the factor of a step, counted from 0."""
        warmup_steps = math.ceil(self.warmup * self.steps)
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        if self.name == "cosine":
            progress = (step - warmup_steps) / max(1, self.steps - warmup_steps)
            return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
        left = (self.steps - step) / max(1.0, self.decay * self.steps)
        return self.final + (1 - self.final) * min(1.0, left)
