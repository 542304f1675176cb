"""Scores accuracy on documents."""

from aira_dsl.data.lra.text import TextSettings
from aira_dsl.design import lra_data
from aira_dsl.design.judge import lra
from aira_dsl.design.judge.session import JudgeSession
from aira_dsl.design.judgement import Score


def judge(session: JudgeSession) -> Score:
    """Measure the growth of a candidate, train it, and score it."""
    return lra.judge(session, lra_data.settings(TextSettings, session.size))
