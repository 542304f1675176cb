"""Texts are UTF-8 in every locale."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = [path for name in ("aira_dsl", "cli", "benchmarks", "tests") for path in
           sorted((ROOT / name).rglob("*.py"))]  # fmt: skip
TEXT = """\
# größer als 3×
architecture x {
  block A = attention
  block B = mlp
  layers 2×(A-B)
}
"""


def without_encoding(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that read or write text in the locale's encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(each.arg == "encoding" for each in node.keywords):
            continue
        match node:
            case ast.Call(func=ast.Attribute(attr="read_text"), args=[]):
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr="write_text"), args=[_]):
                yield node.lineno
            case ast.Call(func=ast.Name(id="open"), args=[_, ast.Constant(value=str(mode)), *_]):
                yield from [] if "b" in mode else [node.lineno]
            case ast.Call(func=ast.Name(id="open"), args=[_], keywords=[]):
                yield node.lineno


def test_every_file_is_opened_with_an_encoding() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line in without_encoding(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_search_finds_a_file_without_an_encoding() -> None:
    lines = ["path.read_text()", "path.write_text(text)", "open(path)", "open(path, 'w')"]
    assert list(without_encoding(ast.parse("\n".join(lines)))) == [1, 2, 3, 4]
    right = ["path.read_text(encoding='utf-8')", "open(path, 'rb')", "proposer.open()"]
    assert list(without_encoding(ast.parse("\n".join(right)))) == []


def test_a_locale_without_utf_8_changes_no_output(tmp_path: Path) -> None:
    path = tmp_path / "tiny.arch"
    path.write_text(TEXT, encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for arguments in (
        ["check", path],
        ["fmt", "--diff", path],
        ["compile", path, "--emit", "arch"],
    ):
        shown = [
            subprocess.run(
                [sys.executable, "-m", "aira_dsl", *arguments],
                env={**os.environ, **changes},
                capture_output=True,
                check=False,
            ).stdout
            for changes in ({"PYTHONUTF8": "1"}, ascii_only)
        ]
        assert shown[0] == shown[1]
    assert "×".encode() in shown[0]
