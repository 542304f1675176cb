"""The training loop. There is one, for every task and every preset.

AdamW on mean cross-entropy over the scored targets; linear warm-up, cosine decay, clipping.
Everything random comes from the seed; on one thread the same seed gives the same bits.
Shapes: B examples in a batch, L positions, V token ids.
"""

import math
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as F

from aira_dsl.data.tasks import IGNORE, Examples


class Diverged(Exception):
    """The loss stopped being a finite number."""


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


def train(network: nn.Module, examples: Examples, recipe: Recipe, *, seed: int) -> list[float]:
    """Train in place and return the loss of every step, in nats.

    Args:
        network: maps tokens (B, L) to logits (B, L, V).
        examples: inputs and targets of shape (N, L); `IGNORE` marks targets that do not count.
        recipe: optimiser settings.
        seed: decides the order of the examples.

    Raises:
        Diverged: if a loss is not finite.
    """
    groups = _parameter_groups(network, recipe)
    # Fused: a tenth of a short step's time otherwise goes into hundreds of tiny operations.
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
    inputs_NL, targets_NL = map(torch.from_numpy, (examples.inputs, examples.targets))
    order = _batches(len(inputs_NL), recipe, np.random.default_rng(seed))
    network.train()
    losses = []
    for step in range(recipe.steps):
        rows_B = torch.from_numpy(next(order))
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step)
        logits_BLV = network(inputs_NL[rows_B])
        targets_BL = targets_NL[rows_B].to(logits_BLV.device)
        loss = F.cross_entropy(logits_BLV.flatten(0, 1), targets_BL.flatten(), ignore_index=IGNORE)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise Diverged(f"loss {losses[-1]} at step {step + 1} of {recipe.steps}")
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimizer.step()
    return losses


def _parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Split parameters by the `_no_weight_decay` flag that Mamba's A_log, D and dt_bias carry."""
    parameters = list(network.parameters())
    free = [p for p in parameters if getattr(p, "_no_weight_decay", False)]
    decayed = [p for p in parameters if not getattr(p, "_no_weight_decay", False)]
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": recipe.weight_decay}]
    return groups + ([{"params": free, "weight_decay": 0.0}] if free else [])


def _batches(count: int, recipe: Recipe, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield row numbers batch by batch, a fresh order each epoch, the rest of an epoch dropped."""
    size = min(recipe.batch, count)
    while True:
        order_N = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield order_N[start : start + size]
