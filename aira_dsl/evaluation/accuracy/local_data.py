"""Data sets of tasks from this machine alone.

lm-eval reads every data set with `datasets.load_dataset`. Within `local_data` that function takes
local files, folders with copies of data sets of the Hugging Face Hub, and what the cache of
`datasets` holds. Nothing is downloaded.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aira_dsl.errors import InputError, UsageError

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "TRANSFORMERS_OFFLINE")


@contextmanager
def offline() -> Iterator[None]:
    """Keep the packages of Hugging Face from the network, whether they are imported or not."""
    for name in _OFFLINE:  # read when they are imported
        os.environ.setdefault(name, "1")
    import datasets
    import huggingface_hub

    with ExitStack() as stack:
        stack.enter_context(_replaced(huggingface_hub.constants, "HF_HUB_OFFLINE", True))
        stack.enter_context(_replaced(datasets.config, "HF_HUB_OFFLINE", True))
        yield


@dataclass(frozen=True, slots=True)
class Places:
    """Where data sets are.

    Attributes:
        copies: folders with copies of data sets of the Hub, as `OWNER/NAME` or `NAME`.
        cache: folder for what `datasets` makes of files; it is needed as long as the tasks are.
    """

    copies: tuple[Path, ...]
    cache: Path


@contextmanager
def local_data(places: Places, base: Path) -> Iterator[None]:
    """Read data sets of tasks from local files.

    Args:
        places: where data sets are.
        base: folder that relative names of files begin from.

    Raises:
        UsageError: E1804, inside, if a data set is not there.
        InputError: E1805, inside, if a file of a data set is missing or cannot be read.
    """
    import datasets

    original = datasets.load_dataset

    def load(path: str, name: str | None = None, **more: Any) -> Any:
        try:
            if path in datasets.packaged_modules._PACKAGED_DATASETS_MODULES:
                more["data_files"] = _resolved(more.get("data_files"), base)
                return original(path, name, **{**more, "cache_dir": str(places.cache)})
            if (found := _copy_of(path, [base, *places.copies])) is not None:
                return original(str(found), name, **{**more, "cache_dir": str(places.cache)})
        except InputError:
            raise
        except Exception as error:  # datasets raises what its readers raise
            message = f"the data set {path} cannot be read: {_first_line(error)}"
            raise InputError(
                "E1805", message, help="check the files that the task names"
            ) from error
        return _cached(original, path, name, more)

    with _replaced(datasets, "load_dataset", load):
        yield


def _cached(original: Any, path: str, name: str | None, more: Mapping[str, Any]) -> Any:
    """Load a data set of the Hub from the cache of `datasets`."""
    try:
        return original(path, name, **more)
    except Exception as error:
        raise UsageError(
            "E1804",
            f"the data set {path} is not on this machine, and nothing is downloaded",
            help=f"copy it from the Hugging Face Hub to FOLDER/{path} and give --data FOLDER, or "
            "give --tasks a YAML file that names local files (docs/evaluate.md)",
        ) from error


def _copy_of(path: str, folders: Sequence[Path]) -> Path | None:
    places = (folder / name for folder in folders for name in (path, Path(path).name))
    return next((place for place in places if place.is_dir()), None)


def _resolved(files: Any, base: Path) -> Any:
    """Return names of data files from `base`; refuse missing ones and addresses."""
    if isinstance(files, Mapping):
        return {split: _resolved(each, base) for split, each in files.items()}
    if isinstance(files, list | tuple):
        return [_resolved(each, base) for each in files]
    if not isinstance(files, str):
        raise InputError("E1805", "the task names no data_files", help="name files beside it")
    if "://" in files:
        raise InputError("E1805", f"{files} is not a local file, and nothing is downloaded")
    if not any(char in files for char in "*?[") and not (base / files).exists():
        raise InputError("E1805", f"there is no data file {base / files}")
    return str((base / files).resolve())


@contextmanager
def _replaced(place: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
