"""Settings of a training run; needs no torch."""

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """How to train on one task.

    Attributes:
        steps: optimiser steps.
        batch: examples a step.
        learning_rate: peak of the schedule.
        final_learning_rate: where the cosine ends.
        warmup: share of the steps over which the rate rises linearly from 0.
        weight_decay: decoupled decay, not applied to parameters flagged `_no_weight_decay`.
        clip: bound on the gradient's global norm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    final_learning_rate: Annotated[float, Field(ge=0)] = 1e-6
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        warmup_steps = int(self.warmup * self.steps)
        if step < warmup_steps:
            return self.learning_rate * (step + 1) / warmup_steps
        progress = (step - warmup_steps) / max(1, self.steps - warmup_steps)
        span = self.learning_rate - self.final_learning_rate
        return self.final_learning_rate + span * (1 + math.cos(math.pi * progress)) / 2
