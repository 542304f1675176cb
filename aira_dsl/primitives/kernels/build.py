"""Build the kernels on first use, and load them.

The library is compiled for this very machine and kept in the user's cache, under a name that says
what it depends on: the sources, the compiler and the processor. So another machine that shares the
home folder, a new version or another compiler each get their own. A damaged file is built
again. Without a compiler, or if it fails, there are no kernels and plain PyTorch computes.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

from aira_dsl.utils.files import TEMPORARY, cache_folder, replace_file

COMPILERS = ("g++", "clang++", "c++")
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-ffp-contract=fast", "-shared", "-fPIC", "-w")
BUILD_SECONDS = 120.0


class Unavailable(Exception):
    """The kernels cannot be used here; the message says why."""


@cache
def load_kernels() -> ctypes.CDLL:
    """Return the library, built if this machine has none yet; once a process.

    Raises:
        Unavailable: if there is no compiler, or it fails, or the result cannot be loaded.
    """
    return load(build(_native_flags()))


def build(flags: tuple[str, ...]) -> Path:
    """Return the library compiled with these flags, from the cache or from the compiler.

    Raises:
        Unavailable: if there is no compiler or it fails.
    """
    compiler = _find_compiler()
    folder = cache_folder() / "kernels"
    path = folder / f"{_identity(compiler, flags)}.so"
    try:
        if not _is_whole(path):
            folder.mkdir(parents=True, exist_ok=True)
            _compile(compiler, flags, path)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from None
    return path


def load(path: Path) -> ctypes.CDLL:
    """Load a library.

    Raises:
        Unavailable: if the system refuses it.
    """
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(f"the kernels cannot be loaded: {error}") from None


def _find_compiler() -> str:
    wanted = os.environ.get("CXX")
    for name in (wanted,) if wanted else COMPILERS:
        if found := shutil.which(name):
            return found
    missing = wanted or ", ".join(COMPILERS)
    raise Unavailable(f"no C++ compiler ({missing}) was found")


def _native_flags() -> tuple[str, ...]:
    """Ask for all that this processor can do; by its name on x86, -mcpu elsewhere."""
    if platform.machine() in ("x86_64", "AMD64"):
        return ("-march=native", "-mprefer-vector-width=512")
    return ("-mcpu=native",)


def _identity(compiler: str, flags: tuple[str, ...]) -> str:
    """Hash all that decides what the compiler makes."""
    digest = hashlib.sha256("\n".join((*FLAGS, *flags, _processor())).encode())
    digest.update(_run([compiler, "--version"]))
    for name, text in sorted(_sources().items()):
        digest.update(f"{name}\n{text}".encode())
    return digest.hexdigest()[:24]


def _sources() -> dict[str, str]:
    folder = resources.files("aira_dsl.primitives") / "kernels"
    return {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if "pp" in entry.name
    }


def _processor() -> str:
    """Name what the processor can do: its kind, and on Linux its list of features."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        features = next(line for line in lines if line.lower().startswith(("flags", "features")))
    except (OSError, StopIteration):
        features = platform.processor()
    return f"{platform.machine()} {features}"


def _compile(compiler: str, flags: tuple[str, ...], path: Path) -> None:
    """Compile in a folder of its own; the finished library appears at once."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
        for name, text in _sources().items():
            Path(folder, name).write_text(text, encoding="utf-8")
        made = Path(folder, "kernels.so")
        _run([compiler, *FLAGS, *flags, str(Path(folder, "kernels.cpp")), "-o", str(made)])
        content = made.read_bytes()
    replace_file(path, content)
    replace_file(_checksum(path), hashlib.sha256(content).hexdigest().encode())


def _is_whole(path: Path) -> bool:
    """Tell whether a library is there as it was written; loading half a one kills the process."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return _checksum(path).read_text(encoding="utf-8") == digest
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _checksum(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=BUILD_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"the compiler {command[0]} cannot be run: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = next((line for line in lines if "error" in line), f"exit code {done.returncode}")
        raise Unavailable(f"the compiler {command[0]} failed: {reason}")
    return done.stdout
