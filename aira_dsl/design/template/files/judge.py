"""Judge of the task: bits per symbol, from logits; see docs/design.md for other kinds of scores."""

import numpy as np

from aira_dsl.design.judge import byte_table, language_model
from aira_dsl.design.judge.text import Text, windows


def judge(session):
    """Train the candidate, ask it for logits, and return the score."""
    settings = session.size.settings
    tokens = np.fromfile(session.folder / "tokens.bin", np.uint16)
    one_byte_each = byte_table.of_tokens([b"x"] * settings["vocabulary"])
    text = Text(windows(tokens, settings["length"]), one_byte_each, settings["batch"])
    return language_model.judge(session, text)
