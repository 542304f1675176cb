"""Searches whose evaluations run on a Ray cluster, with a node killed in between."""

from pathlib import Path
from typing import Any

import pytest

import aira_dsl
from aira_dsl.study.progress import Progress
from tests.helpers.ray_cluster import LocalCluster

BUDGET = 8


@pytest.mark.slow
def test_a_search_meets_its_budget_though_a_node_is_killed(
    ray_cluster: LocalCluster, two_nodes: list[Any], tiny: Path, tmp_path: Path
) -> None:
    def watch(progress: Progress) -> None:
        if len(two_nodes) == 2 and progress.done >= 2 and progress.running == 2:
            ray_cluster.kill(two_nodes.pop())

    result = aira_dsl.search(
        aira_dsl.Space.load(tiny),
        sampler="random",
        preset="smoke",
        workers=2,
        budget=BUDGET,
        winners=1,
        repeats=1,
        ray=ray_cluster.address,
        store=tmp_path / "store.db",
        out=tmp_path / "run",
        on_progress=watch,
    )
    assert len(two_nodes) == 1
    assert [row.number for row in result.rows] == list(range(BUDGET))
    assert {row.state for row in result.rows} <= {"COMPLETE", "PRUNED"}
    assert len({row.fingerprint for row in result.rows}) == BUDGET
    assert not any(row.cached for row in result.rows)
    best = aira_dsl.load(tmp_path / "run/best.arch")
    here = aira_dsl.evaluate(best, preset="smoke", store=tmp_path / "other.db")
    assert here.score == result.score
