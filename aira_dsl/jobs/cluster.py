"""A Ray cluster: the connection to it, and what its nodes have."""

import logging
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from aira_dsl.errors import UsageError
from aira_dsl.jobs.pool import Needs
from aira_dsl.utils.extras import install_command
from aira_dsl.utils.formatting import gib

_CONNECT_SECONDS = 5.0


def connect(address: str) -> None:
    """Connect this process to a cluster; `auto` keeps the one that it is connected to.

    Args:
        address: `auto` for the cluster that runs on this machine or that RAY_ADDRESS names, or
            HOST:PORT of its head.

    Raises:
        UsageError: E1901, Ray is not installed; E1902, there is no such cluster, or this process
            is connected to another one.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "E1901", f"Ray is not installed: {error}", help=f"run `{install_command('ray')}`"
        ) from None
    try:
        _check_listening(address)
        if ray.is_initialized():
            _check_connected(address, ray.get_runtime_context().gcs_address)
            return
        with _same_signal_handlers():
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        # Ray prints what happens to nodes to standard output, which is for results.
        ray._private.worker.print_to_stdstream = lambda *_, **__: None
    except (OSError, RuntimeError, ValueError) as error:
        reason, _, _ = str(error).strip().splitlines()[0].partition(". ")
        raise UsageError(
            "E1902",
            f"there is no Ray cluster at {address!r}: {reason}",
            help="start one by `ray start --head`, or name its head: --ray HOST:PORT",
        ) from None


class Cluster:
    """The nodes of the cluster that this process is connected to."""

    def __init__(self) -> None:
        self._nodes: dict[str, Mapping[str, float]] = {}

    def places(self, needs: Needs) -> int:
        """Return how many jobs with such needs the nodes hold at a time."""
        return sum(_places(node, needs) for node in self._alive().values())

    def memory_share(self, needs: Needs) -> int:
        """Return the bytes for each job, on the node that has the least if it is full of them.

        1 GiB if no node holds such a job.
        """
        wanted = replace(needs, memory=None, reserve=0)
        nodes = [(node, _places(node, wanted)) for node in self._alive().values()]
        shares = [int(node.get("memory", 0)) // places for node, places in nodes if places]
        return min(shares, default=1 << 30)

    def obstacle(self, needs: Needs) -> str | None:
        """Say why no node holds such a job, now or at an earlier call; None if one does."""
        self._nodes |= self._alive()  # a node that was lost may come back
        if any(_places(node, needs) for node in self._nodes.values()):
            return None
        wanted = [f"{needs.cpus} CPUs"]
        wanted += [f"{needs.gpus} GPUs"] if needs.gpus else []
        wanted += [f"{gib(needs.node_memory)} of memory"] if needs.node_memory else []
        return f"no node of the cluster has {', '.join(wanted)}"

    def _alive(self) -> dict[str, Mapping[str, float]]:
        import ray

        nodes: list[dict[str, Any]] = ray.nodes()
        return {node["NodeID"]: node["Resources"] for node in nodes if node["Alive"]}


def _places(node: Mapping[str, float], needs: Needs) -> int:
    wanted = {"CPU": needs.cpus, "GPU": needs.gpus, "memory": needs.node_memory}
    return min(int(node.get(name, 0) // count) for name, count in wanted.items() if count)


def _check_listening(address: str) -> None:
    """Try an address for a few seconds; Ray would try for a minute.

    Raises:
        OSError: nothing listens there.
    """
    if address != "auto":
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()


def _check_connected(address: str, connected: str) -> None:
    """Compare the wanted cluster with the one that this process is connected to.

    Raises:
        ValueError: they differ; Ray connects a process to one cluster.
    """
    if address != "auto" and _place(address) != _place(connected):
        raise ValueError(f"this process is connected to the cluster at {connected}")


def _place(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return socket.gethostbyname(host), port


@contextmanager
def _same_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers, which `ray.init` replaces in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
