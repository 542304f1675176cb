"""The parser's kept tables are a convenience: whatever happens to them, parsing works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/airaformer_d.arch"


def check(cache: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aira_dsl", "check", EXAMPLE],
        env={**os.environ, "XDG_CACHE_HOME": cache},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04K\x01.", None])
def test_damaged_tables_are_made_again(tmp_path: Path, content: bytes | None) -> None:
    tables = tmp_path / "aira-dsl/grammar.tables"
    if content is not None:
        tables.parent.mkdir()
        tables.write_bytes(content)
    for _ in range(2):
        done = check(str(tmp_path))
        assert (done.returncode, done.stderr) == (0, "")
    assert tables.stat().st_size > 1000


def test_a_cache_that_can_not_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for cache in (str(tmp_path / "file"), "/proc/nowhere"):
        done = check(cache)
        assert (done.returncode, done.stderr) == (0, "")
