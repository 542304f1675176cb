"""Judges encoders of the Long Range Arena: accuracy, and growth with the length of the input."""

import numpy as np

from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.design.harness.channel import Array, ArraySpec
from aira_dsl.design.judge import classification, growth
from aira_dsl.design.judge.session import JudgeSession
from aira_dsl.design.judgement import Score

_FLOATS = ("float32",)


def judge(session: JudgeSession, data: LraSettings) -> Score:
    """Measure growth, train a candidate, and return its accuracy.

    Args:
        session: the session.
        data: settings of the data, whose origin is told in the facts.

    Raises:
        Rejection: the candidate has no score.
    """
    session.facts["data"] = data.origin
    inputs, lengths, labels = (
        np.load(session.folder / f"{name}.npy") for name in ("inputs", "lengths", "labels")
    )
    examples = classification.Examples(
        inputs={"inputs": inputs, "lengths": lengths},
        labels=labels,
        classes=data.classes,
        batch=session.size.settings["eval_batch"],
    )
    shape = inputs.shape[1:-1]  # () or (2,)

    def random_inputs(length: int, random: np.random.Generator) -> dict[str, Array]:
        tokens = random.integers(data.vocabulary, size=(1, *shape, length), dtype=np.uint8)
        return {"inputs": tokens, "lengths": np.full((1, *shape), length, np.int32)}

    answer = {"logits": ArraySpec((1, data.classes), _FLOATS)}
    lengths_measured = growth.Lengths(session.size.settings["growth_length"], random_inputs, answer)
    return classification.judge(session, examples, lengths_measured)
