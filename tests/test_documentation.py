"""What the documentation says is run: snippets, README commands, tables of codes."""

import re
import shlex
from pathlib import Path

import pytest

from aira_dsl.study import plan
from tests.helpers import command_line

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def write_files(text: str, folder: Path) -> None:
    """Write the files of a page and link the examples.

    A file is a block that begins with its name, or what `cat > NAME <<'END'` writes in a console.
    """
    (folder / "examples").symlink_to(ROOT / "examples")
    for file in [*blocks(text, "arch"), *blocks(text, "yaml")]:
        if re.match(r"# \w+\.(arch|yaml)\n", file):
            (folder / file.split()[1]).write_text(file, encoding="utf-8")
    for name, content in re.findall(r"^\$ cat > (\S+) <<'END'\n(.*?)^END$", text, re.M | re.S):
        (folder / name).write_text(content, encoding="utf-8")


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/api.md",
        "docs/data.md",
        "docs/interop.md",
        "docs/paper.md",
        "docs/tutorial.md",
        "docs/yaml.md",
    ],
)
def test_python_snippets_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine of one core, where a search starts one worker."""
    text = (ROOT / page).read_text(encoding="utf-8")
    monkeypatch.setattr(plan, "available_cores", lambda: 1)
    found = blocks(text, "python")
    assert found
    write_files(text, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRA_DSL_STORE", "store.db")
    for code in found:
        exec(compile(code, page, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/data.md",
        "docs/interop.md",
        "docs/paper.md",
        "docs/tutorial.md",
        "docs/yaml.md",
    ],
)
def test_commands_run_and_print_what_is_shown(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Console blocks: a `$ aira-dsl …` line, then its output, `...` for what is left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    text = (ROOT / page).read_text(encoding="utf-8")
    write_files(text, tmp_path)
    shown = blocks(text, "console")
    assert shown
    for block in shown:
        for command, expected in re.findall(r"^\$ aira-dsl (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            done = command_line.run(*shlex.split(command))
            printed = "\n".join(map(str.rstrip, (done.out + done.err).splitlines()))
            parts = [part.strip("\n") for part in expected.split("...\n")]
            for part in parts:
                assert part in printed, f"{command}: {page} shows\n{part}\nit prints\n{printed}"


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (command,) = re.findall(r"^.*pytest -n 2.*$", README, re.M)
    steps = command.replace(" && ", "\n").replace("pip install", "pip install -q").split("\n")
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for step in steps:
        assert step.strip() in script


def test_links_between_pages_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
