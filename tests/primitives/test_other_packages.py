"""Kinds from other packages: an entry point makes them part of the language and of all faces.

Entry points are read when a process starts, so a new process runs the contract suites: once, for
the toy in `tests/primitives/toy` and for the example of docs/primitives.md, whose code blocks are
written to a folder as they stand in the page.
"""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from aira_dsl.primitives import MLP, registry
from aira_dsl.primitives.registry import GROUP

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "primitives.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"`([\w/.]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of the page, and install its package as pip does."""
    folder = tmp_path_factory.mktemp("example")
    for name, text in BLOCK.findall(PAGE):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(folder, project["name"], project["entry-points"][GROUP])
    return folder


def install(folder: Path, name: str, kinds: dict[str, str]) -> None:
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8"
    )
    lines = [f"{kind} = {where}" for kind, where in kinds.items()]
    (metadata / "entry_points.txt").write_text(
        "\n".join([f"[{GROUP}]", *lines, ""]), encoding="utf-8"
    )


def run(command: list[str], *packages: Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join(map(str, packages))
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.slow
def test_contract_suites_run_on_kinds_of_other_packages(example: Path, tmp_path: Path) -> None:
    install(tmp_path, "toy", {"decaying_average": "tests.primitives.toy.spec:DecayingAverage"})
    suites = ["tests/primitives/test_contract.py", "tests/primitives/test_faces.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suites]
    kinds = "decaying_average or token_shift"
    done = run([*command, "-k", kinds], example, tmp_path, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 2 * 30


@pytest.mark.slow
def test_commands_of_the_page_work(example: Path) -> None:
    commands = [line[2:].split() for line in CONSOLE.search(PAGE)[1].splitlines()]  # type: ignore[index]
    outputs = []
    for name, *arguments in commands:
        assert name == "aira-dsl"
        done = run([sys.executable, "-m", "aira_dsl", *arguments], example, cwd=example)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert "token_shift" in outputs[1]
    assert (example / "shift.module").is_dir()


@pytest.mark.parametrize(
    ("name", "where", "reason"),
    [
        ("gone", "no_such_package.spec:Gone", "No module named"),
        ("path", "pathlib:Path", "not a class derived from"),
        ("mlp", "aira_dsl.primitives.mlp.spec:MLP", "a kind needs a name of its own"),
        ("Big", "aira_dsl.primitives.mlp.spec:MLP", "a kind needs a name of its own"),
        ("other", "aira_dsl.primitives.mlp.spec:MLP", 'kind: Literal["other"]'),
    ],
)
def test_unusable_entry_points_are_left_out_with_a_warning(
    name: str, where: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint(name, where, GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.warns(RuntimeWarning, match=re.escape(reason)):
        kinds = registry._load_kinds()
    assert set(kinds) == set(registry._OWN)
    assert kinds["mlp"] is MLP
