"""Judge of the test task: one byte a token."""

import numpy as np

from aira_dsl.design.judge import byte_table, language_model
from aira_dsl.design.judge.text import Text, windows


def judge(session):
    settings = session.size.settings
    tokens = np.fromfile(session.folder / "tokens.bin", np.uint16)
    table = byte_table.of_tokens([b"x"] * settings["vocabulary"])
    text = Text(windows(tokens, settings["length"]), table, settings["batch"])
    return language_model.judge(session, text)
