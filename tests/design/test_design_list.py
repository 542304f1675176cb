"""`design list`: the tasks in short, and the description of one as an agent reads it."""

import json
from pathlib import Path

import pytest

from aira_dsl.design.task import load_task, task_names
from aira_dsl.design.template import write_template
from tests.helpers import command_line


def test_all_tasks_are_listed_with_sizes_and_folders() -> None:
    found = command_line.run("design", "list").out.split("\n\n")
    assert [text.split(":")[0] for text in found] == task_names()
    for text in found:
        lines = dict(line.split(maxsplit=1) for line in text.splitlines()[1:])
        assert (Path(lines["folder"]) / "start").is_dir()
    listops = found[task_names().index("lra_listops")]
    assert "model.py (CustomEncoder) with torch or jax" in listops
    assert "cpu (300 s), cpu_configurable (300 s), paper (14400 s, 1 GPU)" in listops


def test_a_description_is_that_of_the_size() -> None:
    default, cpu, paper = (
        command_line.run("design", "list", "lra_listops", *size)
        for size in ((), ("--size", "cpu"), ("--size", "paper"))
    )
    assert default.code == 0
    assert default.out == cpu.out == load_task("lra_listops").description("cpu")
    assert "at most 1500 steps" in cpu.out
    assert "at most 5000 steps" in paper.out


def test_an_agent_reads_the_same_text(tmp_path: Path) -> None:
    write_template(tmp_path / "task")
    described = command_line.run("design", "list", tmp_path / "task").out
    prompt = command_line.run(
        "design", "run", tmp_path / "task", "--proposer", "scripted", "--dry-run"
    ).out
    assert "the next of 8 symbols" in described
    assert described.strip() in prompt


def test_scripts_get_metadata_and_the_folder() -> None:
    done = command_line.run("design", "list", "autoresearch", "--size", "h100", "--format", "json")
    found = json.loads(done.out)
    assert found["size"] == "h100"
    assert "ClimbMix" in found["description"]
    assert found["metadata"]["sizes"]["h100"]["training_seconds"] == 300
    assert (Path(found["folder"]) / "start" / "train.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("nothing",), 2, "E1201"),
        (("lra_text", "--size", "huge"), 2, "E1204"),
        (("--size", "cpu"), 2, "name the task"),
        (("task",), 1, "E1206"),
    ],
)
def test_mistakes_are_explained(
    arguments: tuple[str, ...], code: int, text: str, tmp_path: Path
) -> None:
    write_template(tmp_path / "task")
    (tmp_path / "task" / "description.md").write_text("{{ nothing }}", encoding="utf-8")
    done = command_line.run("design", "list", *arguments, cwd=tmp_path)
    assert (done.code, text in done.err, done.out) == (code, True, "")
