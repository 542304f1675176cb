"""Making a corpus from its sources, shard by shard, continuing where an earlier attempt ended."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.data.tokens.corpus import (
    KIND,
    MANIFEST,
    TOKEN_BYTES,
    TOKENIZER,
    Manifest,
    TokenizerRecord,
)
from aira_dsl.data.tokens.documents import FileSource, Source
from aira_dsl.data.tokens.options import CorpusOptions
from aira_dsl.data.tokens.shards import (
    SPLITS,
    Shard,
    ShardWriter,
    SplitName,
    TokenStream,
    token_type,
)
from aira_dsl.data.tokens.tokenizer import Tokenizer
from aira_dsl.errors import AiraError, InputError
from aira_dsl.utils.checksummed import read_bytes, read_checksummed_json, write_checksummed_json
from aira_dsl.utils.files import reporting, write_atomically
from aira_dsl.utils.formatting import plural

SHARD_BYTES = 64 << 20
"""Bytes of tokens after which a shard is written: what an interrupt can cost, and the memory."""

_BATCH_BYTES = 4 << 20  # text that is tokenized at a time, by all cores
_PROGRESS, _PROGRESS_KIND = "progress.json", "token corpus in preparation"


class _State(BaseModel):
    """How far the preparation is.

    Attributes:
        source: number of the source to continue with.
        documents: documents of that source that are in shards, or blank.
        skipped: sources that are not text.
        blank: documents without text.
        splits: finished shards; the two splits have equally many.
    """

    model_config = ConfigDict(extra="forbid")

    source: int = 0
    documents: int = 0
    skipped: int = 0
    blank: int = 0
    splits: dict[SplitName, list[Shard]] = {split: [] for split in SPLITS}


@dataclass(frozen=True)
class Plan:
    """What a corpus is made from.

    Attributes:
        name: where the text comes from.
        sources: the text.
        tokenizer: what makes tokens.
        options: the other settings.
    """

    name: str
    sources: Sequence[Source]
    tokenizer: Tokenizer
    options: CorpusOptions


class Builder:
    """Makes one corpus in a folder that this process has locked.

    Args:
        folder: where it is made.
        plan: what it is made from.
        progress: called with the bytes of sources done, and of all.
    """

    def __init__(
        self, folder: Path, plan: Plan, progress: Callable[[int, int], None] | None
    ) -> None:
        self._folder, self._name, self._sources = folder, plan.name, plan.sources
        self._tokenizer, self._options, self._progress = plan.tokenizer, plan.options, progress
        self._kind = token_type(plan.tokenizer.vocab_size)
        self._state = self._resumed()
        self._next_report = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._writers = {split: ShardWriter(self._kind) for split in SPLITS}

    def build(self) -> None:
        """Make the corpus; the manifest is written last.

        Raises:
            AiraError: as `prepare`.
        """
        with reporting(f"{self._folder} cannot be written"):
            for split in SPLITS:
                (self._folder / split).mkdir(exist_ok=True)
        for text in self._texts():
            self._waiting.append(text)
            self._waiting_bytes += len(text)
            if self._waiting_bytes >= _BATCH_BYTES:
                self._encode()
        self._encode()
        self._write_shards()
        self._require_documents()
        self._require_unchanged()
        self._finish()

    def _texts(self) -> Iterator[bytes]:
        """Yield the documents that are left, and keep count of the place."""
        state, total = self._state, sum(source.size for source in self._sources)
        done = sum(source.size for source in self._sources[: state.source])
        for source in self._sources[state.source :]:
            read = 0
            for text in self._documents(source):
                state.documents += 1
                read += len(text)
                if text.strip():
                    yield text
                else:
                    state.blank += 1
                self._report(done + min(read, source.size), total)
            state.source, state.documents = state.source + 1, 0
            done += source.size
            self._report(done, total)

    def _documents(self, source: Source) -> Iterator[bytes]:
        """Yield what is left of a source; one that is not text is left out if that is wanted."""
        try:
            texts = source.documents(self._options.split_at)
            yield from islice(texts, self._state.documents, None)
        except InputError as error:
            skip = self._options.not_text == "skip" and source.kind == "text"
            if not skip or error.code != "E0616":
                raise
            self._state.skipped += 1

    def _report(self, done: int, total: int) -> None:
        """Call back for every thousandth of the text: a corpus may have a billion documents."""
        if self._progress is not None and done >= self._next_report:
            self._progress(done, total)
            self._next_report = done + total // 1000 + 1

    def _encode(self) -> None:
        """Turn the waiting documents into tokens; write shards when they are full."""
        separator = np.array([self._tokenizer.separator], self._kind)
        for text, tokens in zip(self._waiting, self._tokenizer.encode(self._waiting), strict=True):
            split: SplitName = "validation" if self._is_held_out(text) else "train"
            self._writers[split].add(
                np.concatenate([separator, tokens.astype(self._kind)]),
                text_bytes=len(text),
                token_bytes=int(self._tokenizer.token_bytes[tokens].sum()),
            )
        self._waiting, self._waiting_bytes = [], 0
        if any(writer.size >= SHARD_BYTES for writer in self._writers.values()):
            self._write_shards()

    def _is_held_out(self, text: bytes) -> bool:
        """Whether a hash of the text says so; the same text gets the same answer everywhere."""
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
        return number < self._options.validation * 2.0**64

    def _write_shards(self) -> None:
        """Write a shard of each split, then the place: a shard without a place is made again."""
        if not any(writer.size for writer in self._writers.values()):
            return
        for split, writer in self._writers.items():
            shards = self._state.splits[split]
            shards.append(writer.write(self._folder, split, len(shards)))
        self._writers = {split: ShardWriter(self._kind) for split in SPLITS}
        content = self._state.model_dump(mode="json")
        write_checksummed_json(self._folder / _PROGRESS, _PROGRESS_KIND, content)

    def _resumed(self) -> _State:
        """Return the state of an interrupted preparation, or a new one if its files are not whole.

        Shards that are lost are made again from the text, so nothing is refused.
        """
        path = self._folder / _PROGRESS
        if not path.exists():
            return _State()
        try:
            content = read_checksummed_json(str(path), read_bytes(path), _PROGRESS_KIND)
            state = _State.model_validate(content)
            for split, shards in state.splits.items():
                TokenStream(self._folder, split, tuple(shards), self._kind).check(content=True)
        except (AiraError, ValidationError):
            return _State()
        return state

    def _require_documents(self) -> None:
        counts = {
            split: sum(shard.documents for shard in shards)
            for split, shards in self._state.splits.items()
        }
        wanted = [split for split in SPLITS if split == "train" or self._options.validation > 0]
        if all(counts[split] for split in wanted):
            return
        self._discard()
        total = sum(counts.values())
        if not total:
            raise self._no_text()
        missing = "train on" if not counts["train"] else "validate with"
        raise InputError(
            "E1407",
            f"{self._name} has {total:,} document{'s' * (total != 1)}; with a share of "
            f"{self._options.validation:g} held out, none is left to {missing}",
            help="give more documents, cut long files with --split-at, or choose another "
            "validation share (0 holds out none, which is not possible for a training)",
        )

    def _no_text(self) -> InputError:
        if not (skipped := self._state.skipped):
            return InputError("E1407", f"{self._name} has no text", help="give other files")
        return InputError(
            "E1407",
            f"{self._name} has no text: {plural(skipped, 'file')} left out, not UTF-8 text",
            help="give other files, or convert these to UTF-8",
        )

    def _require_unchanged(self) -> None:
        """Refuse text that changed since it was hashed: the key would name other text."""
        for source in self._sources:
            if isinstance(source, FileSource) and source.is_changed():
                self._discard()
                raise InputError(
                    "E1408",
                    f"{source.path} changed while it was read",
                    help="prepare the corpus when its files are complete",
                )

    def _discard(self) -> None:
        """Remove what was made; the lock stays, other processes may wait for it."""
        (self._folder / _PROGRESS).unlink(missing_ok=True)
        for split in SPLITS:
            shutil.rmtree(self._folder / split, ignore_errors=True)

    def _finish(self) -> None:
        write_atomically(self._folder / TOKEN_BYTES, _npy(self._tokenizer.token_bytes))
        if self._tokenizer.content is not None:
            write_atomically(self._folder / TOKENIZER, self._tokenizer.content)
        record = TokenizerRecord(
            kind=self._tokenizer.kind,
            sha256=self._tokenizer.sha256,
            vocab_size=self._tokenizer.vocab_size,
            separator=self._tokenizer.separator,
            separator_text=self._tokenizer.separator_text,
        )
        manifest = Manifest(
            name=self._name,
            tokenizer=record,
            validation=self._options.validation,
            split_at=self._options.split_at,
            files=len(self._sources),
            skipped=self._state.skipped,
            blank=self._state.blank,
            splits={split: tuple(shards) for split, shards in self._state.splits.items()},
        )
        write_checksummed_json(self._folder / MANIFEST, KIND, manifest.model_dump(mode="json"))
        with reporting(f"{self._folder} cannot be written"):
            (self._folder / _PROGRESS).unlink(missing_ok=True)


def _npy(array: NDArray[np.int64]) -> bytes:
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
