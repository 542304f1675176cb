"""`aira-dsl data`: prepare and show."""

import json
from pathlib import Path

import pytest

from tests.helpers.command_line import run


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.c").write_text(f"int f{number}(void);\n", encoding="utf-8")
    (folder / "latin.c").write_bytes(b"// caf\xe9\n")
    (folder / "blank.c").write_text("\n", encoding="utf-8")
    return folder


def test_prepare_and_show_say_the_same(sources: Path, tmp_path: Path) -> None:
    options = ("--include", "*.c", "--validation", "0.2", "--cache", tmp_path / "cache")
    refused = run("data", "prepare", sources, *options)
    assert refused.code == 1
    assert "error[E0616]" in refused.err
    made = run("data", "prepare", sources, *options, "--not-text", "skip")
    assert made.code == 0
    assert 5 <= made.err.count("read ") <= 11
    folder, *lines = made.out.splitlines()
    assert lines[0].endswith("sources: 42 files")
    assert lines[1] == "tokenizer   bytes: 256 token ids, byte 0 between documents"
    assert lines[4] == "left out    1 file that is not text, 1 document without text"
    assert run("data", "show", folder, "--check").out == made.out
    facts = json.loads(run("data", "show", folder, "--format", "json").out)
    assert facts["train"]["documents"] + facts["validation"]["documents"] == 40
    assert facts["train"]["text_bytes"] + facts["validation"]["text_bytes"] == 10 * 14 + 30 * 15
    assert f"train       {facts['train']['tokens']:,} tokens in" in lines[2]
    assert lines[-1] == f"identity    {facts['identity']}"


def test_what_is_not_left_out_is_not_counted(sources: Path, tmp_path: Path) -> None:
    made = run("data", "prepare", sources / "0.c", sources / "blank.c", "--include", "*.c",
               "--validation", "0", "--cache", tmp_path / "cache")  # fmt: skip
    assert "left out    1 document without text\n" in made.out


def test_show_finds_damage(sources: Path, tmp_path: Path) -> None:
    made = run("data", "prepare", sources / "0.c", "--include", "*.c", "--validation", "0",
               "--cache", tmp_path / "cache")  # fmt: skip
    folder = Path(made.out.splitlines()[0])
    assert "validation  no document" in made.out
    assert "left out" not in made.out
    tokens = folder / "train/00000.tokens.bin"
    tokens.write_bytes(tokens.read_bytes().replace(b"f0", b"g0"))
    assert run("data", "show", folder).code == 0
    damaged = run("data", "show", folder, "--check")
    assert damaged.code == 1
    assert "error[E1404]" in damaged.err
    assert "its checksum is wrong" in damaged.err


def test_show_never_advises_to_delete_a_folder_of_text(sources: Path, tmp_path: Path) -> None:
    for place in (sources, sources / "0.c", tmp_path / "missing"):
        refused = run("data", "show", place)
        assert refused.code == 1
        assert f"error[E1404]: {place} is not a prepared corpus" in refused.err
        assert "delete" not in refused.err


def test_options_out_of_range_are_mistakes_of_the_command_line(sources: Path) -> None:
    for option in (("--validation", "0.6"), ("--split-at", ""), ("--not-text", "ignore")):
        assert run("data", "prepare", sources, *option).code == 2
