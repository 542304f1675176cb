"""Scores from logits and targets, never from what a model says about itself.

`Scores` is fed batch by batch and holds sums only, so that a split of any size can be streamed.

- token accuracy: right predictions over scored targets, all batches together.
- macro accuracy: what MAD publishes (torchmetrics' MulticlassAccuracy with average "macro", per
  batch, averaged over batches): the recall of each class, averaged over the classes that occur in
  the batch as a target or as a prediction; a class that is only predicted counts as 0. It depends
  on how the split is batched (MAD: 128 a batch). A batch without scored targets is left out.
- cross-entropy: mean over scored targets, in nats; divided by ln 2 it is bits per byte when the
  tokens are bytes.

The prediction is the largest logit, the first one on ties. A position with a NaN logit predicts
nothing: it counts as wrong.

Shapes: B examples in a batch, L positions, V token ids, S scored positions of a batch.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.data.task import IGNORE
from aira_dsl.errors import InputError


@dataclass
class Scores:
    """Running totals of one split.

    Attributes:
        scored: targets seen that are not `IGNORE`.
        correct: right predictions among them.
        nats: sum of their cross-entropies.
        batches: batches with at least one scored target.
        macro_total: sum of these batches' macro accuracies.
    """

    scored: int = 0
    correct: int = 0
    nats: float = 0.0
    batches: int = 0
    macro_total: float = 0.0

    @torch.no_grad()
    def update(self, logits_BLV: Tensor, targets_BL: Tensor) -> None:
        """Add a batch.

        Args:
            logits_BLV: floating point, any precision.
            targets_BL: token ids, or `IGNORE`.

        Raises:
            InputError: E0621 if there is not one floating-point logit for every example, position
                and token id.
        """
        _check(logits_BLV, targets_BL)
        scored_BL = targets_BL != IGNORE
        logits_SV, targets_S = logits_BLV[scored_BL].float(), targets_BL[scored_BL]
        if not len(targets_S):
            return
        predicted_S = logits_SV.argmax(-1)
        predicted_S[logits_SV.isnan().any(-1)] = logits_SV.shape[-1]  # no class
        self.scored += len(targets_S)
        self.correct += int((predicted_S == targets_S).sum())
        losses_S = F.cross_entropy(logits_SV, targets_S, reduction="none")
        self.nats += float(losses_S.double().sum())
        self.batches += 1
        self.macro_total += _macro_accuracy(predicted_S, targets_S, logits_SV.shape[-1])

    @property
    def token_accuracy(self) -> float:
        """Share of scored targets that were predicted, 0 to 1; NaN before any was seen."""
        return self.correct / self.scored if self.scored else math.nan

    @property
    def macro_accuracy(self) -> float:
        """Class-averaged accuracy per batch, averaged over batches, 0 to 1; NaN without any."""
        return self.macro_total / self.batches if self.batches else math.nan

    @property
    def cross_entropy(self) -> float:
        """Mean cross-entropy of a scored target, in nats; NaN before any was seen."""
        return self.nats / self.scored if self.scored else math.nan

    @property
    def bits_per_byte(self) -> float:
        """Mean cross-entropy in bits: bits per byte if the tokens are bytes."""
        return self.cross_entropy / math.log(2)


def _check(logits_BLV: Tensor, targets_BL: Tensor) -> None:
    least = int(targets_BL.max()) + 1 if targets_BL.numel() else 0
    shape = tuple(logits_BLV.shape)
    fits = shape[:-1] == tuple(targets_BL.shape) and shape[-1] >= least
    if not fits or not logits_BLV.is_floating_point():
        raise InputError(
            "E0621",
            f"logits must be floating point of shape {tuple(targets_BL.shape)} + (at least {least} "
            f"token ids,), not {logits_BLV.dtype} of shape {shape}",
            help="return one logit for every token id at every position",
        )


def _macro_accuracy(predicted_S: Tensor, targets_S: Tensor, vocab: int) -> float:
    """Average recall over classes that are a target or a prediction (id `vocab` is not a class)."""
    right_V = torch.bincount(targets_S[predicted_S == targets_S], minlength=vocab)
    targets_V = torch.bincount(targets_S, minlength=vocab)
    predicted_V = torch.bincount(predicted_S, minlength=vocab + 1)[:vocab]
    recall_V = right_V.double() / targets_V.clamp(min=1)
    return float(recall_V[targets_V + predicted_V > 0].mean())
