"""What every program may read: the system's programs and libraries, and this Python."""

import os
import sys
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/nsswitch.conf",
)
HARDWARE = ("/sys/devices/system/cpu", "/sys/devices/system/node")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_FIRST_USER, _USERS = 61184, 4336  # the range from which systemd takes users of one service
_next_user = count(os.getpid() * 16)

LAUNCHER = Path(__file__).with_name("launcher.py")
PYTHON = Path(sys.executable).resolve()


def python_folders() -> list[Path]:
    """Return the folders of this Python and of its packages, without what `/usr` contains.

    Of `sys.path` only folders of installed packages count: the current folder, or that of a package
    installed with `pip install -e`, can hold anything.
    """
    packages = [Path(name) for name in sys.path if name.endswith(("-packages",))]
    folders = {Path(sys.prefix), Path(sys.base_prefix), *packages, PYTHON.parent.parent}
    return sorted(
        folder for folder in folders if folder.is_dir() and not folder.is_relative_to("/usr")
    )


def package_folders() -> list[Path]:
    """Return every folder of installed packages of this Python and of the system."""
    roots = {Path("/usr"), Path("/usr/local"), *python_folders()}
    found = {
        folder
        for root in roots
        for name in ("site-packages", "dist-packages")
        for folder in (root, *root.glob(f"lib*/python3*/{name}"))
        if folder.name == name
    }
    return sorted({folder.resolve() for folder in found if folder.is_dir()})


def without(folder: Path, hidden: Collection[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield what to show of a folder, so that some folders inside it are hidden.

    A link that leads to a hidden folder, or to one above it, is not shown: the `lib64` of a virtual
    environment is a link to `lib`.

    Yields:
        A path, and whether all of it is shown; if not, only the names in it, because one of the
        hidden folders is further below.
    """
    if folder in hidden:
        return
    if not any(each.is_relative_to(folder) for each in hidden):
        yield folder, True
        return
    yield folder, False
    for path in sorted(folder.iterdir()):
        if not (path.is_symlink() and _overlaps(path.resolve(), hidden)):
            yield from without(path, hidden)


def _overlaps(path: Path, hidden: Collection[Path]) -> bool:
    return any(each.is_relative_to(path) or path.is_relative_to(each) for each in hidden)


def gpu_devices() -> Iterator[Path]:
    """Yield the device files of NVIDIA GPUs and their drivers."""
    yield from sorted(Path("/dev").glob("nvidia*"))


def new_user() -> int | None:
    """Return a user that no other process has, or None where this process is not root."""
    return _FIRST_USER + next(_next_user) % _USERS if os.geteuid() == 0 else None
