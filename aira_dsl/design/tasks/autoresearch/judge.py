"""Scores bits per byte on the windows that prepare.py wrote."""

import numpy as np

from aira_dsl.design.judge import language_model
from aira_dsl.design.judge.session import JudgeSession
from aira_dsl.design.judge.text import Text
from aira_dsl.design.judgement import Score


def judge(session: JudgeSession) -> Score:
    """Train a candidate, score it, and check that it reads no later token."""
    text = Text(
        windows=np.load(session.folder / "windows.npy").astype(np.int64),
        bytes=np.load(session.folder / "bytes.npy"),
        batch=session.size.settings["eval_batch"],
    )
    return language_model.judge(session, text)
