"""A node of a Ray cluster that is killed at work: every job still ends once."""

from contextlib import closing
from typing import Any

import pytest

from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.pool import Outcome
from aira_dsl.testing.pools import job
from tests.helpers.ray_cluster import LocalCluster

COUNT = 8


@pytest.mark.slow
def test_a_grid_is_complete_though_a_node_is_killed(
    ray_cluster: LocalCluster, two_nodes: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """Only the job that ran on the killed node is started again; Ray prints nothing."""
    started: list[int] = []
    outcomes: list[Outcome] = []

    def note(pid: int) -> bool:
        started.append(pid)
        return True

    with closing(PoolChoice(2, ray_cluster.address).open()) as pool:
        waiting = list(range(COUNT))
        while waiting or pool.running:
            while waiting and pool.free:
                tag = waiting.pop(0)
                seconds = 2.0 if tag < 2 else 0.05  # both run when the node is killed
                pool.submit(tag, job("sleep", seconds), should_continue=note)
            outcomes += pool.collect(1.0)
            if len(started) == 2 and len(two_nodes) == 2:
                ray_cluster.kill(two_nodes.pop())
    assert sorted(outcome.tag for outcome in outcomes) == list(range(COUNT))
    assert [outcome.failure for outcome in outcomes] == [None] * COUNT
    assert len(started) == COUNT + 1
    assert capfd.readouterr().out == ""
