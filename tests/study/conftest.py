"""A tiny space, evaluated for real in under a second, and the command line as users run it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import command_line

TINY = """
space tiny {
  width 16
  block A = attention { heads 2 }
  block M = mlp { hidden 16 }
  block Mb = mamba2 { inner 16, state 4, head_dim 8 }
  slots 4
}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The file of a space of 81 arrangements."""
    path = tmp_path / "tiny.arch"
    path.write_text(TINY, encoding="utf-8")
    return path


class Cli:
    """Runs `aira-dsl` in a folder of its own, with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {
            **os.environ,
            "AIRA_DSL_STORE": str(folder / "store.db"),
            "COLUMNS": "200",
        }

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "aira_dsl", *map(str, arguments)]

    def run(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
            **options,
        )

    def run_here(self, *arguments: object) -> command_line.Done:
        """Run a command in this process, which need not start Python and import torch."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in os.environ.keys() - self.environment.keys():
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            return command_line.run(*arguments)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    made = Cli(tmp_path)
    yield made
    for process in made.started:  # a test that failed may have left some
        process.kill()
        process.communicate()


def wait_for_results(process: subprocess.Popen[str], count: int) -> None:
    """Read a search's progress until it has told of `count` finished trials."""
    assert process.stderr is not None
    seen = 0
    for line in process.stderr:
        seen += line.startswith("[")
        if seen == count:
            return
    raise AssertionError(f"the search ended after {seen} results")


def trials(folder: Path) -> list[dict[str, Any]]:
    """Read the trial table of a run folder."""
    table: list[dict[str, Any]] = json.loads((folder / "trials.json").read_text(encoding="utf-8"))
    return table


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


class Postgres:
    """Debian's PostgreSQL server on loopback, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.binaries = _postgres_binaries()
        self.data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # The server refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None
        folder.chmod(0o755)
        self.data.mkdir()
        if self.user:
            shutil.chown(self.data, self.user)
        self._call("initdb", "-D", self.data, "-U", "aira", "-A", "trust", "--no-sync")
        self._databases = 0
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self.data} -F"
        self._call("pg_ctl", "-D", self.data, "-w", "-o", options, "-l", self.data / "log", "start")

    def stop(self, mode: str = "immediate") -> None:
        self._call("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        self._databases += 1
        name = f"aira{self._databases}"
        self._call("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "aira", name)
        return f"postgresql://aira@127.0.0.1:{self.port}/{name}"

    def _call(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [str(self.binaries / program), *map(str, arguments)],
            check=True,
            cwd="/",
            user=self.user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=900,
        )


def _postgres_binaries() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    if found is None:
        assert not os.environ.get("CI"), "CI runs with PostgreSQL: apt-get install postgresql"
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    return Path(found).resolve().parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # Not below pytest's own folder: every run of pytest closes that to other users, and the server
    # is one, so a second run would cut it off from its data.
    folder = Path(tempfile.mkdtemp(prefix="aira-dsl-postgres-"))
    try:
        server = Postgres(folder)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def kill_hard(process: subprocess.Popen[Any]) -> None:
    """What `kill -9` does."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


@contextmanager
def paused(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Stop a process meanwhile: what it is doing lasts until the test is ready."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


Run = Callable[..., subprocess.CompletedProcess[str]]
