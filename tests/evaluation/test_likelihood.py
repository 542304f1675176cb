"""Log-likelihoods of texts: against sums over single tokens, and the conventions they keep."""

import math

import pytest
import torch
from torch import Tensor

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.accuracy.likelihood import TextModel, windows
from aira_dsl.models import LanguageModel
from aira_dsl.primitives import MLP, Attention, Mamba2
from tests.interop.models import trained

CONTEXT = 12


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    blocks = {"A": Attention(heads=2), "M": MLP(hidden=8), "S": Mamba2(inner=16, head_dim=8)}
    architecture = Architecture(
        name="bytes", width=16, vocab=256, context=CONTEXT, blocks=blocks, layers=("A", "M", "S")
    )
    return trained(architecture)


def reader(logits, batch: int = 3) -> TextModel:
    return TextModel(logits, lambda text: list(text.encode()), 0, CONTEXT, batch)


@torch.no_grad()
def one_by_one(model: LanguageModel, context: list[int], continuation: list[int]) -> float:
    """Sum single probabilities, each from a call of its own."""
    total, read = 0.0, list(context)
    for token in continuation:
        probabilities = model(torch.tensor([read]))[0, -1].double().softmax(-1)
        total += math.log(probabilities[token].item())
        read.append(token)
    return total


def test_it_is_the_sum_over_single_tokens_whatever_the_batch(model):
    requests = [("ab", "cde"), ("a", "b"), ("longer", "text"), ("", "x y"), ("é", "ü")]
    expected = [one_by_one(model, list(c.encode()) or [0], list(t.encode())) for c, t in requests]
    for batch in (1, 2, 16):
        found = [score.log_likelihood for score in reader(model, batch).score(requests)]
        assert found == pytest.approx(expected, abs=1e-5)


def test_spaces_before_the_cut_belong_to_the_continuation(model):
    first, second = reader(model).score([("ab \n", "cd"), ("ab", " \ncd")])
    assert first == second
    assert first.log_likelihood == pytest.approx(
        one_by_one(model, list(b"ab"), list(b" \ncd")), abs=1e-5
    )


def test_a_context_of_spaces_is_none(model):
    (found,) = reader(model).score([("  ", "cd")])
    assert found.log_likelihood == pytest.approx(one_by_one(model, [0], list(b"  cd")), abs=1e-5)


def test_the_last_tokens_are_kept(model):
    text = "abcdefghijklmnopqrstuvw"
    (found,) = reader(model).score([(text, "xyz")])
    kept = list((text + "xyz").encode())[-CONTEXT - 1 :]
    assert found.log_likelihood == pytest.approx(one_by_one(model, kept[:-3], kept[-3:]), abs=1e-5)


def test_greedy_means_that_every_token_is_the_most_likely():
    def next_letter(tokens_BL: Tensor) -> Tensor:
        return torch.nn.functional.one_hot((tokens_BL + 1) % 256, 256).float()

    scores = reader(next_letter).score([("a", "bcd"), ("a", "bcc"), ("a", "acd"), ("a", "b")])
    assert [score.greedy for score in scores] == [True, False, False, True]
    each = 1 - math.log(math.e + 255)
    assert [round(score.log_likelihood - 3 * each, 5) for score in scores[:3]] == [0, -1, -2]


@pytest.mark.parametrize("length", [1, 2, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT + 5])
def test_windows_predict_every_token_once_after_what_is_before_it(length):
    tokens = list(range(1, length + 1))
    history = [0, *tokens]
    place = 0
    for context, continuation in windows(tokens, 0, CONTEXT):
        assert continuation == tokens[place : place + len(continuation)]
        assert context == history[place + 1 - len(context) : place + 1]
        inputs = len(context) + len(continuation) - 1
        assert inputs == min(CONTEXT, place + len(continuation))  # as long as it can be
        place += len(continuation)
    assert place == length


def test_a_document_within_the_context_is_one_sum(model):
    found = reader(model).score_document("hello")
    assert found == pytest.approx(one_by_one(model, [0], list(b"hello")), abs=1e-5)


def test_a_longer_document_is_the_sum_of_its_windows(model):
    text = "the quick brown fox jumps over the lazy dog"
    expected = sum(one_by_one(model, *pair) for pair in windows(list(text.encode()), 0, CONTEXT))
    assert reader(model).score_document(text) == pytest.approx(expected, abs=1e-4)
    assert reader(model).score_document("") == 0
