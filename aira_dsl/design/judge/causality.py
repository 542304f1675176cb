"""Whether the logits of a position depend on the tokens before it, and on nothing else.

A second process of the candidate, which shares nothing with the first one, is asked again for some
windows, in another order and in other batches. In each of them everything from a random position on
is replaced by random tokens. The bits that the model needs for the true tokens before that position
must be the same as before.

The position just before the cut (the border) is what matters: its true next token is not in the
request, nor anywhere else in that process. A candidate that has used it in the first process cannot
repeat what it answered, whatever it does in the second one.

Two rules, on the differences of bits d = second - first, with the limits of `Tolerance`:

- no |d| before the cut is above the limit for one position
- the mean of d over the borders is not above the limit for the mean: this is what the candidate
  gains by later tokens, per token

For W borders, a candidate that gains more than the first limit at a share f of all positions is
found with the probability 1 - (1 - f)^W. One that gains less at each position is found by the mean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aira_dsl.design.judge.session import JudgeSession, Server
from aira_dsl.design.judge.text import Bits, Text, Tokens, ask
from aira_dsl.design.judgement import Rejection


@dataclass(frozen=True)
class Tolerance:
    """Differences that numerical noise can make.

    Attributes:
        largest: of one position, in bits.
        mean: of the borders, in bits per token.
        errors: standard errors of the mean that are added to `mean`.
    """

    largest: float
    mean: float
    errors: float = 0.0

    def is_exceeded(self, borders: NDArray[np.float64], largest: float) -> bool:
        """Tell whether differences are more than noise.

        Args:
            borders: differences at the borders, in bits.
            largest: of all positions before a cut, in bits.
        """
        error = self.errors * float(borders.std() / np.sqrt(len(borders)))
        return largest > self.largest or float(borders.mean()) > self.mean + error


ON_CPU = Tolerance(largest=0.03, mean=0.001)
"""A CPU computes a row alike wherever it is in a batch of the same shape: d is 0."""

ON_GPU = Tolerance(largest=0.25, mean=0.002, errors=4.0)
"""In bfloat16 one step of a logit of 8 is 0.045 bits."""


def check(session: JudgeSession, server: Server, text: Text, bits_WT: Bits) -> None:
    """Ask again, and compare.

    Args:
        session: takes the facts `lookahead_bits` (mean of d at the borders) and
            `largest_difference_bits` (of all positions before a cut).
        server: a new process of the candidate.
        text: what was scored.
        bits_WT: bits of the first process.

    Raises:
        Rejection: the candidate is not causal, or its answers are not repeatable.
    """
    count = min(text.checked, len(text.windows))
    chosen = session.random.choice(len(text.windows), count, replace=False)
    cuts = session.random.integers(1, text.windows.shape[1] - 1, size=count)
    borders, largest = [], 0.0
    for begin in range(0, count, text.batch):
        rows, ends = chosen[begin : begin + text.batch], cuts[begin : begin + text.batch]
        inputs = with_other_tails(text.windows[rows], ends, len(text.bytes), session.random)
        again_BT = ask(server, text, inputs, text.windows[rows, 1:])
        for again_T, first_T, end in zip(again_BT, bits_WT[rows], ends, strict=True):
            with np.errstate(invalid="ignore"):
                differences = np.nan_to_num(again_T[:end] - first_T[:end])
            borders.append(differences[-1])
            largest = max(largest, float(np.abs(differences).max()))
    tolerance = ON_GPU if session.size.gpus else ON_CPU
    _decide(session, np.array(borders, dtype=np.float64), largest, tolerance)


def with_other_tails(
    windows_BW: Tokens, ends: NDArray[np.int64], vocabulary: int, random: np.random.Generator
) -> Tokens:
    """Return the inputs of windows, with other tokens from each end on.

    The first of them is never the true one.
    """
    inputs_BT = windows_BW[:, :-1].copy()
    for row, end in enumerate(ends):
        tail = random.integers(vocabulary, size=inputs_BT.shape[1] - end)
        if len(tail):
            tail[0] = (windows_BW[row, end] + random.integers(1, vocabulary)) % vocabulary
        inputs_BT[row, end:] = tail
    return inputs_BT


def _decide(
    session: JudgeSession, borders: NDArray[np.float64], largest: float, tolerance: Tolerance
) -> None:
    mean = float(borders.mean())
    session.facts["lookahead_bits"] = mean
    session.facts["largest_difference_bits"] = largest
    if tolerance.is_exceeded(borders, largest):
        raise Rejection(
            "refused",
            "not causal: with other tokens after a position, in another process and order, the "
            f"model needs {mean:+.3f} bits more for the next token on average, and up to "
            f"{largest:.3f} bits at one position; its logits must depend on the tokens before "
            "the position, and on nothing else",
        )
