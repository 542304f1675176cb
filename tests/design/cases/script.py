"""The honest candidate of the test task `words`, and variations of it."""

from dataclasses import dataclass, field

NOT_CAUSAL = "not causal: "

HONEST = """\
import os, sys, time
import numpy as np
import prepare
{begin}

class Model:
    def __init__(self):
        self.weights = {{"table": np.zeros((16, 16), np.float32)}}

    def __call__(self, tokens):
        logits = self.weights["table"][tokens].copy()
        {answer}
        return logits

model = Model()
{before}
run = prepare.start(model)
text = run.files["tokens.bin"].view(np.uint16)
counts = np.ones((16, 16))
np.add.at(counts, (text[:-1], text[1:]), 1)
model.weights["table"] = np.log(counts / counts.sum(1, keepdims=True)).astype(np.float32)
{after}
run.finish()
"""


@dataclass(frozen=True)
class Case:
    """A candidate and its verdict.

    Attributes:
        name: what it does.
        files: its files.
        status: of the judgement.
        reason: text in the reason; for the status `ok`, the score must be that of the honest one.
        slow: takes more than about three seconds.
    """

    name: str
    files: dict[str, str]
    status: str
    reason: str = ""
    slow: bool = field(default=False, kw_only=True)


def script(*, begin: str = "", answer: str = "pass", before: str = "", after: str = "") -> str:
    """Return the honest script with lines added at four places."""
    return HONEST.format(begin=begin, answer=answer, before=before, after=after)


def answers(name: str, answer: str, status: str, reason: str, begin: str = "") -> Case:
    """The script with lines in what it answers."""
    return Case(name, {"train.py": script(answer=answer, begin=begin)}, status, reason)


def starts(name: str, before: str, status: str, reason: str = "", *, slow: bool = False) -> Case:
    """The script with lines before it gets data."""
    return Case(name, {"train.py": script(before=before)}, status, reason, slow=slow)


def trains(name: str, after: str, status: str, reason: str = "", *, slow: bool = False) -> Case:
    """The script with lines after its training."""
    return Case(name, {"train.py": script(after=after)}, status, reason, slow=slow)
