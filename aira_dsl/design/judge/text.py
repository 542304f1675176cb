"""What a language model needs for a text, in bits, computed from its logits in this process.

Legend: W windows, B rows of a request, T positions, V tokens of the vocabulary.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aira_dsl.design.harness.channel import ArraySpec
from aira_dsl.design.judge.byte_table import Bytes
from aira_dsl.design.judge.session import Server
from aira_dsl.design.judgement import Rejection

Tokens = NDArray[np.int64]
Bits = NDArray[np.float32]

_FLOATS = ("float32", "float16", "float64")


@dataclass(frozen=True)
class Text:
    """Text to score a model on.

    Attributes:
        windows: tokens (W, T + 1); the first T are shown, the last T are to be predicted. No token
            is a target in two windows.
        bytes: bytes (V,) of every token (`byte_table`); tokens of 0 bytes are not scored.
        batch: rows of a request, all requests have as many.
        checked: windows that are asked again for the causality check; all, if there are fewer.
    """

    windows: Tokens
    bytes: Bytes
    batch: int
    checked: int = 256


def windows(tokens: NDArray[np.integer], length: int, *, most: int | None = None) -> Tokens:
    """Cut a text (N,) into windows (W, length + 1) that share only their border tokens.

    Args:
        tokens: the text; what does not fill a window at its end is left out.
        length: T, positions of a window.
        most: number of windows; None for all.
    """
    count = (len(tokens) - 1) // length
    count = count if most is None else min(count, most)
    starts_W1 = length * np.arange(count)[:, None]
    return np.asarray(tokens[starts_W1 + np.arange(length + 1)], dtype=np.int64)


def ask(server: Server, text: Text, inputs_BT: Tokens, targets_BT: Tokens) -> Bits:
    """Return the bits (B, T) that a model needs for the target of every position.

    Args:
        server: the candidate's process.
        text: sizes of a request.
        inputs_BT: tokens that it is shown; at most `text.batch` rows, which are filled up.
        targets_BT: next tokens.

    Raises:
        Rejection: no logits, of another shape, or not those of a distribution.
    """
    rows, length = inputs_BT.shape
    full_BT = np.concatenate([inputs_BT, np.zeros((text.batch - rows, length), np.int64)])
    spec = ArraySpec((text.batch, length, len(text.bytes)), _FLOATS)
    logits_BTV = server.ask({"tokens": full_BT}, {"logits": spec})["logits"]
    return np.stack(
        [bits(logits_BTV[row], targets_BT[row]) for row in range(rows)], dtype=np.float32
    )


def bits(logits_TV: NDArray[np.floating], targets_T: Tokens) -> NDArray[np.float64]:
    """Return -log2 of the probability of the target at every position (T,).

    Raises:
        Rejection: `diverged` for NaN; `refused` for logits that do not give a distribution.
    """
    if logits_TV.dtype == np.float16:
        logits_TV = logits_TV.astype(np.float32)
    largest_T = logits_TV.max(axis=-1)
    if np.isnan(largest_T).any():
        raise Rejection("diverged", "NaN: the logits of a position have NaN among them")
    if not np.isfinite(largest_T).all():
        raise Rejection("refused", "not a distribution: a logit is +inf, or all are -inf")
    # Differences to the largest logit are at most 0, so that the sum is from 1 to V.
    with np.errstate(over="ignore", under="ignore"):
        sums_T = np.exp(logits_TV - largest_T[:, None]).sum(axis=-1, dtype=np.float64)
        target_logits_T = logits_TV[np.arange(len(targets_T)), targets_T].astype(np.float64)
        # The difference first: beside a logit of 1e30, the logarithm of the sum would be lost.
        below_T = largest_T.astype(np.float64) - target_logits_T
    bits_T: NDArray[np.float64] = (np.log(sums_T) + below_T) / np.log(2)
    return bits_T
