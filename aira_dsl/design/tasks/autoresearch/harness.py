"""The candidate's side: runs train.py, with the module `prepare` made here."""

from collections.abc import Iterator

import numpy as np
import torch

from aira_dsl.design.harness import language_model
from aira_dsl.design.harness.connection import JudgeConnection
from aira_dsl.design.harness.language_model import TrainingRun
from aira_dsl.design.harness.packing import pack


def train(judge: JudgeConnection) -> None:
    """Run the script; in the mode `serve` it answers the judge."""
    length = judge.settings["max_seq_len"]

    def make_dataloader(
        run: TrainingRun, batch: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
        """Yield tokens (batch, time), the tokens that follow them, and the epoch, without end."""
        documents = _Documents(run, judge.seed)
        rows = pack(documents, length + 1)
        while True:
            block = torch.from_numpy(np.stack([next(rows) for _ in range(batch)]).astype(np.int64))
            block = block.to(judge.device)
            yield block[:, :-1], block[:, 1:], documents.epoch

    names = {
        "MAX_SEQ_LEN": length,
        "VOCAB_SIZE": judge.settings["vocab_size"],
        "BOS": judge.settings["bos"],
        "SEED": judge.seed,
        "DEVICE": judge.device,
        "make_dataloader": make_dataloader,
    }
    language_model.run_script(judge, "train.py", "prepare", names)


serve = train


class _Documents:
    """The training documents, again and again, from one that the seed chooses.

    Attributes:
        epoch: 0 until the first document comes again.
    """

    def __init__(self, run: TrainingRun, seed: int) -> None:
        self._tokens = run.files["tokens.bin"].view(np.uint16)
        self._ends = run.files["ends.bin"].view(np.uint64)
        self._first = int(np.random.default_rng(seed).integers(len(self._ends)))
        self.epoch = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        count = len(self._ends)
        number = self._first
        while True:
            begin = int(self._ends[number - 1]) if number else 0
            yield self._tokens[begin : int(self._ends[number])]
            number = (number + 1) % count
            self.epoch += number == self._first
