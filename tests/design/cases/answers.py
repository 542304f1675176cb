"""Candidates whose answers are wrong, or depend on later tokens."""

from tests.design.cases.script import NOT_CAUSAL, answers

_WRONG = "wrong array: logits of the "

LOGITS = [
    answers("returns a loss", "return np.float32(0.1)", "refused", _WRONG + "shape (), not"),
    answers(
        "returns the loss of every token",
        "return logits.max(-1)",
        "refused",
        _WRONG + "shape (8, 24), not (8, 24, 16)",
    ),
    answers(
        "has a larger vocabulary",
        "return np.concatenate([logits, logits[..., :1]], -1)",
        "refused",
        _WRONG + "shape (8, 24, 17), not (8, 24, 16)",
    ),
    answers("returns integers", "return logits.astype(np.int32)", "refused", _WRONG + "type int32"),
    answers(
        "returns complex numbers",
        "return logits.astype(np.complex64)",
        "refused",
        _WRONG + "type complex64",
    ),
    answers("returns NaN", "logits[3, 5, 7] = np.nan", "diverged", "NaN: "),
    answers("returns +inf", "logits[3, 5, 7] = np.inf", "refused", "not a distribution: "),
    answers("returns -inf only", "logits[3, 5] = -np.inf", "refused", "not a distribution: "),
    answers(
        "returns -inf for all but one",
        "logits[logits < logits.max(-1, keepdims=True)] = -np.inf",
        "refused",
        "probability 0: the next token is given no probability at ",
    ),
    answers("returns nothing", "return None", "refused", "wrong array: logits of the "),
    answers("returns double precision", "return logits.astype(np.float64)", "ok", ""),
]

CAUSALITY = [
    answers(
        "reads the next token",
        "logits[:, :-1] += 5 * np.eye(16)[tokens[:, 1:]].astype(np.float32)",
        "refused",
        NOT_CAUSAL,
    ),
    answers(
        "reads the next token after some tokens",
        "logits[:, :-1] += (5 * np.eye(16)[tokens[:, 1:]] * (tokens[:, :-1, None] < 6))"
        ".astype(np.float32)",
        "refused",
        NOT_CAUSAL,
    ),
    answers(
        "reads the next token a little, everywhere",
        "logits[:, :-1] += .15 * np.eye(16)[tokens[:, 1:]].astype(np.float32)",
        "refused",
        NOT_CAUSAL,
    ),
    answers(
        "reads the next token a little, at some positions",
        "logits[:, :-1] += (.16 * np.eye(16)[tokens[:, 1:]] * (tokens[:, :-1, None] < 3))"
        ".astype(np.float32)",
        "refused",
        NOT_CAUSAL,
    ),
    answers(
        "looks at the mean of the window",
        "logits += 8 * np.eye(16)[tokens].mean(1, keepdims=True).astype(np.float32)",
        "refused",
        NOT_CAUSAL,
    ),
    answers(
        "looks at other rows",
        "logits += 2 * np.eye(16)[np.roll(tokens, 1, 0)].astype(np.float32)",
        "refused",
        NOT_CAUSAL,
    ),
    answers(
        "learns from what it is asked",
        "logits += seen.astype(np.float32)[tokens] / 20\n"
        "        np.add.at(seen, (tokens[:, :-1], tokens[:, 1:]), 1)",
        "refused",
        NOT_CAUSAL,
        begin="seen = np.zeros((16, 16))",
    ),
    answers(
        "answers by chance",
        "logits += np.random.default_rng().normal(size=logits.shape).astype(np.float32)",
        "refused",
        NOT_CAUSAL,
    ),
]
