"""The doctor on this machine, and where something is missing or broken."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aira_dsl.agents.models.anthropic import KEYS
from aira_dsl.doctor import packages
from aira_dsl.doctor.check import Check, Finding, Outcome, perform
from aira_dsl.doctor.diagnosis import CHECKS, PARTS
from aira_dsl.doctor.machine import Machine
from aira_dsl.doctor.services import KEYS as KEY_CHECKS
from aira_dsl.evaluation.store import Store
from aira_dsl.models.accelerate import choose_device, choose_precision, missing_kernels
from aira_dsl.sandbox import kinds
from tests.helpers import command_line

NEEDED = {"python", "packages", "torch", "cache", "store"}
FIELDS = ["name", "state", "needed", "found", "needed_for", "advice"]


@pytest.fixture(autouse=True)
def _plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRA_DSL_STORE", str(tmp_path / "store.db"))
    for name in ("CC", "CXX", "AIRA_DSL_KERNELS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put modules in front of the installed ones, for new processes."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def make(**modules: str) -> None:
        for name, code in modules.items():
            (folder / f"{name}.py").write_text(code, encoding="utf-8")

    return make


def look(*names: str, required: tuple[str, ...] = ()) -> list[Finding]:
    """Perform some of the checks."""
    with Machine(required, lambda: packages.modules(required)) as machine:
        return [perform(check, machine) for check in CHECKS if check.name in names]


def diagnosed(*arguments: str, code: int = 0) -> dict[str, dict]:
    done = command_line.run("doctor", "--format", "json", *arguments)
    assert done.code == code, done.out + done.err
    report = json.loads(done.out)
    assert report["ok"] == (code == 0)
    return {each["name"]: each for each in report["checks"]}


def test_this_machine() -> None:
    """What is found is what the commands find; the form of the JSON is what scripts rely on."""
    done = command_line.run("doctor", "--format", "json")
    assert done.code == 0
    report = json.loads(done.out)
    assert list(report) == ["version", "ok", "checks"]
    assert all(list(each) == FIELDS for each in report["checks"])
    assert [each["name"] for each in report["checks"]] == [check.name for check in CHECKS]
    found = {each["name"]: each for each in report["checks"]}
    assert {name for name, each in found.items() if each["needed"]} == NEEDED
    assert {each["state"] for each in found.values()} <= {"ok", "missing", "broken", "info"}

    assert platform.python_version() in found["python"]["found"]
    assert found["torch"]["found"].startswith(f"torch {torch.__version__}, ")
    device = choose_device()
    assert found["precision"]["found"].startswith(f"{choose_precision(device=device)} on {device},")
    assert (found["gpu"]["state"] == "ok") == torch.cuda.is_available()
    assert (found["kernels"]["state"] == "ok") == (missing_kernels() is None)
    for kind, obstacle in kinds.available_kinds().items():
        if kind != "none":
            assert (found[kind]["state"] == "ok") == (obstacle is None)
    if any(kinds.obstacle(kind) is None for kind in kinds.SAFE):
        assert found["sandbox"]["found"] == f"{kinds.choose('auto')}, which `auto` takes"


def test_a_table_for_people(broken, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(torch="raise ImportError('no libtorch')")
    monkeypatch.setenv("COLUMNS", "300")
    done = command_line.run("doctor")
    assert done.code == 1
    lines = [line.split() for line in done.out.splitlines()]
    states = {line[1]: line[0] for line in lines if line and line[0] in ("ok", "missing", "broken")}
    assert states["python"] == "ok"
    assert states["torch"] == "broken"
    assert "it cannot be imported: ImportError: no libtorch" in done.out
    assert "  torch" in done.out.partition("to do")[2]
    assert done.out.splitlines()[-1] == "needed, and not usable: torch"


def test_a_machine_without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    kinds.obstacle.cache_clear()
    try:
        found = {each.name: each for each in look(*PARTS, "precision", "torch")}
    finally:
        kinds.obstacle.cache_clear()
    assert found["torch"].state == "ok"
    bubblewrap = found["bubblewrap"]
    assert (bubblewrap.state, bubblewrap.found) == ("missing", "bubblewrap is not installed")
    assert "apt install bubblewrap" in bubblewrap.advice
    if found["landlock"].state == "ok":
        assert found["sandbox"].found == "landlock, which `auto` takes"
    else:
        assert found["sandbox"].state == "missing"
        assert "--sandbox none" in found["sandbox"].advice
    if not torch.cuda.is_available():
        assert found["precision"].found.startswith("fp32 on cpu")
        assert found["torch-compile"].found.startswith("torch.compile needs a compiler (g++)")
    assert found["kernels"].state == "missing"
    assert "no C++ compiler" in found["kernels"].found
    assert "apt install g++" in found["kernels"].advice
    assert not any(each.fails for each in found.values())


@pytest.mark.slow
def test_a_required_part_decides_the_exit_code(broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    broken(pygls="raise OSError('half installed')")
    assert look("lsp")[0].state == "ok"  # found by its version only
    found = diagnosed("--require", "lsp", "--require", "openai-key", code=1)
    assert {name for name, each in found.items() if each["needed"]} == {
        *NEEDED, "lsp", "openai-key",
    }  # fmt: skip
    assert found["lsp"]["state"] == "broken"
    assert found["lsp"]["found"] == "pygls cannot be imported: OSError: half installed"
    assert found["openai-key"]["state"] == "missing"
    assert found["packages"]["state"] == "ok"


@pytest.mark.slow
def test_a_package_that_kills_its_process_hides_nothing_else(broken) -> None:
    dies = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    broken(torch=dies, lark=dies)
    found = diagnosed(code=1)
    assert found["torch"]["found"].startswith("it cannot be imported: the process ended with SIGS")
    assert found["packages"]["found"].startswith(
        "the check failed: Failed: lark: the process ended"
    )
    assert found["gpu"]["found"] == "unknown, since torch cannot be imported"
    broken_parts = {
        name for name, each in found.items() if each["needed"] and each["state"] != "ok"
    }
    assert broken_parts == {"torch", "packages"}


@pytest.mark.slow
@pytest.mark.parametrize("module", ["pydantic", "typer", "rich"])
def test_without_a_package_of_the_command_line_itself(broken, module: str) -> None:
    broken(**{module: "raise ImportError('half installed')", "torch": "raise ImportError"})
    form = "json" if module == "pydantic" else "text"
    done = subprocess.run(
        [sys.executable, "-m", "aira_dsl", "doctor", f"--format={form}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "the command line cannot start: ImportError: half installed\n"
    assert f"{module} cannot be imported: ImportError: half installed" in done.stdout
    assert done.stdout.startswith("{") == (form == "json")
    assert "Traceback" not in done.stdout


def test_a_wrong_version_is_broken_and_says_how_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version in (("jax", "0.1"), ("lark", "0.5")):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    needed, jax = look("packages", "jax")
    assert (jax.state, jax.found) == ("broken", "jax is 0.1, not >=0.7")
    assert jax.advice.startswith("pip install ")
    assert "jax>=0.7" in jax.advice
    assert (needed.state, needed.found) == ("broken", "lark is 0.5, not >=1.3")
    assert needed.advice == "pip install 'lark>=1.3'"
    assert needed.fails
    assert not jax.fails


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aira-dsl").write_text("a file in its place", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("AIRA_DSL_STORE")
    cache, store = look("cache", "store")
    assert cache.fails
    assert cache.found.startswith(f"{tmp_path}/aira-dsl cannot be written: ")
    assert "XDG_CACHE_HOME" in cache.advice
    assert store.fails


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_store_without_permissions(tmp_path: Path) -> None:
    Store(tmp_path / "store.db").close()
    (tmp_path / "store.db").chmod(0o400)
    (store,) = look("store")
    assert store.fails
    assert "cannot be written" in store.found


def test_the_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    (store,) = look("store")
    assert (store.state, path.exists()) == ("ok", False)
    Store(path).close()
    (store,) = look("store")
    assert store.found == f"{path}, 0 evaluations, 0.0 MiB"
    path.write_text("not a database, and longer than its header " * 20, encoding="utf-8")
    (store,) = look("store")
    assert store.fails
    assert "is not a usable evaluation store" in store.found
    assert "--store" in store.advice


def test_of_a_key_only_the_name_is_shown(broken, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(torch="raise ImportError(str(sorted(__import__('os').environ.items())))")
    secret = "sk-fake-7f3a91c2"
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("GOOGLE_API_KEY", "")
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    done = command_line.run("doctor", "--format", "json")
    assert secret not in done.out + done.err
    assert "sk-" not in done.out
    assert str(len(secret)) not in "".join(
        each["found"] for each in json.loads(done.out)["checks"] if each["name"].endswith("-key")
    )
    found = {each["name"]: each for each in json.loads(done.out)["checks"]}
    assert found["anthropic-key"]["found"] == "ANTHROPIC_API_KEY is set"
    assert found["google-key"]["found"] == "GEMINI_API_KEY is set"
    assert found["google-key"]["state"] == found["openai-key"]["state"] == "ok"


def test_the_variables_of_a_key_are_those_that_the_proposer_reads() -> None:
    assert KEY_CHECKS["anthropic-key"][0] == KEYS


def test_a_check_that_crashes_is_a_finding() -> None:
    def crash(machine: Machine) -> Outcome:
        raise ZeroDivisionError("a mistake\nof ours")

    with Machine((), list) as machine:
        finding = perform(Check("x", "optional", "nothing", crash), machine)
    assert (finding.state, finding.needed) == ("broken", False)
    assert finding.found == "the check failed: ZeroDivisionError: a mistake of ours"


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {check.name for check in CHECKS if check.role == "needed"} == NEEDED
