"""The parser's kept tables are a convenience: whatever happens to them, parsing works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aira_dsl.language.syntax.parser import parser
from tests.helpers.command_line import Done, run

EXAMPLE = Path(__file__).parents[2] / "examples/airaformer_d.arch"


@pytest.fixture(autouse=True)
def _build_the_parser_anew_afterwards() -> Iterator[None]:
    yield
    parser.cache_clear()


def check(cache: str, monkeypatch: pytest.MonkeyPatch) -> Done:
    """Check a file as a process does that has not parsed anything yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    parser.cache_clear()
    return run("check", EXAMPLE)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04K\x01.", None])
def test_damaged_tables_are_made_again(
    tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tmp_path / "aira-dsl/grammar.tables"
    if content is not None:
        tables.parent.mkdir()
        tables.write_bytes(content)
    for _ in range(2):
        done = check(str(tmp_path), monkeypatch)
        assert (done.code, done.err) == (0, "")
    assert tables.stat().st_size > 1000


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for cache in (str(tmp_path / "file"), "/proc/nowhere"):
        done = check(cache, monkeypatch)
        assert (done.code, done.err) == (0, "")
