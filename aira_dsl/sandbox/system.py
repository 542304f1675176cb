"""What every program may read: the system's programs and libraries, and this Python."""

import os
import sys
from collections.abc import Iterator
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


def gpu_devices() -> Iterator[Path]:
    """Yield the device files of NVIDIA GPUs and their drivers."""
    yield from sorted(Path("/dev").glob("nvidia*"))


def new_user() -> int | None:
    """Return a user that no other process has, or None where this process is not root."""
    return _FIRST_USER + next(_next_user) % _USERS if os.geteuid() == 0 else None
