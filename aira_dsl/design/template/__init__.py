"""The task that `aira-dsl design new` writes: complete and small, as a beginning."""

import shutil
import tempfile
from pathlib import Path

from aira_dsl.errors import InputError
from aira_dsl.utils.files import TEMPORARY, reporting

_FILES = Path(__file__).parent / "files"


def write_template(folder: Path, *, force: bool = False) -> None:
    """Write a task into a folder.

    Args:
        folder: made if missing.
        force: replace what is there.

    Raises:
        InputError: E1213, the folder exists and is not empty.
        RunError: E0904, it cannot be written.
    """
    if folder.exists() and not force and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "E1213",
            f"{folder} exists and is not empty",
            help="choose another folder, or replace it with --force",
        )
    with reporting(f"{folder} cannot be written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
        try:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(_FILES, made, dirs_exist_ok=True, ignore=ignore)
            made.chmod(0o755)
            if folder.is_dir():
                shutil.rmtree(folder)
            elif folder.exists():
                folder.unlink()
            made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
