"""The training loop. There is one, for every task and every preset.

AdamW on mean cross-entropy over the scored targets; linear warm-up, cosine decay, clipping.
Everything random comes from the seed; on one thread the same seed gives the same bits.
Shapes: B examples in a batch, L positions, V token ids.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from aira_dsl.data.tasks import IGNORE, Examples
from aira_dsl.training.recipe import Recipe


class Diverged(Exception):
    """The loss stopped being a finite number."""


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
