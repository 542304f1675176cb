"""Failures of files in one line."""

import os
import shutil
from pathlib import Path

import pytest

from aira_dsl.errors import RunError
from aira_dsl.utils.files import reporting


def test_a_folder_that_cannot_be_copied_gives_one_reason(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    for name in ("one", "two"):
        os.mkfifo(tmp_path / "from" / name)
    with pytest.raises(RunError) as caught, reporting("the copy cannot be written"):
        shutil.copytree(tmp_path / "from", tmp_path / "to")
    assert caught.value.code == "E0904"
    assert caught.value.message.startswith("the copy cannot be written: `")
    assert caught.value.message.count("is a named pipe") == 1
