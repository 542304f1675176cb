"""Log-likelihoods of texts under a causal model, by the conventions of lm-evaluation-harness.

    ln p(continuation | context) = sum over its tokens t_i of ln softmax(logits of t_<i)[t_i]

- Spaces at the end of a context belong to the continuation.
- A text without a context follows the token that ends a document.
- Of tokens that do not fit, the last ones are kept.
- A document longer than the model's context is scored in windows: every token once, each window as
  long as it can be.

They do not use lm-eval, and check what it computes from an exported model (Gao et al., The
language model evaluation harness, `lm_eval/models/huggingface.py` and `lm_eval/utils.py`).

Shapes: B batch, L length, V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Pair = tuple[list[int], list[int]]
"""Tokens of a context, at least one, and of its continuation."""


@dataclass(frozen=True, slots=True)
class Score:
    """Log-likelihood of a continuation.

    Attributes:
        log_likelihood: in nats.
        greedy: whether each of its tokens is the most likely one.
    """

    log_likelihood: float
    greedy: bool


@dataclass(frozen=True)
class TextModel:
    """A model that reads text.

    Attributes:
        logits: returns logits_BLV of tokens_BL.
        encode: returns the tokens of a text.
        end_of_document: the token that a text without a context follows.
        context: the most tokens that the model takes.
        batch: number of sequences that are computed at a time.
    """

    logits: Callable[[Tensor], Tensor]
    encode: Callable[[str], list[int]]
    end_of_document: int
    context: int
    batch: int = 16

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Score]:
        """Score each continuation after its context."""
        pairs = [self._pair(context, continuation) for context, continuation in requests]
        return score_tokens(self.logits, pairs, self.context, self.batch)

    def score_document(self, text: str) -> float:
        """Return the log-likelihood of a whole text, in nats."""
        pairs = list(windows(self.encode(text), self.end_of_document, self.context))
        scores = score_tokens(self.logits, pairs, self.context, self.batch)
        return sum(score.log_likelihood for score in scores)

    def _pair(self, context: str, continuation: str) -> Pair:
        stripped = context.rstrip()
        continuation = context[len(stripped) :] + continuation
        if not stripped:
            return [self.end_of_document], self.encode(continuation)
        begin = self.encode(stripped)
        return begin, self.encode(stripped + continuation)[len(begin) :]


def windows(tokens: list[int], end_of_document: int, length: int) -> Iterator[Pair]:
    """Divide a document into windows of at most `length` inputs that predict every token once."""
    inputs = [end_of_document, *tokens]
    for start in range(0, len(tokens), length):
        end = min(start + length, len(tokens))
        yield inputs[max(0, end - length) : start + 1], tokens[start:end]


@torch.inference_mode()
def score_tokens(
    logits: Callable[[Tensor], Tensor], pairs: Sequence[Pair], context: int, batch: int
) -> list[Score]:
    """Score tokens after tokens, longest first; results are in the order of `pairs`."""
    order = sorted(range(len(pairs)), key=lambda i: -len(pairs[i][0]) - len(pairs[i][1]))
    found: dict[int, Score] = {}
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        found |= zip(chosen, _scored(logits, [pairs[i] for i in chosen], context), strict=True)
    return [found[i] for i in range(len(pairs))]


def _scored(
    logits: Callable[[Tensor], Tensor], pairs: Sequence[Pair], context: int
) -> Iterator[Score]:
    """Score a batch; shorter sequences are filled at the end, which a causal model never reads."""
    inputs = [(first + second)[-context - 1 : -1] for first, second in pairs]
    longest = max(map(len, inputs))
    tokens_BL = torch.tensor([row + [0] * (longest - len(row)) for row in inputs])
    logits_BLV = logits(tokens_BL)
    for (_, continuation), row, logits_LV in zip(pairs, inputs, logits_BLV, strict=True):
        scored_LV = logits_LV[len(row) - len(continuation) : len(row)].float()
        expected_L = torch.tensor(continuation)
        log_p_LV = scored_LV.log_softmax(-1)
        chosen_L = log_p_LV.gather(-1, expected_L[:, None])
        yield Score(
            chosen_L.sum(dtype=torch.float64).item(),
            bool((scored_LV.argmax(-1) == expected_L).all()),
        )
