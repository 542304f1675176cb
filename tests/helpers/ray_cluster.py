"""A Ray cluster on this machine: nodes that can be killed."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import ray
from ray.cluster_utils import Cluster

from aira_dsl.jobs.cluster import connect

_STORE = 80 << 20  # bytes of shared memory of a node; jobs and results are small
_TRIES = 5


def _started(start: Callable[[], Any]) -> Any:
    """Start a node, again if it fails: Ray ends one whose agent is not ready after 15 seconds."""
    for _ in range(_TRIES - 1):
        with suppress(Exception):  # Ray raises no narrower one
            return start()
    return start()


class LocalCluster:
    """A head without CPUs, and nodes that are added to it; a context manager."""

    def __init__(self) -> None:
        head = {
            "num_cpus": 0,
            "object_store_memory": _STORE,
            "include_dashboard": False,
            "_system_config": {"health_check_period_ms": 300},  # ten times as often as by default
        }
        self._cluster = _started(lambda: Cluster(initialize_head=True, head_node_args=head))
        connect(self.address)  # by way of the head, which is not killed

    @property
    def address(self) -> str:
        """HOST:PORT of the head."""
        return str(self._cluster.address)

    def add_node(self, cpus: int = 1, gpus: int = 0) -> Any:
        """Start a node and wait until it has joined."""
        return _started(
            lambda: self._cluster.add_node(num_cpus=cpus, num_gpus=gpus, object_store_memory=_STORE)
        )

    def kill(self, node: Any) -> None:
        """Kill every process of a node."""
        self._cluster.remove_node(node, allow_graceful=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        ray.shutdown()
        self._cluster.shutdown()
