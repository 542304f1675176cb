"""ListOps and Pathfinder as the Long Range Arena released them (`lra_release`).

Layouts: `listops-1000/basic_{train,val,test}.tsv` with the columns Source and Target;
`pathfinder32/curv_contour_length_14/{imgs,metadata}` (or `pathfinder128`): text files of metadata
whose lines have the folder, the file and, fourth, the label of an image.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.lra.listops_trees import TEXTS
from aira_dsl.data.lra.readers.places import damaged, find, read_file, required
from aira_dsl.data.lra.split import SplitName

LISTOPS, PATHFINDER = "listops of the LRA release", "pathfinder of the LRA release"
_PARTS: dict[SplitName, str] = {"train": "train", "validation": "val", "test": "test"}
_TOKENS = {text: token for token, text in enumerate(TEXTS) if text}
_LAYOUTS = ("listops-1000", "listops", ".")


def listops_file(data: str, split: SplitName) -> Path:
    """Return the file of a split.

    Raises:
        UsageError: E0652 if it is missing.
    """
    folder = find(LISTOPS, data, [f"{each}/basic_train.tsv" for each in _LAYOUTS]).parent
    return required(folder / f"basic_{_PARTS[split]}.tsv", LISTOPS)


def read_listops(data: str, split: SplitName) -> Iterator[tuple[bytes, int]]:
    """Yield tokens and value of every expression of a split; parentheses are dropped.

    Raises:
        InputError: E0653 if a line has another form.
        UsageError: E0652 if the file is missing.
    """
    path = listops_file(data, split)
    lines = read_file(path).decode(errors="replace").splitlines()
    if not lines or lines[0].split("\t") != ["Source", "Target"]:
        raise damaged(path, "its first line is not the columns Source and Target")
    for number, line in enumerate(lines[1:], start=2):
        source, _, target = line.partition("\t")
        try:
            words = source.translate({ord("("): " ", ord(")"): " "}).split()
            tokens = bytes(_TOKENS[word] for word in words)
        except KeyError as error:
            raise damaged(path, f"line {number:,} has the unknown symbol {error}") from None
        if not tokens or target not in set("0123456789"):
            raise damaged(path, f"line {number:,} is not an expression and a value, cut short?")
        yield tokens, int(target)


def pathfinder_metadata(data: str, side: int) -> list[Path]:
    """Return the metadata files of the hard images, in the order of their numbers.

    Raises:
        UsageError: E0652 if there are none.
    """
    folder = find(PATHFINDER, data, (f"pathfinder{side}/curv_contour_length_14",))
    metadata = required(folder / "metadata", PATHFINDER)
    files = sorted(metadata.glob("*.npy"), key=lambda file: (len(file.stem), file.stem))
    return files or [required(metadata / "0.npy", PATHFINDER)]


def read_pathfinder(data: str, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return pixels (N, side^2) and labels (N,) of all hard images, in the order of the metadata.

    Empty image files, which the release has, are left out.

    Raises:
        InputError: E0653 if a file cannot be used.
        UsageError: E0652 if files are missing.
    """
    rows: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for file in pathfinder_metadata(data, side):
        root = file.parent.parent
        for image, label in _metadata(file):
            data_of_image = read_file(required(root / image, PATHFINDER))
            if data_of_image:
                rows.append(_pixels(root / image, side))
                labels.append(label)
    return np.stack(rows), np.array(labels, dtype=np.uint8)


def _metadata(path: Path) -> Iterator[tuple[str, int]]:
    """Yield image and label of each line."""
    for number, line in enumerate(read_file(path).decode(errors="replace").splitlines(), start=1):
        fields = line.split(" ")
        if len(fields) < 4 or fields[3] not in ("0", "1") or ".." in fields[0] + fields[1]:
            raise damaged(path, f"line {number:,} is not the metadata of an image")
        yield f"{fields[0]}/{fields[1]}", int(fields[3])


def _pixels(path: Path, side: int) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.size != (side, side):
                raise damaged(path, f"it is {image.width} x {image.height} pixels")
            return np.asarray(image.convert("L"), dtype=np.uint8).reshape(-1)
    except (OSError, SyntaxError, ValueError, zlib.error) as error:
        raise damaged(path, f"it is not a PNG image: {error}") from error
