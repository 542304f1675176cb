"""Limits of a worker process: environment, threads, memory."""

import re
import resource
from collections.abc import Mapping
from pathlib import Path

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|^ANTHROPIC_|^PG", re.IGNORECASE)
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment(
    inherited: Mapping[str, str], *, cpus: int, gpus: int, trusted: bool
) -> dict[str, str]:
    """Return the environment of a worker process.

    Args:
        inherited: the environment of this process.
        cpus: number of threads for numeric libraries.
        gpus: with 0 all GPUs are hidden.
        trusted: whether to keep variables that look like keys, passwords or database access.
    """
    kept = {name: value for name, value in inherited.items() if trusted or not _is_secret(name)}
    hidden = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
    return {**kept, **dict.fromkeys(_THREADS, str(cpus)), **hidden}


def secrets(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that look like keys, passwords or database access."""
    return {name: value for name, value in inherited.items() if _is_secret(name)}


def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def allocated_memory() -> int:
    """Return the bytes that RLIMIT_DATA counts for this process; 0 where that is unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(
        ln for ln in status.read_text(encoding="utf-8").splitlines() if ln.startswith("VmData")
    )
    return int(line.split()[1]) * 1024


def limit_memory(limit_bytes: int | None) -> None:
    """Let allocations of this process fail beyond a total size; None removes the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard if limit_bytes is None else limit_bytes, hard))
