"""Reading documents from text files, with bounded memory and an error for every defect.

Every file gets a share of the byte budget by its size. What fits is read whole; of a larger file
pieces of about 1 MiB are read, evenly spread (for .parquet: row groups, evenly spread), so the same
files always give the same text. A .txt file (or a piece of it) is one document, so is every line
of a .jsonl and every row of a .parquet file.
"""

import codecs
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from aira_dsl.errors import InputError, UsageError
from aira_dsl.utils.extras import install_command

SUFFIXES = (".jsonl", ".parquet", ".txt")

_PIECE = 1 << 20
_MAX_LINE = 16 << 20
BOM = codecs.BOM_UTF8
"""Mark at the start of some UTF-8 files; it is not part of the text."""


def find_files(paths: list[Path], include: Sequence[str] = ()) -> list[Path]:
    """Return the text files that paths name, folders expanded, each file once, in a fixed order.

    Files of other kinds inside a folder are ignored; named directly they are refused.

    Args:
        paths: files and folders.
        include: patterns such as `*.c`; files that match one are taken instead of `SUFFIXES`.

    Raises:
        InputError: E0613, E0614 or E0615.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _files_of(path, include):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def read_documents(files: list[Path], max_bytes: int) -> Iterator[bytes]:
    """Yield documents (UTF-8 bytes) of the files, about `max_bytes` in all at most.

    Raises:
        InputError: E0615, E0616, E0617 or E0619.
        UsageError: E0618 if a .parquet file is met and pyarrow is missing.
    """
    sizes = [file_size(file) for file in files]
    total = max(1, sum(sizes))
    readers = {
        ".txt": _read_txt,
        ".py": _read_txt,
        ".jsonl": _read_jsonl,
        ".parquet": _read_parquet,
    }
    for file, size in zip(files, sizes, strict=True):
        budget = max(1, max_bytes * size // total)
        try:
            yield from readers[file.suffix.lower()](file, size, budget)
        except OSError as error:
            raise unreadable(file, error) from error


def _files_of(path: Path, include: Sequence[str]) -> list[Path]:
    try:
        path.stat()
        inside = path.rglob("*") if path.is_dir() else [path]
        wanted = sorted(file for file in inside if _wanted(file, include))
        files = [file for file in wanted if file.is_file()] if path.is_dir() else wanted
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            "E0613", f"there is no file or folder {path}", help="check the path of the corpus"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise unreadable(path, error) from error
    if not files:
        raise _none_found(path, include)
    return files


def _wanted(file: Path, include: Sequence[str]) -> bool:
    if include:
        return any(file.match(pattern) for pattern in include)
    return file.suffix.lower() in SUFFIXES


def _none_found(path: Path, include: Sequence[str]) -> InputError:
    if include:
        what = "holds no file that matches" if path.is_dir() else "does not match"
        return InputError(
            "E0614", f"{path} {what} {' or '.join(include)}", help="give other patterns"
        )
    kinds = ", ".join(SUFFIXES)
    if path.is_dir():
        what = "holds no file of"
    elif path.suffix:
        what = f"ends in {path.suffix!r}, which is none of"
    else:
        what = "has no ending; it is none of"
    return InputError(
        "E0614",
        f"{path} {what} the kinds that can be read ({kinds})",
        help="rename plain text to .txt, or name it by a pattern, such as --include '*.md'",
    )


def file_size(file: Path) -> int:
    """Return the bytes of a regular file.

    Raises:
        InputError: E0615, it is not one, or cannot be read.
    """
    try:
        if file.is_file():
            return file.stat().st_size
    except OSError as error:
        raise unreadable(file, error) from error
    raise InputError("E0615", f"{file} cannot be read: it is not a regular file")


def unreadable(file: Path, error: Exception) -> InputError:
    """Return the error for a file that the system does not let us read."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(
        "E0615",
        f"{file} cannot be read: {reason}",
        help="check that the file is complete and that you may read it",
    )


def _pieces(size: int, budget: int) -> list[tuple[int, int, int]]:
    """Return (start, end, bytes to take) of evenly spread pieces; one whole piece if it fits."""
    if size <= budget:
        return [(0, size, size)]
    count = max(1, budget // _PIECE)
    starts = [number * size // count for number in range(count + 1)]
    return [(a, b, budget // count) for a, b in pairwise(starts)]


def _read_txt(file: Path, size: int, budget: int) -> Iterator[bytes]:
    with file.open("rb") as handle:
        for start, _, take in _pieces(size, budget):
            handle.seek(start)
            data = handle.read(take)
            whole = take == size
            yield checked_text(_inside(data, start, whole), str(file), whole).removeprefix(BOM)


def _inside(data: bytes, start: int, whole: bool) -> bytes:
    """Drop the rest of a character that began before this piece."""
    if whole or start == 0:
        return data
    rest = next((i for i, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
    return data[rest:]


def checked_text(data: bytes, where: str, whole: bool = True) -> bytes:
    """Return UTF-8 text; a piece may end inside a character, which is dropped.

    Raises:
        InputError: E0616, it is not UTF-8 or holds a NUL byte.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError as error:
        raise _not_text(where, f"byte {data[error.start]:#04x} is not UTF-8") from error
    if "\0" in text:
        raise _not_text(where, "it holds a NUL byte")
    return data if whole else text.encode()


def _not_text(where: str, reason: str) -> InputError:
    return InputError("E0616", f"{where} is not text: {reason}", help="convert it to UTF-8 text")


def _read_jsonl(file: Path, size: int, budget: int) -> Iterator[bytes]:
    with file.open("rb") as handle:
        for start, end, take in _pieces(size, budget):
            yield from _read_lines(handle, file, start, end, take)


def _read_lines(handle: BinaryIO, file: Path, start: int, end: int, take: int) -> Iterator[bytes]:
    """Yield the texts of the lines that begin in a piece, until enough bytes are taken."""
    handle.seek(max(0, start - 1))
    if start:  # continue to the first line that begins here
        while (part := handle.readline(_MAX_LINE)) and not part.endswith(b"\n"):
            pass
    number = 0
    while take > 0 and handle.tell() < end:
        number += 1
        where = f"{file}, line at byte {handle.tell():,}" if start else f"{file}:{number}"
        line = handle.readline(_MAX_LINE + 1)
        if len(line) > _MAX_LINE:
            raise _bad_line(where, f"it is longer than {_MAX_LINE:,} bytes")
        if line.strip():
            text = _text_of_line(line.removeprefix(BOM), where)
            take -= len(text)
            yield text


def _text_of_line(line: bytes, where: str) -> bytes:
    try:
        value = json.loads(checked_text(line, where).decode())
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be parsed"
        raise _bad_line(where, f"it is not JSON ({reason})") from error
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise _bad_line(where, 'it is not an object with a string "text"')
    return _encoded(value["text"], where)


def _bad_line(where: str, reason: str) -> InputError:
    return InputError(
        "E0617",
        f"{where} cannot be used: {reason}",
        help='each line must be a JSON object such as {"text": "Once upon a time"}',
    )


def _encoded(text: str, where: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise _not_text(where, "it holds half of a surrogate pair") from error
    return checked_text(data, where)


def _read_parquet(file: Path, size: int, budget: int) -> Iterator[bytes]:
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
        with parquet.ParquetFile(file) as table:
            if "text" not in table.schema_arrow.names:
                raise _bad_parquet(file, 'it has no column "text"')
            groups = table.num_row_groups
            chosen = max(1, min(groups, budget // _PIECE))
            for number in range(chosen if groups else 0):
                group = number * groups // chosen
                yield from _read_group(table, file, group, budget // chosen)
    except pa.ArrowException as error:
        raise _bad_parquet(file, str(error).splitlines()[0]) from error


def _read_group(table, file: Path, group: int, take: int) -> Iterator[bytes]:  # type: ignore[no-untyped-def]
    """Yield the texts of a row group from its start, until enough bytes are taken."""
    for batch in table.iter_batches(batch_size=64, row_groups=[group], columns=["text"]):
        for text in batch.column(0).to_pylist():
            if take <= 0:
                return
            if not isinstance(text, str):
                kind = type(text).__name__
                raise _bad_parquet(file, f'its column "text" holds a {kind}, not a string')
            data = _encoded(text, str(file))
            take -= len(data)
            yield data


def _bad_parquet(file: Path, reason: str) -> InputError:
    return InputError(
        "E0619",
        f"{file} cannot be used: {reason}",
        help='give a .parquet file with a column "text"',
    )
