"""A prepared corpus: a folder with shards, a manifest, and what reading needs of the tokenizer.

    FOLDER/manifest.json          settings, counts, and the checksum of every shard; written last
    FOLDER/train/, validation/    shards
    FOLDER/token_bytes.npy        bytes that each token stands for, (V,)
    FOLDER/tokenizer.json         copy of the tokenizer, unless tokens are bytes

The folder can be copied to another machine; the text is not needed there.
"""

import math
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.data.tokens.shards import SPLITS, Shard, SplitName, TokenStream, damaged, token_type
from aira_dsl.errors import AiraError, InputError
from aira_dsl.utils.checksummed import checksum, read_bytes, read_checksummed_json

MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
TOKEN_BYTES = "token_bytes.npy"
KIND = "token corpus"


class TokenizerRecord(BaseModel):
    """What is known of a tokenizer without loading it.

    Attributes:
        kind: `bytes` or `tokenizer.json`.
        sha256: of the tokenizer.json; of `bytes`, the word.
        vocab_size: largest token id plus one.
        separator: id of the token that begins every document and ends the one before.
        separator_text: how the vocabulary spells it; None for bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    sha256: str
    vocab_size: int
    separator: int
    separator_text: str | None


class Manifest(BaseModel):
    """What a prepared corpus holds.

    Attributes:
        name: where the text came from.
        tokenizer: what made the tokens.
        validation: share of documents that was to be held out.
        split_at: text at which plain text files were cut into documents.
        files: text files that were read.
        skipped: files among them that were left out because they are not text.
        blank: documents that were left out because they have no text.
        splits: shards of each split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    tokenizer: TokenizerRecord
    validation: float
    split_at: str | None
    files: int
    skipped: int
    blank: int
    splits: dict[SplitName, tuple[Shard, ...]]


@dataclass(frozen=True)
class Split:
    """Documents of one split as a stream of tokens: `read(start, stop)` copies a part of it.

    Attributes:
        stream: the tokens.
    """

    stream: TokenStream

    @property
    def name(self) -> SplitName:
        """`train` or `validation`."""
        return self.stream.name

    @cached_property
    def tokens(self) -> int:
        """Number of tokens, separators included."""
        return self.stream.starts[-1]

    @cached_property
    def documents(self) -> int:
        """Number of documents."""
        return sum(shard.documents for shard in self.stream.shards)

    @cached_property
    def text_bytes(self) -> int:
        """Bytes of text."""
        return sum(shard.text_bytes for shard in self.stream.shards)

    @property
    def bytes_per_token(self) -> float:
        """Bytes of text for each token; separators count as tokens. NaN without tokens."""
        return self.text_bytes / self.tokens if self.tokens else math.nan

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the tokens from `start` up to `stop`."""
        return self.stream.read(start, stop)

    def document_starts(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the places from `start` up to `stop` where documents begin, less `start`."""
        return self.stream.document_starts(start, stop)

    def text_bytes_of(self, tokens: NDArray[np.int64]) -> float:
        """Return how many bytes of text tokens of any shape stand for.

        Exact if the tokenizer keeps text as it is. Where it changes text (such as lower case), its
        tokens are taken to stand for their share of the split's text.
        """
        stands_for = sum(shard.token_bytes for shard in self.stream.shards)
        table_V = _token_bytes(self.stream.folder)
        return float(table_V[tokens].sum()) * (self.text_bytes / stands_for if stands_for else 1.0)


@dataclass(frozen=True)
class TokenCorpus:
    """A prepared corpus.

    Attributes:
        folder: where it is.
        manifest: what it holds.
    """

    folder: Path
    manifest: Manifest

    @cached_property
    def identity(self) -> str:
        """Hash of all tokens of all splits, in hexadecimal."""
        splits = {
            name: [(shard.sha256, shard.ends_sha256) for shard in shards]
            for name, shards in self.manifest.splits.items()
        }
        return checksum([self.tokenizer.model_dump(), splits])

    @property
    def tokenizer(self) -> TokenizerRecord:
        """What made the tokens."""
        return self.manifest.tokenizer

    @property
    def tokenizer_path(self) -> Path | None:
        """The copy of the tokenizer.json; None for bytes."""
        return None if self.tokenizer.kind == "bytes" else self.folder / TOKENIZER

    @property
    def vocab_size(self) -> int:
        """Largest token id plus one."""
        return self.tokenizer.vocab_size

    @property
    def token_bytes(self) -> NDArray[np.int64]:
        """How many bytes each token stands for, (V,)."""
        return _token_bytes(self.folder)

    @cached_property
    def train(self) -> Split:
        """Documents to train on."""
        return self._split("train")

    @cached_property
    def validation(self) -> Split:
        """Documents that are held out; without tokens if none was to be."""
        return self._split("validation")

    def require_vocabulary(self, vocab: int) -> None:
        """Check that a model has every token id.

        Args:
            vocab: vocabulary of the model.

        Raises:
            InputError: E1406, it is smaller than that of the corpus.
        """
        if vocab < self.vocab_size:
            raise InputError(
                "E1406",
                f"the model has {vocab:,} token ids, the corpus needs {self.vocab_size:,} "
                f"(tokenizer: {self.tokenizer.kind})",
                help=f"set vocab {self.vocab_size} in the architecture, or use another tokenizer",
            )

    def check(self, *, content: bool = True) -> None:
        """Compare every file with the manifest.

        Args:
            content: compare checksums, too; that reads every file.

        Raises:
            InputError: E1404, a file is missing or damaged.
        """
        table = self.folder / TOKEN_BYTES
        if not table.is_file():
            raise damaged(table, "it is missing")
        for split in (self.train, self.validation):
            split.stream.check(content=content)

    def _split(self, name: SplitName) -> Split:
        kind = token_type(self.vocab_size)
        return Split(TokenStream(self.folder, name, self.manifest.splits[name], kind))


def is_corpus(folder: Path) -> bool:
    """Whether a folder is a prepared corpus, finished or not."""
    return next((folder / "train").glob("*.bin"), None) is not None


def open_corpus(folder: str | Path) -> TokenCorpus:
    """Open a prepared corpus and check the size of every file.

    Raises:
        InputError: E1404, it is not one, was not finished, or is damaged.
    """
    path = Path(folder) / MANIFEST
    if not path.exists():
        if not is_corpus(Path(folder)):
            raise InputError(
                "E1404",
                f"{folder} is not a prepared corpus",
                help="name the folder that `aira-dsl data prepare` prints",
            )
        raise damaged(path, "it is missing: the preparation was not finished")
    try:
        content = read_checksummed_json(str(path), read_bytes(path), KIND)
        manifest = Manifest.model_validate(content)
        if set(manifest.splits) != set(SPLITS):
            raise damaged(path, "it does not have the two splits")
    except (AiraError, ValidationError) as error:
        reason = error.message if isinstance(error, AiraError) else "its fields are wrong"
        raise damaged(path, reason) from error
    corpus = TokenCorpus(Path(folder).resolve(), manifest)
    corpus.check(content=False)
    return corpus


@cache
def _token_bytes(folder: Path) -> NDArray[np.int64]:
    path = folder / TOKEN_BYTES
    try:
        table_V: NDArray[np.int64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from error
    return table_V
