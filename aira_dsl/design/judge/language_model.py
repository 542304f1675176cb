"""Judges language models: bits per byte, from logits, in the judge's process.

The score is the sum of -log2 p(next token) over all positions whose next token has bytes, divided
by the sum of those bytes. The softmax is taken here; a candidate returns logits and nothing else.
"""

import numpy as np

from aira_dsl.design.judge import causality
from aira_dsl.design.judge.session import JudgeSession
from aira_dsl.design.judge.text import Bits, Text, ask
from aira_dsl.design.judgement import Rejection, Score


def judge(session: JudgeSession, text: Text) -> Score:
    """Train a candidate, score it, and check that it reads no later token.

    Raises:
        Rejection: it has no score.
    """
    weights = session.train()
    bits_WT = np.empty(text.windows[:, 1:].shape, dtype=np.float32)
    with session.serving(weights) as server:
        session.facts["serving_startup_seconds"] = server.process.startup_seconds
        order_W = session.random.permutation(len(text.windows))
        for begin in range(0, len(order_W), text.batch):
            rows = order_W[begin : begin + text.batch]
            bits_WT[rows] = ask(server, text, text.windows[rows, :-1], text.windows[rows, 1:])
        session.facts["loading_seconds"] = server.loading_seconds
        session.facts["scoring_seconds"] = server.seconds
    score = bits_per_byte(bits_WT, text)
    with session.serving(weights) as server:
        causality.check(session, server, text, bits_WT)
        session.facts["checking_seconds"] = server.seconds
    return score


def bits_per_byte(bits_WT: Bits, text: Text) -> Score:
    """Return the score of a model.

    Args:
        bits_WT: bits for the target of every position.
        text: what was scored.

    Raises:
        Rejection: a target has probability 0, so that the score is infinite.
    """
    bytes_WT = text.bytes[text.windows[:, 1:]]
    scored = bytes_WT > 0
    if impossible := int(np.isinf(bits_WT[scored]).sum()):
        raise Rejection(
            "refused",
            f"probability 0: the next token is given no probability at {impossible:,} of "
            f"{int(scored.sum()):,} positions (its logit is -inf), so that the score is infinite",
        )
    value = float(bits_WT[scored].sum(dtype=np.float64) / bytes_WT.sum())
    return Score(value, {"scored_tokens": int(scored.sum()), "scored_bytes": int(bytes_WT.sum())})
