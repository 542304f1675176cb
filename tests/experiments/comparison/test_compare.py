"""Comparisons as users run them: whole, interrupted, killed, damaged."""

import json
import random
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from aira_dsl.cli import app
from click.testing import Result
from typer.testing import CliRunner

from aira_dsl.agents.models.base import Message as Turn
from aira_dsl.agents.models.base import Request
from aira_dsl.errors import InputError, RunError
from aira_dsl.experiments.comparison import read_comparison
from aira_dsl.experiments.comparison.folder import KIND
from aira_dsl.study.architecture_agent.mutation import BlindMutation
from aira_dsl.utils.folder import LOCK
from tests.experiments.comparison.runs import planted_table
from tests.helpers.chat_service import Completion
from tests.helpers.model_service import KEY, Message, serving
from tests.study.conftest import Cli, children, kill_hard

OPTIONS = (
    *("compare", "--evaluator", "table", "--table", "table.json", "--repeats", "1"),
    *("--methods", "random,agent-greedy", "--proposer", "scripted", "--seeds", "2"),
    *("--jobs", "2", "--store", "store.db"),
)
COMPARE = (*OPTIONS, "--budget", "5")
WALL_CLOCK = ("seconds", "cached")


def run(folder: Path, *arguments: str) -> Result:
    """Run a command of `aira-dsl` in this process, as if in a folder; errors are raised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return CliRunner().invoke(app, arguments, catch_exceptions=False)


def verdict(folder: Path) -> dict[str, Any]:
    """Read a comparison without what depends on the clock."""
    record: dict[str, Any] = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    for method in record["methods"].values():
        for each in method["runs"]:
            for name in WALL_CLOCK:
                each.pop(name)
    return record


def wait_for(process: subprocess.Popen[str], start: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(start):
            return
    raise AssertionError(f"no line began with {start!r}")


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [each for child in found for each in descendants(child)]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        return "Z" not in state
    except OSError:
        return False


def assert_all_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 600
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "searches outlive their comparison"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison that was never interrupted; its table is next to it."""
    folder = tmp_path_factory.mktemp("whole")
    planted_table(folder / "table.json")
    done = run(folder, *COMPARE, "--out", "out")
    assert done.exit_code == 0
    assert "random and agent-greedy" in done.stdout or "ends better than" in done.stdout
    return folder / "out"


@pytest.mark.slow
def test_a_comparison_is_made_of_searches_that_anyone_can_run(whole: Path, tmp_path: Path) -> None:
    found = verdict(whole)
    assert list(found["methods"]) == ["random", "agent-greedy"]
    for name, method in found["methods"].items():
        assert [each["seed"] for each in method["runs"]] == [0, 1]
        assert all(each["trials"] == 5 for each in method["runs"])
        assert {each["folder"] for each in method["runs"]} == {f"runs/{name}-s{s}" for s in (0, 1)}
    planted_table(tmp_path / "table.json")
    command = (whole / "runs/random-s1.log").read_text(encoding="utf-8").splitlines()[0]
    assert command.startswith("$ aira-dsl search ")
    *arguments, out = shlex.split(command)[2:]
    assert out.endswith("runs/random-s1")
    assert run(tmp_path, *arguments, "alone").exit_code == 0
    mine, theirs = (
        json.loads((folder / "trials.json").read_text(encoding="utf-8"))
        for folder in (tmp_path / "alone", whole / "runs/random-s1")
    )
    assert [row["layers"] for row in mine] == [row["layers"] for row in theirs]


@pytest.mark.slow
def test_the_same_command_repeats_only_a_search_whose_files_are_damaged(whole: Path) -> None:
    before = verdict(whole)
    logs = {path: path.read_text(encoding="utf-8") for path in whole.glob("runs/*.log")}
    (whole / "comparison.json").unlink()
    damaged = whole / "runs/random-s0/trials.json"
    damaged.write_text(damaged.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    assert run(whole.parent, *COMPARE, "--out", "out").exit_code == 0
    assert verdict(whole) == before
    started = [path.stem for path, text in logs.items() if path.read_text(encoding="utf-8") != text]
    assert started == ["random-s0"]


@pytest.mark.slow
def test_other_settings_are_refused_and_named_until_forced(whole: Path) -> None:
    before = verdict(whole)
    with pytest.raises(InputError, match="budget: 5 and 4") as caught:
        run(whole.parent, *OPTIONS, "--budget", "4", "--out", "out")
    assert caught.value.code == "E0827"
    assert verdict(whole) == before


@pytest.mark.slow
def test_more_methods_and_seeds_make_new_searches_only(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole.parent, tmp_path, dirs_exist_ok=True)
    before = {path: path.read_bytes() for path in tmp_path.glob("out/runs/*/trials.json")}
    methods = "random,agent-greedy,agent-mcts:scripted"
    arguments = [*COMPARE, "--out", "out", "--methods", methods, "--seeds", "3"]
    with pytest.raises(InputError, match="E0827"):
        run(tmp_path, *arguments, "--free")
    assert run(tmp_path, *arguments).exit_code == 0
    found = verdict(tmp_path / "out")["methods"]
    assert list(found) == ["random", "agent-greedy", "agent-mcts:scripted"]
    assert all([each["seed"] for each in method["runs"]] == [0, 1, 2] for method in found.values())
    assert len(list(tmp_path.glob("out/runs/*.log"))) == 9
    assert {path: path.read_bytes() for path in before} == before
    old = verdict(whole)["methods"]
    assert all(found[name]["runs"][:2] == method["runs"] for name, method in old.items())
    assert "agent-mcts:scripted" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="methods: 'agent-mcts:scripted' is left out"):
        run(tmp_path, *COMPARE, "--out", "out")


@pytest.mark.slow
def test_models_of_two_services_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each agent asks its own model, at its own effort; its calls are its own costs."""
    draw = BlindMutation(planted_table(tmp_path / "table.json").space)

    def answer(body: dict[str, Any], place: int) -> Message:
        request = Request("", (Turn("user", "draft"),))
        text = draw(request, random.Random(place))
        return Message(text) if "max_tokens" in body else Completion(text)

    methods = "random,agent-best-of-n:anthropic/claude-opus-5,agent-greedy:pydantic-ai/openai:gpt-5"
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(answer) as claude, serving(answer) as gpt:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.url)
        monkeypatch.setenv("OPENAI_BASE_URL", gpt.url)
        done = run(
            tmp_path, "compare", "--evaluator", "table", "--table", "table.json", "--methods",
            methods, "--seeds", "1", "--budget", "4", "--repeats", "1", "--effort", "low",
            "--max-usd", "10", "--out", "out",
        )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = read_comparison(tmp_path / "out").methods
    assert list(found) == ["random", "agent-best-of-n:claude-opus-5", "agent-greedy:openai:gpt-5"]
    assert {request["model"] for request in claude.requests} == {"claude-opus-5"}
    assert {request["output_config"]["effort"] for request in claude.requests} == {"low"}
    assert {(r["model"], r["reasoning_effort"]) for r in gpt.requests} == {("gpt-5", "low")}
    for service, name in (
        (claude, "agent-best-of-n:claude-opus-5"),
        (gpt, "agent-greedy:openai:gpt-5"),
    ):
        (only,) = found[name].runs
        assert only.calls == len(service.sent) >= 4
        assert only.tokens == 1127 * only.calls
        assert only.usd is not None
        assert 0 < only.usd < 5
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert [name for name in names if not KIND.writes(name)] == [LOCK]
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "agent-greedy:openai:gpt-5" in page
    assert "agent-best-of-n:claude-opus-5" in done.stdout


@pytest.mark.slow
def test_an_interrupted_and_killed_comparison_leaves_no_process_and_continues(
    whole: Path, tmp_path: Path
) -> None:
    cli = Cli(tmp_path)
    planted_table(tmp_path / "table.json")

    process = cli.start(*COMPARE, "--out", "out")
    wait_for(process, "[1/4]")
    searches = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=900)
    assert process.returncode == 130
    assert "the same command continues" in stderr
    assert "Traceback" not in stderr
    assert_all_end(searches)
    assert not (tmp_path / "out/comparison.json").exists()

    process = cli.start(*COMPARE, "--out", "out")
    wait_for(process, "[2/4]")
    searches = descendants(process.pid)
    kill_hard(process)
    done = run(tmp_path, *COMPARE, "--out", "out")  # its searches may still release their folders
    assert done.exit_code == 0
    assert_all_end(searches)
    assert verdict(tmp_path / "out") == verdict(whole)


@pytest.mark.slow
def test_a_search_that_fails_ends_the_comparison_with_its_error(tmp_path: Path) -> None:
    planted_table(tmp_path / "table.json")
    (tmp_path / "out/runs").mkdir(parents=True)
    (tmp_path / "out/runs/random-s0").write_text("in the way", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        run(tmp_path, *COMPARE, "--out", "out")
    assert caught.value.code == "E0829"
    assert "the run random-s0 failed: error[E0803]" in caught.value.message
    assert "E0803" in (tmp_path / "out/runs/random-s0.log").read_text(encoding="utf-8")
