"""`compile --emit …` and `import` from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import aira_dsl

ROOT = Path(__file__).parents[2]
HYBRID = ROOT / "examples" / "airahybrid_e.arch"
STRIPED = ROOT / "examples" / "striped.arch"


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "aira_dsl", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_texts_are_printed_or_written(tmp_path):
    shown = run("compile", HYBRID, "--emit", "arch", cwd=tmp_path)
    assert aira_dsl.parse(shown.stdout) == aira_dsl.load(HYBRID)
    done = run("compile", HYBRID, "--emit", "python", "--out", "m.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = run("compile", STRIPED, "--emit", "python", "--out", "m.py", cwd=tmp_path)
    assert (again.returncode, "E0503" in again.stderr) == (1, True)
    assert "airahybrid_e" in (tmp_path / "m.py").read_text()


def test_scales_are_exported(tmp_path):
    paper = ROOT / "examples" / "paper" / "airahybrid_d_stretched.arch"
    shown = run("compile", paper, "--scale", "1b", "--emit", "json", cwd=tmp_path)
    found = json.loads(shown.stdout)
    assert (found["width"], len(found["layers"]), found["scales"]) == (2048, 32, {})
    assert run("compile", paper, "--scale", "9b", "--emit", "json", cwd=tmp_path).returncode == 2


def test_folders_and_weights(tmp_path):
    assert run("compile", HYBRID, "--seed", "7", cwd=tmp_path).returncode == 0
    done = run("compile", HYBRID, "--emit", "hf", "--weights", "airahybrid_e.module", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "trust_remote_code=True" in done.stdout
    from safetensors.torch import load_file

    ours = load_file(tmp_path / "airahybrid_e.module" / "model.safetensors")
    theirs = load_file(tmp_path / "airahybrid_e.hf" / "model.safetensors")
    assert all((theirs[name] == tensor).all() for name, tensor in ours.items())
    foreign = run(
        "compile", STRIPED, "--emit", "hf", "--weights", "airahybrid_e.module", cwd=tmp_path
    )
    assert (foreign.returncode, "E0511" in foreign.stderr) == (1, True)


@pytest.mark.parametrize("emit", ["nemotron_h", "megatron", "olmo"])
def test_refusals_write_nothing(emit, tmp_path):
    done = run("compile", HYBRID, "--emit", emit, "--out", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "E0510" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_import_megatron(tmp_path):
    shown = run("import", "megatron", "M-M*-", "--name", "mine", cwd=tmp_path)
    assert "layers Mb-M-Mb-A-M" in shown.stdout
    like = run("import", "megatron", "M-*-", "--like", STRIPED, "--out", "x.arch", cwd=tmp_path)
    assert like.returncode == 0, like.stderr
    assert aira_dsl.load(tmp_path / "x.arch").width == 256
    broken = run("import", "megatron", "M-|M", cwd=tmp_path)
    assert (broken.returncode, "E0520" in broken.stderr) == (1, True)


def test_import_what_was_exported(tmp_path):
    text = "architecture m { width 32; block A = attention { heads 4, rope none }; layers 3A }"
    (tmp_path / "m.arch").write_text(text)
    assert run("compile", "m.arch", "--emit", "nemotron_h", cwd=tmp_path).returncode == 0
    for source in ("m.nemotron_h", "m.nemotron_h/config.json"):
        shown = run("import", "nemotron_h", source, "--name", "m", cwd=tmp_path)
        assert aira_dsl.parse(shown.stdout).fingerprint == aira_dsl.parse(text).fingerprint


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nemotron_h", "missing.json"), "E0524"),
        (("nemotron_h", "text.json"), "E0524"),
        (("olmo", "list.json"), "E0524"),
        (("olmo", "list.json", "--like", "x.arch"), "E0523"),
        (("megatron", "M", "--name", "not a name"), "E0523"),
        (("megatron", "M", "--like", "missing.arch"), "E0301"),
    ],
)
def test_bad_imports(arguments, code, tmp_path):
    (tmp_path / "text.json").write_text("no json")
    (tmp_path / "list.json").write_text("[" * 100_000)
    done = run("import", *arguments, cwd=tmp_path)
    assert done.returncode in {1, 2}
    assert code in done.stderr
    assert "Traceback" not in done.stderr
