"""The loss of a batch does not depend on how it is computed: parts, documents, recomputation."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.data.tokens.rows import Batch, Rows
from aira_dsl.language import parse
from aira_dsl.models import build
from aira_dsl.pretraining import network
from aira_dsl.pretraining.batches import parts_of
from aira_dsl.pretraining.network import IGNORE, Network
from aira_dsl.pretraining.processes import Processes
from aira_dsl.pretraining.validation import HeldOut
from tests.pretraining.runs import TEXT, settings

CPU = torch.device("cpu")


def made(folder: Path, **given: Any) -> Network:
    torch.manual_seed(0)
    return Network(build(parse(TEXT), seed=1), CPU, settings(folder, **given))


def batch(rows: int = 4, length: int = 24, *, documents: bool = False) -> Batch:
    random = np.random.default_rng(0)
    tokens = random.integers(1, 256, (rows, length + 1))
    begins = (random.random((rows, length + 1)) < 0.15).astype(np.int32)
    return Batch(tokens, np.cumsum(begins, 1, dtype=np.int32) if documents else None)


def loss_and_gradient(model: Network, parts: list[Any]) -> tuple[float, list[torch.Tensor]]:
    model.zero_grad()
    total = 0.0
    for tokens, targets in parts:
        loss, _ = model(tokens, targets)
        torch.autograd.backward(loss)
        total += float(loss.detach())
    return total, [each.grad.clone() for each in model.parameters() if each.grad is not None]


def assert_alike(first: Any, second: Any, tolerance: float = 1e-4) -> None:
    assert first[0] == pytest.approx(second[0], rel=1e-5)
    for one, other in zip(first[1], second[1], strict=True):
        assert (one - other).abs().max() <= tolerance * (1 + other.abs().max())


def test_parts_and_recomputation_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = loss_and_gradient(made(tmp_path), parts_of(batch(), 1, even=False))
    parts = parts_of(batch(), 4, even=False)
    assert len(parts) == 4
    assert_alike(loss_and_gradient(made(tmp_path), parts), whole)
    again = made(tmp_path, activation_checkpointing=True)
    assert_alike(loss_and_gradient(again, parts_of(batch(), 1, even=False)), whole, 0.0)
    monkeypatch.setattr(network, "LOGITS", 256 * 10)
    assert_alike(loss_and_gradient(made(tmp_path), parts_of(batch(), 1, even=False)), whole)


def test_the_kernels_compute_what_the_modules_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = loss_and_gradient(made(tmp_path), parts_of(batch(), 1, even=False))
    monkeypatch.setenv("AIRA_DSL_KERNELS", "off")
    plain = made(tmp_path)
    assert plain.how == "plain"
    assert_alike(loss_and_gradient(plain, parts_of(batch(), 1, even=False)), fast)


def test_z_loss_adds_the_squared_log_partition(tmp_path: Path) -> None:
    part = parts_of(batch(), 1, even=False)[0]
    with torch.no_grad():
        plain, entropy = made(tmp_path)(*part)
        loss, same = made(tmp_path, z_loss=0.5)(*part)
        squares = build(parse(TEXT), seed=1)(part[0]).logsumexp(-1).square().sum()
    assert float(plain) == float(entropy) == float(same)
    assert float(loss - entropy) == pytest.approx(0.5 * float(squares), rel=1e-4)


@pytest.mark.parametrize("even", [False, True])
def test_separate_documents_do_not_see_each_other(tmp_path: Path, *, even: bool) -> None:
    """The loss is that of each document by itself."""
    rows, model = batch(documents=True), build(parse(TEXT), seed=1)
    assert rows.segments_BS is not None
    expected = 0.0
    for tokens, segments in zip(rows.tokens_BS, rows.segments_BS, strict=True):
        for number in np.unique(segments[:-1]):
            (places,) = np.nonzero(segments[:-1] == number)
            inputs = torch.from_numpy(tokens[places])[None]
            targets = torch.from_numpy(tokens[places + 1])
            expected += float(F.cross_entropy(model(inputs)[0], targets, reduction="sum").detach())
    parts = parts_of(rows, 2, even=even)
    found, _ = loss_and_gradient(made(tmp_path), parts)
    assert found == pytest.approx(expected, rel=1e-5)
    assert sum(int((targets != IGNORE).sum()) for _, targets in parts) == 4 * 24
    crossing, _ = loss_and_gradient(
        made(tmp_path), parts_of(Batch(rows.tokens_BS, None), 1, even=False)
    )
    assert abs(crossing - expected) > 0.01


def test_with_several_processes_every_batch_has_as_many_parts() -> None:
    without = Batch(batch().tokens_BS, np.zeros((4, 25), np.int32))
    counts = {len(parts_of(each, 1, even=True)) for each in (batch(documents=True), without)}
    assert len(counts) == 1
    padded = sum(targets.numel() for _, targets in parts_of(batch(documents=True), 1, even=True))
    assert padded <= 4 * 4 * 24


def test_bits_count_the_bytes_of_the_scored_text(tmp_path: Path) -> None:
    given = settings(tmp_path)
    corpus = prepare(given.data, cache=given.cache, validation=0.2)
    rows = Rows(corpus.validation, 32)
    held_out = HeldOut(rows, 32 * 21, 4)
    loss, bits = held_out.loss(made(tmp_path), Processes(0, 1, CPU))
    tokens = torch.from_numpy(rows.take(0, 21).tokens_BS)
    with torch.no_grad():
        logits = build(parse(TEXT), seed=1)(tokens[:, :-1])
    nats = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum")
    text_bytes = int((tokens[:, 1:] != 0).sum())  # byte 0 separates documents
    assert loss == pytest.approx(float(nats) / (21 * 32), rel=1e-5)
    assert bits == pytest.approx(float(nats) / math.log(2) / text_bytes, rel=1e-5)
