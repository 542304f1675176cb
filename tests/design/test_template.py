"""`design new --force`: whenever it is interrupted, what was there is still there."""

from pathlib import Path

import pytest

from aira_dsl.design.task import load_task
from aira_dsl.design.template import write_template
from aira_dsl.errors import RunError

MINE = "changed by hand"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a task with files of one's own."""
    folder = tmp_path / "task"
    write_template(folder)
    (folder / "judge.py").write_text(MINE, encoding="utf-8")
    (folder / "start" / "notes.txt").write_text(MINE, encoding="utf-8")
    (folder / "link").symlink_to("nowhere")
    return folder


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("curve", "curve"),
        ("My Task-2", "my_task_2"),
        ("2 curves", "curves"),
        ("_a", "a"),
        ("Ünï", "n_"),
        ("32", "my_task"),
        ("a" * 50, "a" * 40),
    ],
)
def test_a_task_is_named_after_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    write_template(tmp_path / folder)
    assert load_task(tmp_path / folder).name == name


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") if path.is_file() else ""
        for path in folder.rglob("*")
    }


def fail_from(monkeypatch: pytest.MonkeyPatch, first: int, last: int, error: BaseException) -> None:
    """Let the calls of `rename` with these numbers fail."""
    rename, calls = Path.rename, iter(range(1_000))

    def failing(source: Path, target: Path) -> Path:
        if first <= next(calls) <= last:
            raise error
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", failing)


@pytest.mark.parametrize("place", range(0, 18, 2))
def test_an_interruption_leaves_everything_as_it_was(
    place: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(folder)
    fail_from(monkeypatch, place, place, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_template(folder, force=True)
    assert content(folder) == before


@pytest.mark.parametrize("place", range(0, 18, 2))
def test_what_was_there_lies_in_a_folder_if_it_cannot_be_moved_back(
    place: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(folder)
    fail_from(monkeypatch, place, 1_000, OSError(5, "Input/output error"))
    with pytest.raises(RunError, match="cannot be written"):
        write_template(folder, force=True)
    found = [
        "/".join(part for part in name.split("/") if not part.startswith("replaced-"))
        for name in content(folder)
    ]
    assert set(before) <= set(found)
    assert sum(text == MINE for text in content(folder).values()) == 2


def test_nothing_of_the_old_task_is_left_after_a_replacement(folder: Path, tmp_path: Path) -> None:
    write_template(folder, force=True)
    write_template(tmp_path / "new" / "task")
    assert content(folder) == content(tmp_path / "new" / "task")
