"""The kind `bubblewrap`: namespaces of its own for everything, and a root with only what is listed.

The program is not root, and there is no way to other namespaces. When process 1 of its process
namespace ends, the kernel ends all others.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from aira_dsl.sandbox import system
from aira_dsl.sandbox.spec import Spec

SCRATCH = "/tmp"
SHARED_MEMORY = "/dev/shm"
USER = 65534
"""The user inside."""


def arguments(spec: Spec, *, filter_: int, user_map: tuple[int, int] | None) -> list[str]:
    """Return the arguments of `bwrap`, without the program.

    Args:
        spec: what the program may reach.
        filter_: descriptor of a file with the seccomp filter.
        user_map: descriptors to which `bwrap` writes its process, and from which it reads when
            the users of the sandbox are set (`map_users`); None where this process is not root.
    """
    return [
        *("--unshare-all", "--unshare-user", "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session"),
        *_user(user_map),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
        *_devices(spec),
        *("--perms", "1777", "--size", str(spec.limits.memory), "--tmpfs", SHARED_MEMORY),
        *("--remount-ro", "/dev"),
        *("--perms", "1777", "--size", str(spec.limits.scratch), "--tmpfs", SCRATCH),
        *_readable(spec),
        *("--remount-ro", "/", "--chdir", SCRATCH, "--seccomp", str(filter_)),
    ]


def map_users(process: int, user: int) -> None:
    """Give a sandbox of root its users: root, who makes the mounts, and `USER`, not root outside.

    Args:
        process: number of the process that `bwrap` has made.
        user: number outside of the user `USER` inside.
    """
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{process}/{name}").write_text(f"0 0 1\n{USER} {user} 1\n", encoding="ascii")


def _user(user_map: tuple[int, int] | None) -> list[str]:
    """Return the options for the user inside, and for what it may still do.

    A sandbox of root starts as root, so that the launcher can become a user for whom the limit of
    processes holds; then the kernel takes the other capabilities away. Namespaces inside are
    refused by the seccomp filter, and where it is possible by the kernel too.
    """
    if user_map is None:
        ids = ("--uid", str(USER), "--gid", str(USER))
        return [*ids, "--cap-drop", "ALL", "--disable-userns"]
    info, block = user_map
    needed = ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH")
    return [
        *("--info-fd", str(info), "--userns-block-fd", str(block), "--cap-drop", "ALL"),
        *(word for name in needed for word in ("--cap-add", name)),
    ]


def _system() -> list[str]:
    found = []
    for name in system.SYSTEM:
        if os.path.islink(name):
            found += ["--symlink", os.readlink(name), name]
        else:
            found += ["--ro-bind-try", name, name]
    for name in (*system.SETTINGS, *system.HARDWARE):
        found += ["--ro-bind-try", name, name]
    return found


def _devices(spec: Spec) -> list[str]:
    """Return the options for GPUs; their drivers look for them in /sys."""
    if not spec.gpu:
        return []
    found = ["--ro-bind", "/sys", "/sys"]
    for device in system.gpu_devices():
        found += ["--dev-bind", str(device), str(device)]
    return found


def _readable(spec: Spec) -> list[str]:
    """Return the options for files and folders, outer ones before those inside them."""
    listed = {system.LAUNCHER, *(Path(os.path.abspath(path)) for path in spec.read)}
    if spec.all_packages:
        return _bound({*listed, *system.python_folders()})
    hidden = [str(folder) for folder in system.package_folders()]
    empty = [word for folder in hidden for word in ("--size", "65536", "--tmpfs", folder)]
    sealed = [word for folder in hidden for word in ("--remount-ro", folder)]
    return [*_bound(system.python_folders()), *empty, *_bound(listed), *sealed]


def _bound(paths: Iterable[Path]) -> list[str]:
    return [word for path in sorted(paths) for word in ("--ro-bind", str(path), str(path))]
