"""The world outside a sandbox, for attempts to escape: secrets, servers, a process, witnesses."""

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from aira_dsl.sandbox.process import SandboxedProcess
from aira_dsl.sandbox.spec import Kind, Limits, Result, Spec
from aira_dsl.sandbox.system import LAUNCHER

from . import channels, exhaustion, files, keys, network, processes, tampering
from .programs import Program
from .table import ATTEMPTS, Attempt

GROUPS = (files, network, processes, channels, keys, exhaustion, tampering)
HERE = Path(__file__).parent
PYTHON = (sys.executable, "-I")
MIB = 1 << 20
TIGHT = Limits(
    memory=128 * MIB,
    processes=64,
    scratch=64 * MIB,
    file=32 * MIB,
    open_files=256,
    cpu_seconds=30,
    wall_seconds=600,
)
LOOSE = Limits(memory=8192 * MIB, processes=4000, scratch=2048 * MIB, file=10**12, open_files=4096)
VICTIM = """
import ctypes, sys, time
text = ctypes.create_string_buffer(sys.argv[1].encode())
held = open("secret")
print(ctypes.addressof(text), flush=True)
time.sleep(600)
"""


class World:
    """Secrets, servers and a process that a sandbox must keep out of reach; witnesses of escapes.

    All files can be read and written by every user, so that it is the sandbox that protects them.

    Args:
        kind: the sandbox; without one, tampering aims at copies.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.token, self.key = uuid.uuid4().hex, f"sk-ant-{uuid.uuid4().hex}"
        self._open = contextlib.ExitStack()
        self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        self.common_file = Path(f"/tmp/aira-dsl-common-{self.token}")
        self._open.callback(self.common_file.unlink, missing_ok=True)
        self._heard: set[str] = set()
        self._write_files()
        self._servers = self._open.enter_context(selectors.DefaultSelector())
        self._ports = self._start_servers()
        self._before = self._state()
        self._victim, self._address = self._start_victim()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, attempts: list[str], limits: Limits) -> dict[str, str]:
        """Run attempts in the sandbox; return what each says. One that is ended ends no other."""
        said: dict[str, str] = {}
        while left := [name for name in attempts if name not in said]:
            result = self._run_some(left, limits)
            said |= dict(json.loads(line) for line in result.stdout.decode().splitlines())
            if (unfinished := [name for name in left if name not in said]) and result.ended_by:
                said[unfinished[0]] = f"ended by the limit: {result.ended_by}"
            elif unfinished:
                raise AssertionError(f"{unfinished[0]} ended the runner: {result}")
        return said

    def _run_some(self, attempts: list[str], limits: Limits) -> Result:
        """Run attempts; without a sandbox the key and an open file are handed over on purpose."""
        arguments = (str(HERE / "runner.py"), json.dumps({**self.aim(), "attempts": attempts}))
        variables = {"ANTHROPIC_API_KEY": self.key} if self.kind == "none" else {}
        with (self.folder / "study/.env").open("rb") as file, _variable(self.key):
            os.set_inheritable(file.fileno(), True)
            spec = Spec(
                (*PYTHON, *arguments),
                read=(HERE, self.folder / "code", self.folder / "data"),
                environment=variables,
                descriptors=(file.fileno(),) if self.kind == "none" else (),
                limits=limits,
            )
            with SandboxedProcess(spec, self.kind) as process:
                return process.wait()

    def aim(self) -> dict[str, Any]:
        """Return what attempts are told; also what they could only guess."""
        real = self.kind != "none"
        names = ("home", "study", "code", "data", "secret")
        return {
            **{name: str(self.folder / name) for name in names},
            **self._ports,
            "token": self.token,
            "key_end": self.key[-20:],
            "common_file": str(self.common_file),
            "victim": self._victim,
            "address": self._address,
            "daemon": f"daemon-{self.token}-",
            "python": sys.executable,
            "packages": sysconfig.get_path("purelib") if real else str(self.folder / "packages"),
            "prefix": sys.prefix,
            "launcher": str(LAUNCHER),
            "supervisor": os.getpid(),
        }

    # Witnesses

    def is_tampered_with(self) -> bool:
        """Whether anything in the folders has changed."""
        return self._state() != self._before

    def has_left(self, name: str) -> bool:
        """Whether a file that is executed later was written."""
        packages = Path(str(self.aim()["packages"]))
        places = {
            "user": self.folder / "home/.local",
            "bashrc": self.folder / "home/.bashrc",
            "json.py": self.folder / "study/json.py",
        }
        return places.get(name, packages / name).exists()

    def heard(self) -> set[str]:
        """Return what the servers have received."""
        while ready := self._servers.select(0.05):
            for key, _ in ready:
                key.data(key.fileobj)
        return self._heard

    def is_running(self, word: str) -> bool:
        """Whether a process that an attempt has left is alive."""
        return any(f"daemon-{self.token}-{word}" in line for line in _command_lines())

    # What there is

    def _write_files(self) -> None:
        contents = {
            **dict.fromkeys(("secret", "home/.ssh/id_ed25519", "study/study.db"), self.token),
            "study/candidate-1/model.py": self.token,
            "study/.env": self.key,
            "code/model.py": "pass",
            "answers.npy": self.token,
            "data/train.bin": "data",
            "data/spare.bin": "data",
            "packages/numpy.py": "",
        }
        for name, content in contents.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            path.chmod(0o666)
        (self.folder / "code/link").symlink_to(self.folder / "secret")
        for path in (self.folder, *self.folder.rglob("*/")):
            path.chmod(0o777)

    def _state(self) -> dict[str, tuple[int, int, bytes]]:
        found = {}
        for name in ("code", "data", "study"):
            for path in (self.folder / name).rglob("*"):
                status = path.lstat()
                content = path.read_bytes() if path.is_file() else b""
                found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
        return found

    def _start_servers(self) -> dict[str, Any]:
        ports = {}
        for name, family, address in (
            ("tcp", socket.AF_INET, "127.0.0.1"),
            ("tcp6", socket.AF_INET6, "::1"),
            ("udp", socket.AF_INET, "127.0.0.1"),
            ("udp6", socket.AF_INET6, "::1"),
        ):
            kind = socket.SOCK_DGRAM if "udp" in name else socket.SOCK_STREAM
            with contextlib.suppress(OSError):  # a machine without IPv6
                ports[name] = self._serve(family, kind, (address, 0)).getsockname()[1]
        paths = {"unix": "socket", "unix-readable": "code/socket"}
        for name, path in paths.items():
            ports[name] = str(self.folder / path)
            self._serve(socket.AF_UNIX, socket.SOCK_STREAM, ports[name])
            os.chmod(ports[name], 0o777)
        ports["abstract"] = f"aira-dsl-{self.token}"
        self._serve(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{ports['abstract']}")
        return ports

    def _serve(self, family: int, kind: int, address: Any) -> socket.socket:
        server = self._open.enter_context(socket.socket(family, kind))
        server.bind(address)
        if kind == socket.SOCK_STREAM:
            server.listen()
        self._servers.register(server, selectors.EVENT_READ, self._listen_to)
        return server

    def _listen_to(self, server: socket.socket) -> None:
        if server.type == socket.SOCK_DGRAM:
            self._heard.add(server.recv(100).decode())
            return
        connection, _ = server.accept()
        with connection:
            connection.settimeout(1)
            self._heard.add(connection.recv(100).decode().strip())

    def _start_victim(self) -> tuple[int, int]:
        victim = subprocess.Popen(
            [*PYTHON, "-S", "-c", VICTIM, self.token],
            cwd=self.folder,
            env={"ANTHROPIC_API_KEY": self.key},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert victim.stdout is not None
        self._open.enter_context(victim)
        self._open.callback(victim.kill)
        return victim.pid, int(victim.stdout.readline())


def outcomes(kind: Kind) -> dict[str, str]:
    """Return `worked` or why not, for every attempt; without a sandbox for those that are safe."""
    with World(kind) as world:
        chosen = [each for each in ATTEMPTS.values() if kind != "none" or each.control != "unsafe"]
        said = world.run([each.name for each in chosen], LOOSE if kind == "none" else TIGHT)
        return {each.name: _outcome(each, said[each.name], world) for each in chosen}


def _outcome(attempt: Attempt, said: str, world: World) -> str:
    """Return what came of an attempt: where there is evidence, that counts and not what it says."""
    if attempt.evidence is None:
        return said
    if attempt.evidence(world):
        return "worked"
    return "no effect outside" if said == "worked" else said


def run_program(program: Program, kind: Kind, *words: str) -> Result:
    """Run a program that takes a resource without end."""
    values = {"wall_seconds": 120.0, "memory": 512 * MIB, "processes": 64, **program.limits}
    spec = Spec((*PYTHON, "-S", "-c", program.code, *words), limits=Limits(**values))
    with SandboxedProcess(spec, kind) as process:
        return process.wait()


def processes_with(word: str) -> list[str]:
    """Return the command lines of this machine's processes that have a word."""
    return [line for line in _command_lines() if word in line]


def _command_lines() -> Iterator[str]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (folder / "cmdline").read_bytes().decode(errors="replace")


@contextlib.contextmanager
def _variable(key: str) -> Iterator[None]:
    """Have an API key in the environment, as somebody who searches with a model has."""
    before = dict(os.environ)
    os.environ["ANTHROPIC_API_KEY"] = key
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
