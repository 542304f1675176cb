"""Runs of code candidates against model services on loopback that fail in a third of the calls."""

import json

import pytest

from aira_dsl.design.code_agent.library import LibraryAnswers
from aira_dsl.design.settings import DesignSettings
from aira_dsl.design.task import load_task
from aira_dsl.sandbox.kinds import obstacle
from aira_dsl.study.run import read_run_of
from tests.helpers.model_service import KEY, serving
from tests.helpers.protocols import ENVIRONMENT, PROTOCOLS, assert_accounts, files_with, unreliable
from tests.study.conftest import Cli, cli

__all__ = ["cli"]

pytestmark = pytest.mark.skipif(
    obstacle("bubblewrap") is not None, reason=str(obstacle("bubblewrap"))
)

BUDGET = 6


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTOCOLS)
def test_faults_in_a_third_of_the_calls_for_code(name: str, cli: Cli) -> None:
    """The whole budget, exact accounts, no key in the run folder or in reach of a candidate."""
    assert cli.run_here("design", "new", "task").code == 0
    protocol = PROTOCOLS[name]
    draw = LibraryAnswers(load_task(str(cli.folder / "task")))
    with serving(unreliable(protocol.answering(draw))) as service:
        cli.environment |= ENVIRONMENT
        done = cli.run_here(
            *("design", "run", "task", "--method", "agent", "--base-url", service.url),
            *("--budget", BUDGET, "--out", "run", "--max-usd", 50, "--format", "json"),
            *("--data", "data", "--data-seed", 3, "--baseline", 1, *protocol.options),
        )
    assert done.code == 0, done.err
    assert json.loads(done.out)["trials"] == BUDGET
    run = read_run_of(cli.folder / "run", DesignSettings)
    assert len(run.rows) == BUDGET
    assert_accounts(protocol, service, run.rows)
    assert not files_with(KEY, cli.folder)
    assert KEY not in done.out + done.err
