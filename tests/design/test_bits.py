"""Bits per byte: the softmax of the judge, and the bytes of tokens."""

import numpy as np
import pytest
import torch

from aira_dsl.design.judge import byte_table
from aira_dsl.design.judge.causality import with_other_tails
from aira_dsl.design.judge.language_model import bits_per_byte
from aira_dsl.design.judge.text import Text, bits, windows
from aira_dsl.design.judgement import Rejection
from aira_dsl.errors import InputError


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 1000])
def test_bits_are_those_of_torch(dtype, scale):
    random = np.random.default_rng(0)
    logits = (scale * random.normal(size=(50, 300))).astype(dtype)
    targets = random.integers(300, size=50)
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits).double(), torch.from_numpy(targets), reduction="none"
    ) / np.log(2)
    np.testing.assert_allclose(bits(logits, targets), expected, rtol=2e-6, atol=2e-6)


def test_logits_of_any_size_give_finite_bits():
    largest = np.finfo(np.float32).max
    logits = np.array([[largest, -largest, 0.0], [-largest, -np.inf, -largest]], np.float32)
    np.testing.assert_allclose(bits(logits, np.array([0, 2])), [0.0, 1.0])
    same = np.full((1, 1024), 1e30, np.float32)  # log(1024) is nothing beside 1e30
    np.testing.assert_allclose(bits(same, np.array([5])), [10.0])


@pytest.mark.parametrize(
    ("row", "status"),
    [([0, np.nan], "diverged"), ([0, np.inf], "refused"), ([-np.inf, -np.inf], "refused")],
)
def test_logits_that_give_no_distribution_are_refused(row, status):
    with pytest.raises(Rejection) as caught:
        bits(np.array([[0, 0], row], np.float32), np.array([0, 0]))
    assert caught.value.status == status


def test_tokens_count_with_their_raw_bytes_and_special_ones_not_at_all():
    table = byte_table.of_tokens([b"ab", b"\xe2\x82", b"", b"c"], special=[2])
    assert table.tolist() == [2, 2, 0, 1]  # half of a character is two bytes, not three
    text = Text(np.array([[3, 0, 1, 2], [2, 3, 2, 2]]), table, batch=2)
    bits_WT = np.array([[1.0, 2.0, 99.0], [4.0, np.inf, 99.0]], np.float32)
    score = bits_per_byte(bits_WT, text)
    assert score.value == pytest.approx((1 + 2 + 4) / (2 + 2 + 1))
    assert score.facts == {"scored_tokens": 3, "scored_bytes": 5}


def test_a_token_without_bytes_that_is_not_special_is_refused():
    with pytest.raises(InputError, match="the token 1 has no bytes") as caught:
        byte_table.of_tokens([b"a", b""])
    assert caught.value.code == "E1210"


def test_every_token_but_the_first_is_a_target_once():
    text = np.arange(100, 123)
    cut = windows(text, 7)
    assert cut.shape == (3, 8)
    assert cut[:, 1:].ravel().tolist() == list(range(101, 122))
    assert windows(text, 7, most=2).shape == (2, 8)


def test_tails_begin_with_another_token():
    random = np.random.default_rng(0)
    cut = windows(random.integers(3, size=2000), 20)
    ends = random.integers(1, 20, size=len(cut))
    for row, end, inputs in zip(cut, ends, with_other_tails(cut, ends, 3, random), strict=True):
        np.testing.assert_array_equal(inputs[:end], row[:end])
        assert inputs[end] != row[end]
