"""A disk without room ends a design run with a code; the same command continues when there is room.

The kernel stops writes by a limit on the size of files, or on a small disk of its own.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task, load_task
from aira_dsl.design.template import write_template
from aira_dsl.errors import RunError
from aira_dsl.sandbox import kinds
from tests.helpers import command_line
from tests.helpers.disk import files_of_at_most
from tests.study.conftest import Cli, cli, trials

__all__ = ["cli"]

SAVES = """
import numpy as np


def prepare(size, data):
    for folder in (data.train, data.validation, data.test):
        np.save(folder / "tokens.npy", np.zeros(100_000))
"""


@pytest.fixture
def task(tmp_path: Path) -> Task:
    write_template(tmp_path / "task")
    return load_task(tmp_path / "task")


@pytest.mark.parametrize("text", [None, SAVES], ids=["write", "numpy.save"])
def test_data_that_cannot_be_written_leave_nothing(
    text: str | None, task: Task, tmp_path: Path
) -> None:
    if text is not None:
        (task.folder / "prepare.py").write_text(text, encoding="utf-8")
    root = tmp_path / "data"
    with files_of_at_most(4096), pytest.raises(RunError) as caught:
        prepare_data(task, "tiny", root=root)
    assert caught.value.code == "E0904"
    assert str(root) in caught.value.message
    assert list(root.iterdir()) == []
    assert prepare_data(task, "tiny", root=root).path.parent == root


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that the user of a sandbox can reach."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", place)
        yield Path(place)


def test_weights_that_cannot_be_written_are_not_a_verdict(
    task: Task, tmp_path: Path, temporary: Path
) -> None:
    text = task.start.files["train.py"]
    large = 'model.weights["more"] = np.zeros(900)\nrun = '
    candidate = Candidate({"train.py": text.replace("run = ", large)})
    task = replace(task, metadata=task.metadata.model_copy(update={"parameter_cap": None}))
    data = prepare_data(task, "tiny", root=tmp_path / "data")
    request = JudgeRequest(task, "tiny", candidate, data, kinds.choose("auto"))
    with files_of_at_most(7000), pytest.raises(RunError) as caught:
        judge(request)
    assert caught.value.code == "E0904", caught.value
    assert caught.value.message.startswith("files of the judge in ")
    assert list(temporary.iterdir()) == []
    assert judge(request).status == "ok"


@pytest.fixture
def disk(cli: Cli) -> Iterator[Path]:
    """An empty disk of 3 MB."""
    place = cli.folder / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", place]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("this machine does not let us mount a disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextmanager
def full(disk: Path, *, left: int = 0) -> Iterator[None]:
    """Fill a disk but for some bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))
    os.truncate(filler, filler.stat().st_size - left)
    yield
    filler.unlink()


def write_task(cli: Cli) -> None:
    """Write a task whose candidates all have a score: without recorded answers constants change."""
    write_template(cli.folder / "task")
    shutil.rmtree(cli.folder / "task" / "library")


def run(cli: Cli, *more: object, budget: int = 1) -> command_line.Done:
    arguments = ("design", "run", "task", "--proposer", "scripted", "--data-seed", 3)
    return cli.run_here(*arguments, "--baseline", 1, "--repeats", 0, "--budget", budget, *more)


def stopped(done: command_line.Done, *codes: str) -> bool:
    return done.code == 3 and any(f"error[{code}]" in done.err for code in codes)


@pytest.mark.slow
def test_a_run_whose_data_folder_is_full_begins_when_there_is_room(cli: Cli, disk: Path) -> None:
    write_task(cli)
    with full(disk):
        done = run(cli, "--data", "disk", "--out", "run")
        assert stopped(done, "E0904"), done.err
        assert "the data of task cannot be written to disk: No space left" in done.err
        assert [path.name for path in disk.iterdir()] == ["filler"]
        assert not (cli.folder / "run").exists()
    assert run(cli, "--data", "disk", "--out", "run").code == 0


@pytest.mark.slow
def test_a_run_whose_folder_is_full_keeps_its_trials_and_continues(cli: Cli, disk: Path) -> None:
    write_task(cli)
    places = ("--data", "data", "--out", "disk/run")
    with full(disk):  # a first session
        done = run(cli, *places)
        assert stopped(done, "E0904", "E0901"), done.err
    assert run(cli, *places, budget=2).code == 0
    before = files(disk / "run")
    with full(disk):
        done = run(cli, *places, budget=4)
        assert stopped(done, "E0904", "E0903", "E0901"), done.err
        assert files(disk / "run") == before
    done = run(cli, *places, budget=4)
    assert done.code == 0, done.err
    rows = trials(disk / "run")
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    kept = files(disk / "run")
    assert all(kept[name] == text for name, text in before.items() if "candidates" in name)
    assert not [path for path in (disk / "run").rglob(".aira-dsl-*") if path.is_dir()]


@pytest.mark.slow
def test_a_judge_without_room_for_its_files_ends_the_run(cli: Cli, disk: Path) -> None:
    write_task(cli)
    cli.environment["TMPDIR"] = str(disk)
    places = ("--data", "data", "--out", "run")
    with full(disk, left=4096):  # Python takes another folder if it cannot write 4 bytes
        done = run(cli, *places)
        assert stopped(done, "E0904"), done.err
        assert f"files of the judge in {disk} cannot be written: No space left" in done.err
        assert [path.name for path in disk.iterdir()] == ["filler"]
    assert run(cli, *places).code == 0


def files(folder: Path) -> dict[str, Any]:
    """Return the result files: trials, and the texts of all candidates."""
    found = [folder / "trials.json", *folder.glob("candidates/*/*"), *folder.glob("best*/*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(found)}
