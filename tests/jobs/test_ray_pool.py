"""Jobs on a Ray cluster: the contract of pools, nodes that are lost, and what cannot be used."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from aira_dsl.errors import UsageError
from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.pool import Needs, Pool
from aira_dsl.jobs.ray_actor import JobActor
from aira_dsl.testing.pools import PoolContract, job, run
from tests.helpers.ray_cluster import LocalCluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_node(ray_cluster: LocalCluster) -> Iterator[str]:
    """The address of a cluster while it has one node of three CPUs and a GPU."""
    node = ray_cluster.add_node(cpus=3, gpus=1)
    yield ray_cluster.address
    ray_cluster.kill(node)


class TestRayPool(PoolContract):
    @pytest.fixture(autouse=True)
    def _address(self, one_node: str) -> None:
        self.address = one_node

    def make_pool(self, processes: int) -> Pool:
        return PoolChoice(processes, self.address).open()


def test_keys_of_a_node_are_hidden_from_jobs(one_node: str) -> None:
    with closing(PoolChoice(1, one_node).open()) as pool:
        environment = run(pool, job("environment")).value
        assert "of-the-node" not in environment.values()
        assert environment["PATH"] == os.environ["PATH"]


def test_a_pool_has_room_for_what_the_nodes_hold(one_node: str) -> None:
    choice = PoolChoice(ray=one_node)
    assert choice.has_gpu()
    assert choice.places() >= 3  # other tests may have left nodes of one CPU
    assert choice.places(Needs(gpus=1)) == 1
    assert choice.places(Needs(cpus=2)) == 1
    assert choice.places(Needs(reserve=choice.memory_share() + 1)) < choice.places()
    assert choice.memory_share(Needs(cpus=2)) == choice.memory_share(Needs(cpus=3))
    assert choice.memory_share() <= choice.memory_share(Needs(cpus=2)) / 3


def test_a_connected_process_cannot_use_another_cluster(one_node: str) -> None:
    PoolChoice(1, one_node).open().close()
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"connected to the cluster at {one_node}") as caught:
            PoolChoice(1, address).open()
    assert caught.value.code == "E1902"


def test_a_job_that_no_node_can_hold_is_an_error(one_node: str) -> None:
    with closing(PoolChoice(1, one_node).open()) as pool:
        failure = run(pool, job("echo", needs=Needs(cpus=64, gpus=2, memory=1 << 30))).failure
        assert failure is not None
        assert failure.error is not None
        assert failure.error.code == "E1904"
        assert failure.message == "no node of the cluster has 64 CPUs, 2 GPUs, 1.0 GiB of memory"
        failure = run(pool, job("echo", needs=Needs(reserve=1 << 50))).failure
        assert failure is not None
        assert failure.message == "no node of the cluster has 1 CPUs, 1,048,576.0 GiB of memory"
        assert run(pool, job("echo", 1)).value == 1


class OnlyHere(JobActor):
    """An actor whose module a node cannot import."""


def test_a_node_that_cannot_import_the_package_is_an_error(
    one_node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aira_dsl.jobs.ray.JobActor", OnlyHere)
    with closing(PoolChoice(1, one_node).open()) as pool:
        failure = run(pool, job("echo")).failure
        assert failure is not None
        assert failure.error is not None
        assert failure.error.code == "E1903"
        assert f"ModuleNotFoundError: No module named '{__name__}'" in failure.message


def test_a_node_with_another_version_is_an_error(
    one_node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aira_dsl.jobs.ray.installed", lambda: "aira-dsl 0.0.1")
    with closing(PoolChoice(1, one_node).open()) as pool:
        failure = run(pool, job("echo")).failure
        assert failure is not None
        assert failure.error is not None
        assert failure.error.code == "E1903"
        assert failure.message.endswith("this machine has aira-dsl 0.0.1")
