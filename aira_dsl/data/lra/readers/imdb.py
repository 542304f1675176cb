"""IMDB reviews (Maas et al. 2011) with their sentiment: 25,000 to train on, 25,000 to test.

Layouts: `aclImdb/{train,test}/{pos,neg}/*.txt` of the authors, or
`plain_text/{train,test}-*.parquet` of Hugging Face with columns `text` and `label` (needs pyarrow).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from aira_dsl.data.lra.readers.places import damaged, find, read_file, required
from aira_dsl.errors import UsageError
from aira_dsl.utils.extras import install_command

Half = Literal["train", "test"]
Review = tuple[bytes, int]

NAME = "imdb"
_LAYOUTS = ("aclImdb", "plain_text")
_LABELS = {"neg": 0, "pos": 1}


def imdb_files(data: str, half: Half) -> list[Path]:
    """Return the files of a half, in a fixed order.

    Raises:
        UsageError: E0652 if a folder or every file is missing.
    """
    folder = find(NAME, data, _LAYOUTS)
    if folder.name == "plain_text":
        files = sorted(folder.glob(f"{half}-*.parquet"))
        return files or [required(folder / f"{half}-00000-of-00001.parquet", NAME)]
    texts: list[Path] = []
    for sentiment in _LABELS:
        part = required(folder / half / sentiment, NAME)
        found = sorted(part.glob("*.txt"))
        texts.extend(found or [required(part / "0_1.txt", NAME)])
    return texts


def read_imdb(data: str, half: Half) -> Iterator[Review]:
    """Yield the reviews of a half with 1 for a positive one.

    Raises:
        InputError: E0653 if a file cannot be used.
        UsageError: E0652 if files are missing, E0618 if pyarrow is needed and not installed.
    """
    for file in imdb_files(data, half):
        if file.suffix == ".parquet":
            yield from _parquet(file)
        elif text := read_file(file):
            yield text, _LABELS[file.parent.name]
        else:
            raise damaged(file, "it is empty")


def _parquet(file: Path) -> Iterator[Review]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "E0618",
            f"{file} cannot be read: it needs the package pyarrow, which is not installed",
            help=install_command("parquet"),
        ) from error
    try:
        rows = parquet.read_table(file, columns=["text", "label"]).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise damaged(file, str(error).splitlines()[0]) from error
    for row in rows:
        if not (isinstance(row["text"], str) and row["text"] and row["label"] in (0, 1)):
            raise damaged(file, "a row is not a text with the label 0 or 1")
        yield row["text"].encode(errors="replace"), row["label"]
