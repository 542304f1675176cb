"""Texts are UTF-8 in every locale."""

import ast
import json
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


def without_encoding(text: str) -> Iterator[int]:
    """Yield the lines of a Python file that read or write text in the locale's encoding."""
    if not any(call in text for call in ("read_text(", "write_text(", "open(")):
        return  # most files, which need not be parsed
    for node in ast.walk(ast.parse(text)):
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
        for line in without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_search_finds_a_file_without_an_encoding() -> None:
    lines = ["path.read_text()", "path.write_text(text)", "open(path)", "open(path, 'w')"]
    assert list(without_encoding("\n".join(lines))) == [1, 2, 3, 4]
    right = ["path.read_text(encoding='utf-8')", "open(path, 'rb')", "proposer.open()"]
    assert list(without_encoding("\n".join(right))) == []


ALL_IN_ONE = """
import json, sys
from aira_dsl.__main__ import main

for sys.argv[1:] in json.loads(sys.argv[1]):
    try:
        main()
    except SystemExit as end:
        assert not end.code or sys.argv[1] == "fmt"
"""


def test_a_locale_without_utf_8_changes_no_output(tmp_path: Path) -> None:
    path = tmp_path / "tiny.arch"
    path.write_text(TEXT, encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    commands = (["check"], ["fmt", "--diff"], ["compile", "--emit", "arch"])
    arguments = json.dumps([[*command, str(path)] for command in commands])
    shown = [
        subprocess.run(
            [sys.executable, "-c", ALL_IN_ONE, arguments],
            env={**os.environ, **changes}, capture_output=True, check=True,
        ).stdout
        for changes in ({"PYTHONUTF8": "1"}, ascii_only)
    ]  # fmt: skip
    assert shown[0] == shown[1]
    found = shown[0].decode()
    assert "2 layers" in found or "4 layers" in found
    assert found.count("×") >= 2
