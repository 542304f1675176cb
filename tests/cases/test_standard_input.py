"""Every command that reads one architecture reads it from the standard input, too."""

import json
from pathlib import Path

import pytest
from aira_dsl.cli import app
from click.testing import Result
from typer.testing import CliRunner

TEXT = "architecture tiny {\n  width 32\n  block A = attention { heads 4 }\n  layers 2A\n}\n"


def run(*arguments: str, stdin: str | bytes = TEXT) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_show() -> None:
    shown = json.loads(run("show", "-", "--format", "json").stdout)
    assert shown["name"] == "tiny"


def test_compile_a_text() -> None:
    assert "kind: attention" in run("compile", "-", "--emit", "yaml").stdout


def test_compile_a_folder_is_named_after_the_architecture() -> None:
    assert run("compile", "-").exit_code == 0
    assert [path.name for path in Path().iterdir()] == ["tiny.module"]


def test_diff() -> None:
    Path("other.arch").write_text(TEXT.replace("2A", "3A"), encoding="utf-8")
    assert run("diff", "-", "other.arch", "--exit-code").exit_code == 1
    Path("same.arch").write_text(TEXT, encoding="utf-8")
    assert run("diff", "same.arch", "-", "--exit-code").exit_code == 0


def test_diff_reads_the_standard_input_once() -> None:
    done = run("diff", "-", "-")
    assert done.exit_code == 2
    assert "the standard input can be read once" in done.stderr


def test_space() -> None:
    assert run("space", "-", "--count").stdout == "1\n"


def test_extrapolate() -> None:
    assert run("extrapolate", "-", "--to", "350m").stdout.startswith("architecture tiny_350m {")


def test_check_and_fmt() -> None:
    assert run("check", "-").stdout == "<stdin>: ok, 2 layers, 2A\n"
    assert run("fmt", "-", stdin=TEXT.replace("  ", "")).stdout == TEXT


def test_mistakes_are_shown_as_those_of_a_file() -> None:
    done = CliRunner().invoke(app, ["show", "-"], input=TEXT.replace("heads", "haeds"))
    assert done.exit_code == 1
    assert "<stdin>:3:25" in str(done.exception)
