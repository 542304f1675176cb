"""The kind `landlock`: rules for files in the running kernel, without namespaces or privileges.

What it cannot hide is whether a file exists and how large it is. A supervisor that is root makes
the program another user, one that no other process has. Source: landlock(7).
"""

import ctypes
from pathlib import Path

from aira_dsl.sandbox import system
from aira_dsl.sandbox.spec import Spec

# Rights to files, by the version of Landlock that has them
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_REMOVE = 1 << 4 | 1 << 5
_MAKE = 1 << 7 | 1 << 8 | 1 << 12  # folders, regular files, symbolic links
_MAKE_DEVICES = 1 << 6 | 1 << 11
_MOVE, _TRUNCATE, _USE_DEVICE = 1 << 13, 1 << 14, 1 << 15
_FILES = {1: 0x1FFF, 2: _MOVE, 3: _TRUNCATE, 5: _USE_DEVICE}
_NETWORK = {4: 0b11}  # bind and connect TCP
_SCOPE = {6: 0b11}  # abstract sockets, signals

_READABLE = _EXECUTE | _READ | _LIST
_WRITABLE = _READABLE | _WRITE | _REMOVE | _MAKE | _MOVE | _TRUNCATE

NEEDED = 6
"""The version that keeps signals of the same user inside; Linux 6.12."""
NEEDED_BY_ROOT = 2
"""The version that a supervisor which is root needs, because its programs are another user."""

_PROC = ("cpuinfo", "meminfo", "stat", "version", "filesystems", "loadavg", "sys/vm", "sys/kernel")


def version() -> int:
    """Return the version of Landlock in the running kernel; 0 without it."""
    return max(0, int(ctypes.CDLL(None).syscall(444, None, 0, 1)))


def orders(spec: Spec, scratch: Path) -> dict[str, object]:
    """Return the rules as the launcher takes them."""
    folders = [*map(Path, system.SYSTEM), *system.python_folders()]
    shown = {folder.resolve() for folder in folders}
    hidden = [] if spec.all_packages else system.package_folders()
    rules = [
        (str(path), _READABLE if whole else _LIST)
        for folder in sorted(shown)
        for path, whole in system.without(folder, hidden)
    ]
    rules += [(name, _READABLE) for name in (*system.SETTINGS, *system.HARDWARE)]
    rules += [(str(path), _READABLE) for path in spec.read]
    rules += [(f"/proc/{name}", _READ | _LIST) for name in (*_PROC, "self")]
    rules += [(name, _READ | _WRITE) for name in system.DEVICES]
    rules += [(str(scratch), _WRITABLE)]
    if spec.gpu:
        rules += [
            (str(path), _READ | _WRITE | _LIST | _USE_DEVICE) for path in system.gpu_devices()
        ]
        rules += [("/sys", _READ | _LIST), ("/proc/driver/nvidia", _READ | _LIST)]
    here = version()
    return {
        "files": _known(_FILES, here),
        "network": _known(_NETWORK, here),
        "scope": _known(_SCOPE, here),
        "rules": rules,
    }


def second_layer() -> dict[str, object] | None:
    """Return rules for a program in bubblewrap, where the kernel has Landlock.

    They leave files to the mounts. Process 1 inside is bubblewrap's, of the same user and without
    the seccomp filter: with any rules, the program cannot read or write its memory.
    """
    if not (here := version()):
        return None
    network, scope = _known(_NETWORK, here), _known(_SCOPE, here)
    return {"files": _MAKE_DEVICES, "network": network, "scope": scope, "rules": []}


def _known(rights: dict[int, int], here: int) -> int:
    return sum(bits for since, bits in rights.items() if since <= here)
