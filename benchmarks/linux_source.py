"""The text of the shipped isoFLOP grid: C, assembly and documentation of the Linux source.

    apt install linux-source-6.1    # Debian 12: 130 MB
    python -m benchmarks.linux_source /usr/src/linux-source-6.1.tar.xz OUT --bytes 2.4e8

Every file is a document, headers included, in the order of the archive, until `--bytes` are
reached; files that are not UTF-8 text and empty ones are left out. Written are .jsonl files of
about 100 MB, which `isoflop plan` and `train` read. OUT of the grid is examples/isoflop/linux.
"""

import argparse
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".c", ".h", ".S", ".rst", ".txt", ".dts", ".dtsi")
PIECE = 100_000_000


def main() -> None:
    """Write the documents of an archive as .jsonl files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bytes", type=float, default=2e9, help="most bytes of text")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    total = write(documents(options.archive), options.out, int(options.bytes))
    print(f"{options.out}: {total:,} bytes of text")


def documents(archive: Path) -> Iterator[str]:
    """Yield the text files of a tar archive, in its order."""
    with tarfile.open(archive, "r|*") as opened:
        for member in opened:
            if not member.isfile() or not member.name.endswith(SUFFIXES):
                continue
            file = opened.extractfile(member)
            assert file is not None  # a regular file
            try:
                text = file.read().decode()
            except UnicodeDecodeError:
                continue
            if text.strip():
                yield text


def write(texts: Iterator[str], folder: Path, limit: int) -> int:
    """Write documents in pieces until a limit; return the bytes of text."""
    total, piece, lines = 0, 0, []
    for text in texts:
        size = len(text.encode())
        if total + size > limit:
            break
        lines.append(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        total += size
        if total >= PIECE * (piece + 1):
            (folder / f"text-{piece:03}.jsonl").write_text("".join(lines), encoding="utf-8")
            piece, lines = piece + 1, []
    if lines:
        (folder / f"text-{piece:03}.jsonl").write_text("".join(lines), encoding="utf-8")
    return total


if __name__ == "__main__":
    main()
