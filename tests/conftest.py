"""What holds for every test.

One thread, here and in the processes that tests start: on a busy machine a second one waits more
than it helps. In CI hypothesis draws the
same examples every time, so that a failure comes from a change; elsewhere it looks for new ones.
Nowhere does the time that an example takes decide: a busy machine is slow.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.helpers.ray_cluster import LocalCluster

settings.register_profile(
    "aira-dsl",
    derandomize=bool(os.environ.get("CI")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aira-dsl")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first: a process that begins one of them at the end works on it alone."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    with patch.dict(os.environ, {"OMP_NUM_THREADS": "1"}):
        yield


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator["LocalCluster"]:
    """A Ray cluster whose head takes no jobs; the environment of its nodes has a key."""
    from tests.helpers.ray_cluster import LocalCluster

    with patch.dict(os.environ, {"HF_TOKEN": "of-the-node"}), LocalCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _nodes() -> list[Any]:
    return []


@pytest.fixture
def two_nodes(ray_cluster: "LocalCluster", _nodes: list[Any]) -> list[Any]:
    """Two nodes of the cluster with one CPU each; a test kills those that it removes."""
    while len(_nodes) < 2:
        _nodes.append(ray_cluster.add_node())
    return _nodes
