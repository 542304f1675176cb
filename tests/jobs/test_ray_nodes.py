"""A node of a Ray cluster that is killed at work: every job still ends once."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.pool import Outcome
from aira_dsl.testing.pools import job, wait_for_end
from tests.helpers.ray_cluster import LocalCluster

COUNT = 8


@pytest.mark.slow
def test_a_grid_is_complete_though_a_node_is_killed(
    ray_cluster: LocalCluster,
    two_nodes: list[Any],
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Only the job that ran on the killed node is started again; Ray prints nothing."""
    started: list[int] = []
    outcomes: list[Outcome] = []

    def note(pid: int) -> bool:
        started.append(pid)
        return True

    os.mkfifo(tmp_path / "pipe")
    held = job("wait_for_byte", {"pipe": str(tmp_path / "pipe"), "value": None})
    with (
        open(tmp_path / "pipe", "r+b", buffering=0) as pipe,
        closing(PoolChoice(2, ray_cluster.address).open()) as pool,
    ):
        waiting = list(range(COUNT))
        while waiting or pool.running:
            while waiting and pool.free:
                tag = waiting.pop(0)  # the first two run when the node is killed
                pool.submit(tag, held if tag < 2 else job("sleep", 0.05), should_continue=note)
            outcomes += pool.collect(1.0)
            if len(started) == 2 and len(two_nodes) == 2:
                ray_cluster.kill(two_nodes.pop())
                wait_for_end(*started)
                pipe.write(b"!!")
    assert sorted(outcome.tag for outcome in outcomes) == list(range(COUNT))
    assert [outcome.failure for outcome in outcomes] == [None] * COUNT
    assert len(started) == COUNT + 1
    assert capfd.readouterr().out == ""
