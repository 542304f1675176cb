"""Where the jobs of a command run: in processes on this machine, or on a Ray cluster."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Needs, Pool
from aira_dsl.utils.machine import available_cores
from aira_dsl.utils.options import Options, Spelling

AUTO = "auto"
"""Address of the cluster that runs on this machine, or that RAY_ADDRESS names."""

MOST_WORKERS = 1024
ONE_CORE = Needs()

_ADDRESS = re.compile(rf"{AUTO}|[^/\s]+:\d+")


def is_address(text: str) -> bool:
    """Tell whether a text is `auto` or HOST:PORT."""
    return _ADDRESS.fullmatch(text) is not None


def _checked(text: str) -> str:
    if not is_address(text):
        raise ValueError(f"must be {AUTO} or HOST:PORT, not {text!r}")
    return text


RayAddress = Annotated[str, AfterValidator(_checked), Spelling(metavar="[ADDRESS]")]
"""Type of an option `ray`; on the command line `--ray` alone means `auto`."""


class ClusterOptions(Options):
    """Cluster."""

    ray: RayAddress | None = None
    """Ray cluster that does the work, HOST:PORT of its head; without a value the one here."""


@dataclass(frozen=True)
class PoolChoice:
    """Where jobs run.

    Attributes:
        workers: number of jobs at a time; None for as many as there is room for.
        ray: address of a Ray cluster, `auto` or HOST:PORT; None for this machine.
    """

    workers: int | None = None
    ray: str | None = None

    def places(self, needs: Needs = ONE_CORE) -> int:
        """Return the number of jobs at a time.

        Args:
            needs: of each job; without `workers` the CPUs, GPUs and memory of a cluster are divided
                by them, and the cores of this machine. Jobs on the GPUs of this machine take turns.

        Raises:
            UsageError: E1901, E1902, as for `open`.
        """
        if self.workers is not None:
            return self.workers
        if self.ray is not None:
            from aira_dsl.jobs.cluster import Cluster, connect

            connect(self.ray)
            return min(max(1, Cluster().places(needs)), MOST_WORKERS)
        return 1 if needs.gpus else max(1, available_cores() // needs.cpus)

    def has_gpu(self) -> bool:
        """Tell whether a node of the cluster has a GPU.

        Raises:
            UsageError: E1901, E1902, as for `open`.
        """
        from aira_dsl.jobs.cluster import Cluster, connect

        assert self.ray is not None
        connect(self.ray)
        return Cluster().places(Needs(gpus=1)) > 0

    def memory_share(self, needs: Needs = ONE_CORE) -> int:
        """Return the bytes for each job, if all nodes of the cluster are full of such jobs."""
        from aira_dsl.jobs.cluster import Cluster, connect

        assert self.ray is not None
        connect(self.ray)
        return Cluster().memory_share(needs)

    def open(self, needs: Needs = ONE_CORE) -> Pool:
        """Return the pool.

        Args:
            needs: as for `places`.

        Raises:
            UsageError: E1901, Ray is not installed; E1902, there is no cluster at the address.
        """
        if self.ray is None:
            return LocalPool(self.places(needs))
        from aira_dsl.jobs.cluster import connect

        connect(self.ray)  # names what is missing, before Ray is imported
        from aira_dsl.jobs.ray import RayPool

        return RayPool(self.places(needs), self.ray)
