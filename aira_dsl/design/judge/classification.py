"""Judges classifiers: accuracy, from logits, in the judge's process.

Legend: N examples, B rows of a request, C classes.

Examples are asked in random order, in a process that has seen no labels of theirs. A second
process, which shares nothing with the first one, is asked again for some of them in other batches:
the answer for an example must depend on that example alone. A candidate that remembers its answers
cannot hide that they depend on the batch, or on what was asked before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aira_dsl.design.harness.channel import Array, ArraySpec
from aira_dsl.design.judge import growth
from aira_dsl.design.judge.session import JudgeSession, Server
from aira_dsl.design.judgement import Rejection, Score

Logits = NDArray[np.float64]

LARGEST_CHANGE = 0.05
"""Of a probability, between two batches; numerical noise stays far below it."""


@dataclass(frozen=True)
class Examples:
    """Labelled examples to score a classifier on.

    Attributes:
        inputs: arrays (N, …) by name; a request has the same names with B rows.
        labels: classes (N,), from 0.
        classes: C.
        batch: B; all requests have as many rows, the last one is filled up.
        checked: examples that are asked again; all, if there are fewer.
    """

    inputs: Mapping[str, Array]
    labels: NDArray[np.integer]
    classes: int
    batch: int
    checked: int = 256


def judge(
    session: JudgeSession, examples: Examples, lengths: growth.Lengths | None = None
) -> Score:
    """Train a candidate and return its accuracy.

    Args:
        session: the session.
        examples: of the split that is scored.
        lengths: where growth is measured, before the training; None leaves it out.

    Raises:
        Rejection: the candidate has no score.
    """
    if lengths is not None:
        growth.measure(session, lengths)
    weights = session.train()
    with session.serving(weights) as server:
        session.facts["serving_startup_seconds"] = server.process.startup_seconds
        order_N = session.random.permutation(len(examples.labels))
        logits_NC = np.empty((len(order_N), examples.classes))
        logits_NC[order_N] = ask(server, examples, order_N)
        session.facts["loading_seconds"] = server.loading_seconds
        session.facts["scoring_seconds"] = server.seconds
    again = session.random.permutation(order_N)[: examples.checked]
    with session.serving(weights) as server:
        _compare(session, logits_NC[again], ask(server, examples, again))
        session.facts["checking_seconds"] = server.seconds
    right_N = logits_NC.argmax(axis=1) == examples.labels
    return Score(float(right_N.mean()), {"examples": len(right_N)})


def ask(server: Server, examples: Examples, chosen: NDArray[np.integer]) -> Logits:
    """Return the logits (n, C) for chosen examples.

    Raises:
        Rejection: no logits, of another shape, or not finite.
    """
    spec = ArraySpec((examples.batch, examples.classes), ("float32", "float16", "float64"))
    parts = []
    for begin in range(0, len(chosen), examples.batch):
        rows = chosen[begin : begin + examples.batch]
        full = np.resize(rows, examples.batch)  # repeats them
        request = {name: values[full] for name, values in examples.inputs.items()}
        logits_BC = server.ask(request, {"logits": spec})["logits"]
        parts.append(logits_BC[: len(rows)].astype(np.float64))
    logits = np.concatenate(parts)
    if np.isnan(logits).any():
        raise Rejection("diverged", "NaN: the logits of an example have NaN among them")
    if np.isposinf(logits).any() or np.isneginf(logits).all(axis=1).any():
        raise Rejection("refused", "not a distribution: a logit is +inf, or all are -inf")
    return logits


def _compare(session: JudgeSession, first: Logits, second: Logits) -> None:
    """Compare the answers of two processes for the same examples in different batches."""
    change = float(np.abs(_probabilities(first) - _probabilities(second)).max())
    session.facts["largest_change_of_probability"] = change
    if change > LARGEST_CHANGE:
        raise Rejection(
            "refused",
            "not a function of the example: in another process and batch, the probability of a "
            f"class of the same example differs by {change:.3f}",
        )


def _probabilities(logits: Logits) -> Logits:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Logits = powers / powers.sum(axis=1, keepdims=True)
    return shares
