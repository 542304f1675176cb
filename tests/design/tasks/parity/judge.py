"""Judge of the test task."""

import numpy as np

from aira_dsl.design.harness.channel import ArraySpec
from aira_dsl.design.judge import classification, growth


def judge(session):
    settings = session.size.settings
    examples = classification.Examples(
        inputs={"inputs": np.load(session.folder / "inputs.npy")},
        labels=np.load(session.folder / "labels.npy"),
        classes=settings["classes"],
        batch=settings["batch"],
    )
    lengths = growth.Lengths(
        settings["shortest"],
        lambda length, random: {"inputs": random.integers(4, size=(1, length), dtype=np.int32)},
        {"logits": ArraySpec((1, settings["classes"]), ("float32",))},
    )
    return classification.judge(session, examples, lengths)
