"""Scoring a trained network on a split, from its logits."""

import torch
from torch import nn

from aira_dsl.data.tasks import Examples
from aira_dsl.evaluation.metrics import Scores


@torch.no_grad()
def score(network: nn.Module, examples: Examples, *, batch: int) -> Scores:
    """Score a network that maps tokens (B, L) to logits (B, L, V), `batch` examples at a time."""
    network.eval()
    inputs_NL, targets_NL = map(torch.from_numpy, (examples.inputs, examples.targets))
    scores = Scores()
    for start in range(0, len(inputs_NL), batch):
        rows = slice(start, start + batch)
        logits_BLV = network(inputs_NL[rows])
        scores.update(logits_BLV, targets_NL[rows].to(logits_BLV.device))
    return scores
