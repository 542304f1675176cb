"""Trains and runs an encoder of the Long Range Arena, whatever its framework.

A candidate's model.py defines one class, a `torch.nn.Module` or a `flax.linen.Module`:

    encoder = CustomEncoder(vocab_size=…, num_classes=…, max_len=…, num_layers=…, num_heads=…,
                            emb_dim=…, qkv_dim=…, mlp_dim=…)
    logits = encoder(tokens, mask)  # (batch, num_classes); in flax also train=True or False

or `CustomDualEncoder`, called with (tokens1, mask1, tokens2, mask2). Tokens are integers (batch,
length), masks are true where a token is. Both frameworks get the same batches, the same optimizer
and the same learning rates; `lra_torch` and `lra_jax` take the steps.

Everything is compiled and run once on random tokens before the clock starts.
"""

import contextlib
import ctypes
import gc
import importlib
import io
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from aira_dsl.design.harness.channel import Array
from aira_dsl.design.harness.connection import JudgeConnection, Start
from aira_dsl.design.harness.lra_settings import LraTraining


class Learner(Protocol):
    """An encoder with its optimizer.

    `inputs` are the arguments of the encoder: tokens int32 and mask bool, (B, L) each; those of the
    second sequence follow.
    """

    def step(self, inputs: list[Array], labels: Array, rate: float) -> float:
        """Take one step; return the loss."""

    def rehearse(self, inputs: list[Array], labels: Array) -> None:
        """Take a step that has no effect, so that whatever is compiled is compiled."""

    def logits(self, inputs: list[Array]) -> Array:
        """Return the logits (B, C)."""

    def weights(self) -> bytes:
        """Return all weights in safetensors form."""

    def load(self, data: bytes) -> None:
        """Load weights; ValueError if they are not those of this encoder."""


def train(judge: JudgeConnection, name: str) -> None:
    """Train the class `name` of model.py until its steps are done or the time is over."""
    settings, learner = _built(judge, name)
    random = np.random.default_rng(judge.seed)
    inputs = _random_inputs(settings, random, settings.batch_size, pairs=_pairs(name))
    labels = random.integers(settings.num_classes, size=settings.batch_size, dtype=np.int32)
    learner.rehearse(inputs, labels)
    start = judge.start()
    steps, loss = _trained(settings, learner, start, random)
    judge.done(learner.weights(), steps=steps, loss=loss if math.isfinite(loss) else str(loss))


def serve(judge: JudgeConnection, name: str) -> None:
    """Answer the judge with the trained encoder."""
    settings, learner = _built(judge, name)
    rows = judge.settings["eval_batch"]
    _compile(judge, settings, learner, rows=rows, pairs=_pairs(name))  # while there is time
    assert judge.weights is not None
    learner.load(judge.weights)
    _answer(judge, settings, learner)


def measure(judge: JudgeConnection, name: str) -> None:
    """Answer the judge with an untrained encoder for sequences of the setting `length`."""
    settings, learner = _built(judge, name, max_len=judge.settings["length"])
    _compile(judge, settings, learner, rows=1, pairs=_pairs(name))
    _answer(judge, settings, learner)


def _pairs(name: str) -> bool:
    return name == "CustomDualEncoder"


def _built(
    judge: JudgeConnection, name: str, max_len: int | None = None
) -> tuple[LraTraining, Learner]:
    """Import model.py and build its encoder.

    Raises:
        TypeError: there is no such class, or it belongs to no framework.
        ValueError: a setting that the candidate makes is out of its range.
    """
    if judge.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    module = importlib.import_module("model")
    settings = LraTraining.of(judge.settings, vars(module))
    if max_len is not None:
        settings = settings.with_length(max_len)
    encoder = getattr(module, name, None)
    if _is_subclass(encoder, "torch.nn", "Module"):
        from aira_dsl.design.harness.lra_torch import TorchLearner

        return settings, TorchLearner(encoder, settings, judge.seed, judge.device)
    if _is_subclass(encoder, "flax.linen", "Module"):
        from aira_dsl.design.harness.lra_jax import JaxLearner

        return settings, JaxLearner(encoder, settings, judge.seed, pairs=_pairs(name))
    raise TypeError(
        f"model.py defines no class {name} that is a torch.nn.Module or a flax.linen.Module"
    )


def _is_subclass(value: Any, module: str, name: str) -> bool:
    """Tell whether a class belongs to a framework that was imported."""
    base = getattr(sys.modules.get(module), name, None)
    return base is not None and isinstance(value, type) and issubclass(value, base)


def _trained(
    settings: LraTraining, learner: Learner, start: Start, random: np.random.Generator
) -> tuple[int, float]:
    """Train; return the number of steps and the last loss.

    The last step begins only if there is time for one that takes as long as the one before. Where
    the time is short, the learning rate follows the time: it always reaches its end.
    """
    step, loss, duration = 0, math.inf, 0.0
    for inputs, labels in _batches(settings, start.files, random):
        began = time.monotonic()
        over = start.elapsed + duration > start.seconds
        if step == settings.num_train_steps or over or math.isnan(loss):
            break
        progress = max(step / settings.num_train_steps, start.progress)
        loss = learner.step(inputs, labels, settings.rate(step, progress))
        duration = time.monotonic() - began
        step += 1
    return step, loss


def _batches(
    settings: LraTraining, files: Mapping[str, Array], random: np.random.Generator
) -> Iterator[tuple[list[Array], Array]]:
    """Yield batches without end; every example comes once before one comes again."""
    inputs, lengths, labels = (
        np.load(io.BytesIO(files[f"{name}.npy"].tobytes()))
        for name in ("inputs", "lengths", "labels")
    )
    while True:
        order = random.permutation(len(labels))
        for begin in range(0, len(order) - settings.batch_size + 1, settings.batch_size):
            rows = np.sort(order[begin : begin + settings.batch_size])
            yield _arguments(settings, inputs[rows], lengths[rows]), labels[rows].astype(np.int32)


def _arguments(settings: LraTraining, inputs: Array, lengths: Array) -> list[Array]:
    """Return the arguments of an encoder for inputs (B, L) or pairs (B, 2, L)."""
    tokens = inputs[..., : settings.max_len].astype(np.int32)
    mask = np.arange(tokens.shape[-1]) < lengths[..., None]
    if tokens.ndim == 2:
        return [tokens, mask]
    return [each[:, side] for side in (0, 1) for each in (tokens, mask)]


def _random_inputs(
    settings: LraTraining, random: np.random.Generator, rows: int, *, pairs: bool
) -> list[Array]:
    shape = (rows, 2, settings.max_len) if pairs else (rows, settings.max_len)
    tokens = random.integers(settings.vocab_size, size=shape, dtype=np.uint8)
    return _arguments(settings, tokens, np.full(shape[:-1], settings.max_len))


def _compile(
    judge: JudgeConnection, settings: LraTraining, learner: Learner, *, rows: int, pairs: bool
) -> None:
    """Answer once for random tokens, so that whatever is compiled is compiled."""
    random = np.random.default_rng(judge.seed)
    learner.logits(_random_inputs(settings, random, rows, pairs=pairs))
    _release()


def _answer(judge: JudgeConnection, settings: LraTraining, learner: Learner) -> None:
    judge.serve(
        lambda inputs, lengths: {"logits": learner.logits(_arguments(settings, inputs, lengths))}
    )


def _release() -> None:
    """Give freed memory back to the system: what compilers leave differs from run to run."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # malloc_trim is glibc's
        ctypes.CDLL(None).malloc_trim(0)
