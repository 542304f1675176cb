"""Sources of documents: text files, and the corpora that need no download.

Documents are read whole and in a fixed order, so that a source can be continued after any number
of its documents. A line of a .jsonl file and a row of a .parquet file are documents; any other file
is plain text, one document, or several if it is cut at a text such as `<|endoftext|>`.
"""

import hashlib
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aira_dsl.data.text.files import (
    BOM,
    checked_text,
    file_size,
    find_files,
    read_documents,
    unreadable,
)
from aira_dsl.data.text.named import CORPORA

_ALL = 1 << 60  # bytes: no limit
_TABLES = (".jsonl", ".parquet")


@dataclass(frozen=True)
class FileSource:
    """One text file.

    Attributes:
        path: the file.
        size: its bytes.
        changed: when it changed last, in nanoseconds.
    """

    path: Path
    size: int
    changed: int

    @property
    def kind(self) -> str:
        """How it is read: `.jsonl`, `.parquet` or `text`."""
        suffix = self.path.suffix.lower()
        return suffix if suffix in _TABLES else "text"

    @property
    def state(self) -> list[object]:
        """What changes when the file does, without reading it."""
        return [str(self.path.resolve()), self.size, self.changed]

    def is_changed(self) -> bool:
        """Whether the file is another one than when it was found."""
        try:
            status = self.path.stat()
        except OSError:
            return True
        return (status.st_size, status.st_mtime_ns) != (self.size, self.changed)

    def digest(self) -> str:
        """Return the SHA-256 of its content.

        Raises:
            InputError: E0615, it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise unreadable(self.path, error) from error

    def documents(self, split_at: str | None) -> Iterator[bytes]:
        """Yield its documents (UTF-8).

        Args:
            split_at: text between two documents of a plain text file.

        Raises:
            InputError: E0615, E0616, E0617 or E0619.
            UsageError: E0618, a .parquet file without pyarrow.
        """
        if self.kind != "text":
            return read_documents([self.path], _ALL)
        return _plain_documents(self.path, split_at)


@dataclass(frozen=True)
class NamedSource:
    """A corpus of `aira_dsl.data.text.named`."""

    name: str
    kind: str = "named"
    size: int = 0

    @property
    def state(self) -> None:
        """Nothing: only its text says whether it is the same."""
        return None

    def digest(self) -> str:
        """Return the SHA-256 of its documents."""
        digest = hashlib.sha256()
        for text in self.documents():
            digest.update(len(text).to_bytes(8, "big") + text)
        return digest.hexdigest()

    def documents(self, split_at: str | None = None) -> Iterator[bytes]:
        """Yield its documents (UTF-8)."""
        return CORPORA[self.name](_ALL)


Source = FileSource | NamedSource


def find_sources(paths: Sequence[str | Path], include: Sequence[str] = ()) -> list[Source]:
    """Return the sources that paths name, folders expanded.

    Args:
        paths: files and folders; or one name of `CORPORA`.
        include: patterns of file names that are read as text, such as `*.c`.

    Raises:
        InputError: E0613, E0614 or E0615.
    """
    names = [str(path) for path in paths]
    if len(names) == 1 and is_named(names[0]):
        return [NamedSource(names[0])]
    return [
        FileSource(file, file_size(file), file.stat().st_mtime_ns)
        for file in find_files([Path(name) for name in names], include)
    ]


def is_named(path: str | Path) -> bool:
    """Whether a path is the name of a corpus, and of no file or folder."""
    return str(path) in CORPORA and not Path(path).exists()


def _plain_documents(path: Path, split_at: str | None) -> Iterator[bytes]:
    try:
        texts = [path.read_bytes()] if split_at is None else _pieces(path, split_at.encode())
        for text in texts:
            yield checked_text(text, str(path)).removeprefix(BOM)
    except OSError as error:
        raise unreadable(path, error) from error


def _pieces(path: Path, mark: bytes) -> Iterator[bytes]:
    """Yield the texts between marks, without the line ends around them."""
    if path.stat().st_size == 0:  # cannot be mapped
        return
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        start = 0
        while (end := data.find(mark, start)) >= 0:
            yield data[start:end].strip(b"\r\n")
            start = end + len(mark)
        yield data[start:].strip(b"\r\n")
