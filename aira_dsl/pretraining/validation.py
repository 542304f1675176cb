"""The loss on held-out text, computed here from logits.

Rows are taken in the order of the text, so every validation of a corpus scores the same tokens,
whatever the seed. Bits for each byte count the bytes that the scored tokens stand for.

Shapes: B rows, S = T + 1 tokens of a row.
"""

import math
from dataclasses import dataclass

import torch

from aira_dsl.data.tokens.rows import Rows
from aira_dsl.pretraining.batches import parts_of
from aira_dsl.pretraining.network import IGNORE, Network
from aira_dsl.pretraining.processes import Processes


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows of a training.

    Attributes:
        rows: in the order of the text, cut as in training.
        tokens: most tokens to score; one row at least.
        batch: rows that a process computes at once.
    """

    rows: Rows
    tokens: int
    batch: int

    @torch.no_grad()
    def loss(self, network: Network, processes: Processes) -> tuple[float, float]:
        """Return nats for each token and bits for each byte; all processes take part."""
        rows = self.rows
        count = min(rows.count, max(1, self.tokens // rows.context))
        nats = scored = text_bytes = 0.0
        network.eval()
        for start in range(0, count, self.batch * processes.size):
            # Every process computes a batch, so that all exchange parameters equally often.
            first = start + self.batch * processes.rank
            own = rows.take(min(first, count - 1), max(1, min(self.batch, count - first)))
            if first < count:
                text_bytes += rows.split.text_bytes_of(own.tokens_BS[:, 1:])
            for tokens_PL, targets_PL in parts_of(own, 1, even=processes.size > 1):
                if first >= count:
                    targets_PL = torch.full_like(targets_PL, IGNORE)  # noqa: PLW2901
                _, entropy = network(tokens_PL, targets_PL)
                nats += float(entropy)
                scored += int((targets_PL != IGNORE).sum())
        network.train()
        nats, scored, text_bytes = processes.sum(nats, scored, text_bytes)
        return nats / scored, nats / math.log(2) / text_bytes
