"""Measured latency: by a clock that counts work, times add up exactly; real runs are complete."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import aira_dsl
from aira_dsl.evaluation.latency import measure as module
from aira_dsl.evaluation.latency.measure import Laps, Setting, Stack, measure, mixture
from aira_dsl.evaluation.latency.result import Seconds
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.report.terminal.latency import latency_json
from benchmarks.latency import design, errors, random_stacks
from tests.helpers.command_line import run

TEXT = """
architecture tiny {
  width 16
  vocab 50
  context 12
  block A  = attention { heads 2 }
  block M  = mlp { hidden 16, activation swiglu }
  block Mb = mamba2 { inner 16, state 4, head_dim 8 }
  layers 2×(Mb-M)-A
}
"""
TINY = aira_dsl.parse(TEXT)
SETTING = Setting(context=12, batch=3, precision="fp32", device="cpu", rounds=2)
COSTS = {"Attention": 7, "MLP": 2, "Mamba2": 5}
"""Seconds by the counting clock: of a call of each mixer, and as much again for each token."""


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """A clock that real modules move forward: 1 for each embedding, `COSTS` for each mixer."""
    now = [0.0]

    def advance(called: nn.Module, inputs: tuple) -> None:
        if isinstance(called, nn.Embedding):
            now[0] += 1.0
        elif isinstance(called, Mixer):
            now[0] += COSTS[type(called).__name__] * (1 + inputs[0].shape[1])

    class Clock:
        @staticmethod
        def perf_counter() -> float:
            return now[0]

    monkeypatch.setattr(module, "time", Clock)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(advance)
    yield now
    hook.remove()


def test_blocks_get_their_own_time_and_stacks_the_sum(clock: list[float]) -> None:
    stacks = [TINY.layers, ("A", "A", "M"), ("Mb",)]
    times, whole = measure(TINY, stacks, SETTING)
    assert times.ends == Seconds(1.0, 1.0)
    for name, cost in {"A": 7, "M": 2, "Mb": 5}.items():
        assert times.blocks[name].prefill == pytest.approx(13 * cost)
        assert times.blocks[name].decode == pytest.approx(2 * cost)
    for layers, measured in zip(stacks, whole, strict=True):
        predicted = times.predict(layers)
        assert predicted.prefill == pytest.approx(measured.prefill)
        assert predicted.decode == pytest.approx(measured.decode)
    assert whole[0].prefill == 1 + 13 * (2 * (5 + 2) + 7)


def test_blocks_are_measured_in_a_mixture_of_all() -> None:
    assert mixture(["A"], 5) == ["A"] * 5
    assert mixture(["A", "M", "Mb"], 8) == ["A", "M", "Mb", "Mb", "M", "A", "A", "M"]
    assert mixture(["A", "M", "Mb"], 1) == ["A", "M", "Mb", "Mb", "M", "A"]


def test_large_blocks_are_stacked_fewer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is that of one layer here; the mixture has two of each block."""
    mlp = 4 * 3 * 64 * 160
    monkeypatch.setattr(module, "MIXTURE_BYTES", mlp + mlp // 2)
    built = []
    real = module.build
    monkeypatch.setattr(
        module, "build", lambda each, **rest: built.append(each) or real(each, **rest)
    )
    measure(design(64), [["A", "M"] * 8], Setting(8, 1, "fp32", "cpu", 1))
    assert [each.depth for each in built] == [4, 16]


def test_every_decoding_step_comes_after_the_same_tokens() -> None:
    stack = Stack(TINY, SETTING)
    before = [None if cache is None else cache.nbytes for cache in stack.caches]
    stack.sample()
    assert [None if cache is None else cache.nbytes for cache in stack.caches] == before
    assert stack.caches[-1].length == 12


def test_a_stack_computes_what_the_model_computes() -> None:
    stack, laps = Stack(TINY, SETTING), Laps("cpu")
    caches = aira_dsl.build(TINY).new_cache(3).layers
    found = stack.logits(stack.prompts_BL, caches, laps)
    expected = aira_dsl.build(TINY, seed=0)(stack.prompts_BL)[:, -1]
    torch.testing.assert_close(found, expected)
    assert len(laps.seconds()) == 1 + TINY.depth + 1


def test_a_measurement_in_another_process() -> None:
    found = aira_dsl.measure_latency(TINY, context=8, batch=2, threads=1, rounds=1, device="cpu")
    assert (found.method, found.precision, found.context, found.batch) == ("measured", "fp32", 8, 2)
    assert [(part.name, part.layers) for part in found.parts] == [
        ("Mb", 2),
        ("M", 2),
        ("A", 1),
        ("ends", 1),
    ]
    assert found.whole is not None
    assert found.whole.prefill > 0
    assert found.whole.decode > 0
    assert found.seconds.prefill == pytest.approx(sum(p.seconds.prefill for p in found.parts))
    assert found.error("decode") == pytest.approx(found.seconds.decode / found.whole.decode - 1)
    (device,) = latency_json(TINY, [found])["devices"]
    assert device["errors"] == {phase: found.error(phase) for phase in ("prefill", "decode")}
    assert json.loads(json.dumps(device))["method"] == "measured"
    assert found.memory.weights == 4 * aira_dsl.cost(TINY).total_parameters


def test_the_command_measures_without_a_gpu_named(tmp_path: Path) -> None:
    file = tmp_path / "tiny.arch"
    file.write_text(TEXT, encoding="utf-8")
    quick = ("--threads", 1, "--rounds", 1, "--device", "cpu", "--context", 4)
    done = run("latency", file, *quick)
    assert done.code == 0, done.err
    for expected in ("1 thread, fp32: 1 sequence of 4 tokens", "whole stack", "their sum"):
        assert expected in done.out
    assert "at most" not in done.out


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tiny.arch"
    file.write_text(TEXT, encoding="utf-8")
    done = run("latency", file, "--precision", "fp8", "--device", "cpu")
    assert (done.code, "E1702" in done.err) == (2, True)
    done = run("latency", file, "--gpu", "h100", "--threads", 2)
    assert (done.code, "--threads" in done.err) == (2, True)
    done = run("latency", file, "--context", 1 << 24, "--batch", 1 << 16, "--device", "cpu")
    assert (done.code, "E1703" in done.err, "longest context" in done.err) == (1, True, True)


def test_the_benchmark_compares_predicted_and_measured_stacks() -> None:
    stacks = random_stacks(5, slots=6, seed=0)
    assert stacks == random_stacks(5, slots=6, seed=0)
    assert {len(layers) for layers in stacks} == {6}
    found = errors([Seconds(1.1, 2.0)], [Seconds(1.0, 4.0)], "prefill")
    assert found == [pytest.approx(0.1)]
