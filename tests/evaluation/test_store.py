"""The evaluation store: which results are kept, and which files are refused."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from aira_dsl.errors import AiraError
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.evaluation.store import Store, default_store_path


def evaluation(score: float = 0.5) -> Evaluation:
    return Evaluation(fingerprint="f", seed=0, split="validation", status="ok", score=score)


def test_a_result_is_found_again_by_another_opener_and_never_changed(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep/store.db")
    assert store.get("key") is None
    store.put("key", evaluation(1 / 3))
    store.put("key", evaluation(0.9))
    again = Store(tmp_path / "deep/store.db")
    assert again.get("key") == evaluation(1 / 3)
    assert len(again) == 1
    store.close()
    again.close()


@pytest.mark.parametrize(
    "content",
    [b"SQLite format 3\0" + b"\xff" * 4000, b"not a database at all, just text\n" * 100],
)
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(AiraError) as caught:
        Store(path)
    assert caught.value.code == "E0701"
    assert path.read_bytes() == content


def test_a_truncated_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = Store(path)
    long = evaluation().model_copy(update={"message": "long " * 200})
    for number in range(10):
        store.put(f"key{number}", long)
    store.close()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(AiraError) as caught:
        Store(path).get("key9")
    assert caught.value.code == "E0701"


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(AiraError, match="version 99") as caught:
        Store(path)
    assert caught.value.code == "E0702"


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cookies.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cookies (name)")
    connection.close()
    with pytest.raises(AiraError) as caught:
        Store(path)
    assert caught.value.code == "E0701"


@pytest.mark.parametrize("place", ["file/store.db", "/proc/store.db", "folder"])
def test_a_path_that_cannot_be_used_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AiraError) as caught:
        Store(tmp_path / place)
    assert caught.value.code == "E0703"


def test_the_default_place_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.delenv("AIRA_DSL_STORE", raising=False)
    assert default_store_path() == Path("/caches/aira-dsl/evaluations.db")
    monkeypatch.setenv("AIRA_DSL_STORE", "/mine.db")
    assert default_store_path() == Path("/mine.db")


def test_a_writer_killed_in_the_middle_leaves_a_readable_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    code = (
        "import os, sys\n"
        "from aira_dsl.evaluation.store import Store\n"
        "from aira_dsl.evaluation.result import Evaluation\n"
        "store = Store(sys.argv[1])\n"
        "done = Evaluation(fingerprint='f', seed=0, split='test', status='ok', score=1.0)\n"
        "store.put('kept', done)\n"
        "store._connection.execute('BEGIN')\n"
        "store.put('torn', done)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, path], env=os.environ, check=False)
    assert killed.returncode == -9
    store = Store(path)
    assert store.get("kept") is not None
    assert store.get("torn") is None
    store.close()
