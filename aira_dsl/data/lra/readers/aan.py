"""Pairs of papers of the ACL Anthology Network (Radev et al. 2009): does one cite the other?

Layout of the Long Range Arena: `new_aan_pairs.{train,eval,test}.tsv`, each line a label, two ids
and two texts, separated by tabs.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from aira_dsl.data.lra.readers.places import damaged, find, required
from aira_dsl.data.lra.split import SplitName

NAME = "aan"
_PARTS: dict[SplitName, str] = {"train": "train", "validation": "eval", "test": "test"}
_LABEL = re.compile(rb"[01](\.0)?")
_MAX_LINE = 64 << 20

Pair = tuple[tuple[bytes, bytes], int]


def aan_file(data: str, split: SplitName) -> Path:
    """Return the file of a split.

    Raises:
        UsageError: E0652 if it is missing.
    """
    first = find(NAME, data, ("tsv_data/new_aan_pairs.train.tsv", "new_aan_pairs.train.tsv"))
    return required(first.parent / f"new_aan_pairs.{_PARTS[split]}.tsv", NAME)


def read_aan(data: str, split: SplitName) -> Iterator[Pair]:
    """Yield the pairs of a split with 1 for a citation.

    Raises:
        InputError: E0653 if a line has another form.
        UsageError: E0652 if the file is missing.
    """
    path = aan_file(data, split)
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_MAX_LINE):
                number += 1
                yield _pair(path, number, line)
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error


def _pair(path: Path, number: int, line: bytes) -> Pair:
    fields = line.rstrip(b"\r\n").split(b"\t")
    if len(fields) != 5:
        raise damaged(path, f"line {number:,} has {len(fields)} fields instead of 5")
    label, first, second = fields[0].strip(b'"'), fields[3], fields[4]
    if not _LABEL.fullmatch(label):
        shown = label[:20].decode(errors="replace")
        raise damaged(path, f"line {number:,} has the label {shown!r} instead of 0 or 1")
    if not (first and second):
        raise damaged(path, f"line {number:,} has an empty text")
    return (first, second), int(label[:1])
