"""A candidate: a few text files, and the digest that identifies them."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from aira_dsl.design.metadata import Framework
from aira_dsl.errors import InputError

MAX_FILES = 20
MAX_BYTES = 512 * 1024
_IGNORED = {"__pycache__", ".git", ".DS_Store"}
_IMPORT = re.compile(r"^\s*(?:import|from)\s+(torch|jax|flax|optax)\b", re.MULTILINE)


@dataclass(frozen=True)
class Candidate:
    """A folder of files as a value.

    Attributes:
        files: text by relative path, with `/` between its parts.
    """

    files: Mapping[str, str]

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            InputError: E1207, too many files, too much text, or a path that leaves the folder.
        """
        for path in self.files:
            _check_path(path)
        if not 1 <= len(self.files) <= MAX_FILES:
            raise _refused(f"{len(self.files)} files", f"it must have 1 to {MAX_FILES}")
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in self.files.values())
        if size > MAX_BYTES:
            raise _refused(f"{size:,} bytes", f"the limit is {MAX_BYTES:,} in all files together")

    @cached_property
    def identity(self) -> str:
        """The sha256 over paths and texts, in hexadecimal digits."""
        text = json.dumps(sorted(self.files.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def framework(self) -> Framework:
        """The framework that the files import; `numpy` if they import none."""
        names = {name for text in self.files.values() for name in _IMPORT.findall(text)}
        if names & {"jax", "flax", "optax"}:
            return "jax"
        return "torch" if names else "numpy"

    @classmethod
    def read(cls, folder: Path) -> "Candidate":
        """Read a folder.

        Raises:
            InputError: E1207, it is not a folder, or holds something else than a few text files.
        """
        if not folder.is_dir():
            raise _refused(f"{folder} is not a folder", "give the folder that holds its files")
        names = _names(folder)
        if not names:
            raise _refused(f"{folder} has no files", f"it must have 1 to {MAX_FILES}")
        return cls({name: _text(folder / name, name) for name in names})

    def write(self, folder: Path) -> None:
        """Write the files into an empty folder."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")


def _check_path(path: str) -> None:
    pure = PurePosixPath(path)
    outside = pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == "."
    if outside or "\\" in path or not path.isprintable() or len(path) > 200:
        raise _refused(f"the path {path[:200]!r}", "paths are relative, such as `model.py`")


def _names(folder: Path) -> list[str]:
    """List all files below a folder, at most a few more than a candidate may have."""
    names: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _IGNORED)
        for name in (*files, *(each for each in folders if os.path.islink(f"{place}/{each}"))):
            if name not in _IGNORED:
                names.append(os.path.relpath(os.path.join(place, name), folder))
        if len(names) > MAX_FILES:
            raise _refused(f"{folder} has more than {MAX_FILES} files", "remove what is not code")
    return sorted(names)


def _text(path: Path, name: str) -> str:
    if path.is_symlink() or not path.is_file():
        raise _refused(f"{name} is not an ordinary file", "links are not followed")
    if path.stat().st_size > MAX_BYTES:
        raise _refused(f"{name} is too large", f"the limit is {MAX_BYTES:,} bytes")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise _refused(f"{name} is not UTF-8 text", str(error)) from None


def _refused(what: str, rule: str) -> InputError:
    return InputError("E1207", f"not a candidate: {what}: {rule}")
