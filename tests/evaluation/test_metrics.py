"""Scores against slow references, and against what they must be in known cases."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aira_dsl.data.tasks import IGNORE
from aira_dsl.errors import InputError
from aira_dsl.evaluation.metrics import Scores


def slow_macro(predicted: list[int], targets: list[int]) -> float:
    """Recall by class over classes that are met as a target or a prediction."""
    pairs = [(p, t) for p, t in zip(predicted, targets, strict=True) if t != IGNORE]
    recalls = []
    for c in {x for pair in pairs for x in pair}:
        hits = [p == t for p, t in pairs if t == c]
        recalls.append(sum(hits) / len(hits) if hits else 0.0)
    return sum(recalls) / len(recalls)


def slow_nats(logits: list[float], target: int) -> float:
    largest = max(logits)
    return largest + math.log(sum(math.exp(x - largest) for x in logits)) - logits[target]


def random_batch(seed: int, vocab: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits_BLV = 3 * torch.randn(3, 7, vocab, generator=generator)
    targets_BL = torch.randint(vocab, (3, 7), generator=generator)
    targets_BL[torch.rand(3, 7, generator=generator) < 0.4] = IGNORE
    targets_BL[0, 0] = 0  # at least one is scored
    return logits_BLV, targets_BL


@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=4), st.integers(2, 30))
@settings(max_examples=60)
def test_against_slow_references(seeds: list[int], vocab: int) -> None:
    scores, macros, nats, hits = Scores(), [], [], []
    for seed in seeds:
        logits_BLV, targets_BL = random_batch(seed, vocab)
        scores.update(logits_BLV, targets_BL)
        rows, targets = logits_BLV.reshape(-1, vocab).tolist(), targets_BL.flatten().tolist()
        predicted = [row.index(max(row)) for row in rows]
        macros.append(slow_macro(predicted, targets))
        for row, p, t in zip(rows, predicted, targets, strict=True):
            if t != IGNORE:
                nats.append(slow_nats(row, t))
                hits.append(p == t)
    assert scores.scored == len(hits)
    assert scores.correct == sum(hits)
    assert scores.batches == len(seeds)
    assert scores.token_accuracy == pytest.approx(sum(hits) / len(hits))
    assert scores.macro_accuracy == pytest.approx(sum(macros) / len(macros), abs=1e-7)
    assert scores.cross_entropy == pytest.approx(sum(nats) / len(nats), rel=1e-5)
    assert scores.bits_per_byte == pytest.approx(scores.cross_entropy / math.log(2))


def test_macro_counts_a_class_that_is_only_predicted_as_zero() -> None:
    """Worked by hand: class 0 has recall 1/2, class 1 has 1, class 2 is predicted only: 0."""
    predicted, targets = torch.tensor([[0, 2, 1, 3]]), torch.tensor([[0, 0, 1, IGNORE]])
    scores = Scores()
    scores.update(torch.nn.functional.one_hot(predicted, 5).float(), targets)
    assert scores.macro_accuracy == pytest.approx((0.5 + 1 + 0) / 3)
    assert scores.token_accuracy == pytest.approx(2 / 3)


def test_uniform_model_needs_8_bits_per_byte() -> None:
    scores = Scores()
    scores.update(torch.zeros(2, 50, 256), torch.arange(100).reshape(2, 50))
    assert scores.bits_per_byte == pytest.approx(8)
    assert scores.cross_entropy == pytest.approx(8 * math.log(2))


def test_perfect_model() -> None:
    targets_BL = torch.randint(9, (4, 8), generator=torch.Generator().manual_seed(0))
    scores = Scores()
    scores.update(100.0 * torch.nn.functional.one_hot(targets_BL, 9), targets_BL)
    assert (scores.token_accuracy, scores.macro_accuracy) == (1.0, 1.0)
    assert scores.bits_per_byte < 1e-6


def test_totals_of_token_scores_do_not_depend_on_batching() -> None:
    logits_BLV, targets_BL = random_batch(0, 11)
    whole, streamed = Scores(), Scores()
    whole.update(logits_BLV, targets_BL)
    for row in range(3):
        streamed.update(logits_BLV[row : row + 1], targets_BL[row : row + 1])
    assert (whole.scored, whole.correct) == (streamed.scored, streamed.correct)
    assert whole.cross_entropy == pytest.approx(streamed.cross_entropy, rel=1e-6)


def test_nothing_scored_yet_is_nan_and_empty_batches_change_nothing() -> None:
    scores = Scores()
    scores.update(torch.zeros(2, 3, 4), torch.full((2, 3), IGNORE))
    assert scores == Scores()
    assert math.isnan(scores.token_accuracy)
    assert math.isnan(scores.macro_accuracy)
    assert math.isnan(scores.bits_per_byte)


def test_nan_logits_are_wrong_not_lucky() -> None:
    """Torch's argmax takes a NaN for the largest: at the target it would count as right."""
    logits_BLV = torch.zeros(1, 2, 4)
    logits_BLV[0, 0, 3] = math.nan
    logits_BLV[0, 1, 2] = 1.0
    scores = Scores()
    scores.update(logits_BLV, torch.tensor([[3, 2]]))
    assert scores.token_accuracy == 0.5
    assert scores.macro_accuracy == 0.5
    assert math.isnan(scores.cross_entropy)


def test_low_precision_logits_and_no_gradient() -> None:
    logits_BLV, targets_BL = random_batch(1, 8)
    exact, rounded = Scores(), Scores()
    half_BLV = logits_BLV.bfloat16()
    exact.update(half_BLV.float(), targets_BL)
    rounded.update(half_BLV.requires_grad_(), targets_BL)
    assert rounded == exact


@pytest.mark.parametrize(
    "logits_BLV",
    [
        torch.zeros(2, 3),
        torch.zeros(2, 4, 9),
        torch.zeros(3, 2, 9),
        torch.zeros(2, 3, 5),
        torch.zeros(2, 3, 9, dtype=torch.int64),
    ],
    ids=["no vocabulary", "too long", "transposed", "vocabulary too small", "integers"],
)
def test_what_is_no_logits_is_refused(logits_BLV: Tensor) -> None:
    with pytest.raises(InputError) as caught:
        Scores().update(logits_BLV, torch.full((2, 3), 5))
    assert caught.value.code == "E0621"
