"""CIFAR-10 (Krizhevsky 2009) as grey images.

Layout: the binary version, `cifar-10-batches-bin/{data_batch_1 … 5,test_batch}.bin`; a record is
the label and three planes of 1,024 bytes. The Python version is pickled, which can run code, and is
refused.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.lra.readers.places import damaged, data_folder, find, read_file, required

NAME = "cifar-10"
SIDE = 32
_FOLDER, _PICKLED = "cifar-10-batches-bin", "cifar-10-batches-py"
_RECORD = 1 + 3 * SIDE * SIDE
_RECORDS = 10_000
_LUMA = np.array([0.2989, 0.5870, 0.1140])  # of tf.image.rgb_to_grayscale


def cifar_files(data: str, half: str) -> list[Path]:
    """Return the files of `train` or `test`.

    Raises:
        InputError: E0653 if only the pickled version is there.
        UsageError: E0652 if files are missing.
    """
    root = data_folder(data)
    if (root / _PICKLED).exists() and not (root / _FOLDER).exists():
        raise damaged(
            root / _PICKLED,
            f"the Python version is pickled, and unpickling can run code; get the binary version, "
            f"{_FOLDER}",
        )
    folder = find(NAME, data, (_FOLDER,))
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] if half == "train" else ["test_batch.bin"]
    return [required(folder / name, NAME) for name in names]


def read_cifar(data: str, half: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return grey pixels (N, 1024), row by row, and labels (N,) of `train` or `test`.

    Raises:
        InputError: E0653 if a file is cut short or holds something else.
        UsageError: E0652 if files are missing.
    """
    parts = [_read(file) for file in cifar_files(data, half)]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    data = read_file(path)
    if len(data) != _RECORD * _RECORDS:
        raise damaged(path, f"it has {len(data):,} bytes instead of {_RECORD * _RECORDS:,}")
    records = np.frombuffer(data, dtype=np.uint8).reshape(_RECORDS, _RECORD)
    labels_N = records[:, 0].copy()
    if labels_N.max() > 9:
        raise damaged(path, f"record {int(labels_N.argmax()):,} has the label {labels_N.max()}")
    planes = records[:, 1:].reshape(_RECORDS, 3, SIDE * SIDE)
    grey = np.einsum("npl,p->nl", planes, _LUMA)
    return (grey * (255.5 / 255)).astype(np.uint8), labels_N
