"""The data of a grid: where they are, and how many tokens they have."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aira_dsl.data.text.named import CORPORA
from aira_dsl.data.tokens.prepare import Progress, prepare
from aira_dsl.data.tokens.tokenizer import BYTES
from aira_dsl.scaling.grid.grid import Grid


class Corpus(BaseModel):
    """The data of a plan.

    Attributes:
        paths: absolute paths of files and folders, or the name of a corpus that needs no download.
        tokenizer: `bytes`, or the absolute path of a tokenizer.json.
        identity: of the tokenized text.
        tokens: tokens for training.
        vocab: number of token ids.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: tuple[str, ...]
    tokenizer: str
    identity: str
    tokens: int
    vocab: int


def open_corpus(grid: Grid, folder: Path, *, progress: Progress | None = None) -> Corpus:
    """Tokenize the data of a grid, or open what was tokenized before.

    Args:
        grid: the grid.
        folder: folder of the grid file, to which paths are relative.
        progress: called with the bytes of files done, and of all files.

    Raises:
        AiraError: as for `aira_dsl.data.tokens.prepare.prepare`.
    """
    paths = [path if path in CORPORA else str((folder / path).resolve()) for path in grid.data]
    tokenizer = grid.tokenizer
    if tokenizer != BYTES:
        tokenizer = str((folder / tokenizer).resolve())
    found = prepare(paths, tokenizer=tokenizer, validation=grid.validation, progress=progress)
    return Corpus(
        paths=tuple(paths),
        tokenizer=tokenizer,
        identity=found.identity,
        tokens=found.train.tokens,
        vocab=found.vocab_size,
    )
