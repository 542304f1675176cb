"""Cores and memory available to this process; the names of devices and precisions."""

import os
from pathlib import Path
from typing import Literal

Precision = Literal["fp32", "bf16"]
PrecisionChoice = Literal["auto", "fp32", "bf16"]
Device = Literal["cpu", "cuda"]
DeviceChoice = Literal["auto", "cpu", "cuda"]

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")  # a container's own limits (version 2)


def available_cores() -> int:
    """Return the number of cores this process may use, by affinity and container quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    try:
        quota, period = (CGROUP / "cpu.max").read_text(encoding="utf-8").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no container, or "max": no quota
        return cores


def free_memory() -> int | None:
    """Return bytes that can be allocated without swapping, or None if unknown."""
    known = [free for free in (_machine_memory(), _container_memory()) if free is not None]
    return min(known, default=None)


def _machine_memory() -> int | None:
    try:
        for line in MEMINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _container_memory() -> int | None:
    """Return the bytes left of a container's limit, or None outside a container."""
    try:
        limit = int((CGROUP / "memory.max").read_text(encoding="utf-8"))  # "max" if there is none
        return max(0, limit - int((CGROUP / "memory.current").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
