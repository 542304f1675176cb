"""`aira-dsl check` and `aira-dsl fmt`, as a person and as a machine call them."""

import json
from pathlib import Path

import pytest
import typer
from aira_dsl.cli.check import check
from aira_dsl.cli.fmt import fmt
from typer.testing import CliRunner

from aira_dsl.language import format_text, load_space

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.arch"))
TEXT = "architecture x {\n  block A = attention\n  layers 3A\n}\n"
MESSY = TEXT.replace("3A", "3 * A  # three")
BAD = TEXT.replace("attention", "atention")

app = typer.Typer()
app.command("check")(check)
app.command("fmt")(fmt)


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"good": TEXT, "messy": MESSY, "bad": BAD}.items():
        Path(f"{name}.arch").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_right_and_tidy(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert format_text(text, file=path) == text
    assert load_space(path).name == path.stem
    assert run("check", path).exit_code == 0


def test_examples_are_what_they_say():
    assert {path.stem for path in EXAMPLES} >= {
        *("airaformer_d", "airahybrid_d", "airahybrid_e", "striped", "mad3", "mad2")
    }
    done = run("check", *EXAMPLES)
    assert "airaformer_d.arch: ok, 16 layers, 5×(2A-M)-A\n" in done.output
    assert "mad3.arch: ok, space of 16 slots, blocks A, M, Mb\n" in done.output


@pytest.mark.usefixtures("files")
def test_check_text():
    done = run("check", "good.arch", "bad.arch", "none.arch")
    assert done.exit_code == 1
    assert done.output.startswith("good.arch: ok, 3 layers, 3A\n")
    assert "error[E0204]: unknown kind of block `atention`\n  --> bad.arch:2:13\n" in done.output
    assert "error[E0301]: no such file\n --> none.arch\n" in done.output
    assert "\033" not in done.output
    assert run("check", "good.arch").exit_code == 0


@pytest.mark.usefixtures("files")
def test_check_for_machines():
    done = run("check", "good.arch", "bad.arch", "none.arch", "--format", "json")
    assert done.exit_code == 1
    found = json.loads(done.output)
    assert [(each["code"], each["line"]) for each in found] == [("E0204", 2), ("E0301", None)]
    assert json.loads(run("check", "good.arch", "--format", "json").output) == []
    done = run("check", "bad.arch", "none.arch", "--format", "github")
    assert done.output == (
        "::error file=bad.arch,line=2,col=13::[E0204] unknown kind of block `atention`\n"
        "::error file=none.arch::[E0301] no such file\n"
    )
    done = run("check", "bad.arch", "--format", "concise")
    assert done.output == "bad.arch:2:13: error[E0204]: unknown kind of block `atention`\n"


def test_wrong_command_lines():
    assert run("check").exit_code == 2
    assert run("check", "x.arch", "--format", "xml").exit_code == 2
    assert run("fmt").exit_code == 2


@pytest.mark.usefixtures("files")
def test_standard_input():
    assert run("check", "-", stdin=TEXT).output == "<stdin>: ok, 3 layers, 3A\n"
    assert run("check", "-", stdin=BAD).exit_code == 1
    assert run("check", "-", stdin=b"\xff").exit_code == 1
    done = run("fmt", "-", stdin=MESSY)
    assert (done.exit_code, done.stdout) == (0, TEXT.replace("3A", "3A  # three"))
    done = run("fmt", "-", stdin=BAD)
    assert (done.exit_code, done.stdout) == (1, "")


@pytest.mark.usefixtures("files")
def test_fmt_in_place():
    before = Path("good.arch").stat()
    done = run("fmt", "good.arch", "messy.arch", "bad.arch")
    assert done.exit_code == 1
    assert done.stdout == "messy.arch: reformatted\n"
    assert "E0204" in done.stderr
    assert Path("messy.arch").read_text(encoding="utf-8") == TEXT.replace("3A", "3A  # three")
    assert Path("bad.arch").read_text(encoding="utf-8") == BAD
    assert Path("good.arch").stat().st_mtime_ns == before.st_mtime_ns
    assert Path("good.arch").stat().st_ino == before.st_ino
    assert run("fmt", "good.arch", "messy.arch").stdout == ""
    assert sorted(path.name for path in Path().iterdir()) == ["bad.arch", "good.arch", "messy.arch"]


@pytest.mark.usefixtures("files")
def test_fmt_check_and_diff_write_nothing():
    assert run("fmt", "--check", "good.arch").exit_code == 0
    assert run("fmt", "--diff", "good.arch").output == ""
    done = run("fmt", "--check", "good.arch", "messy.arch")
    assert (done.exit_code, done.output) == (1, "messy.arch: would be reformatted\n")
    done = run("fmt", "--diff", "messy.arch")
    assert done.exit_code == 1
    assert "-  layers 3 * A  # three\n+  layers 3A  # three\n" in done.output
    assert Path("messy.arch").read_text(encoding="utf-8") == MESSY


@pytest.mark.usefixtures("files")
def test_fmt_normalizes_line_ends():
    Path("good.arch").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert run("fmt", "--check", "good.arch").exit_code == 1
    assert run("fmt", "good.arch").exit_code == 0
    assert Path("good.arch").read_bytes() == TEXT.encode()


def test_fmt_reports_a_file_that_cannot_be_written(files, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aira_dsl.utils.files.os.replace", full_disk)
    done = run("fmt", "messy.arch", "good.arch")
    assert done.exit_code == 3
    assert "error[E0904]: messy.arch cannot be written: No space left on device" in done.output
    assert Path("messy.arch").read_text(encoding="utf-8") == MESSY
