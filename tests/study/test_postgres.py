"""One search on several workers over a real PostgreSQL server, with workers and server killed."""

import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from aira_dsl.study.storage import shared_address
from tests.study.conftest import (
    Cli,
    Postgres,
    children,
    kill_hard,
    paused,
    trials,
    wait_for_results,
)

BUDGET = 12


def wait_until_gone(pids: list[int]) -> None:
    for pid in pids:
        subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], timeout=900, check=True)


def terminate_in_flight(worker: subprocess.Popen[str], url: str) -> None:
    """Send SIGTERM at a moment at which a trial is running: between two trials there is none."""
    storage = optuna.storages.RDBStorage(shared_address(url))
    is_sent = False
    while not is_sent:
        with paused(worker):
            states = [
                t.state for t in optuna.load_study(storage=storage, study_name="shared").trials
            ]
            if is_sent := TrialState.RUNNING in states:
                worker.terminate()
    storage.remove_session()
    storage.engine.dispose()


def search(url: str, out: str, *more: object) -> tuple[object, ...]:
    return (
        "search", "tiny.arch", "--preset", "smoke", "--sampler", "tpe", "--workers", 1,
        "--repeats", 0, "--heartbeat", 1, "--storage", url, "--study", "shared",
        "--out", out, *more,
    )  # fmt: skip


@pytest.mark.slow
def test_four_workers_one_killed_meet_the_budget_exactly(
    cli: Cli, tiny: Path, postgres: Postgres
) -> None:
    url = postgres.new_database()
    # Stores of their own: every worker really computes what it claims.
    commands = [search(url, f"w{i}", "--budget", BUDGET, "--store", f"w{i}.db") for i in range(4)]
    killed = cli.start(*commands[0])
    wait_for_results(killed, 1)
    evaluators = children(killed.pid)
    workers = [cli.start(*command) for command in commands[1:]]
    kill_hard(killed)
    for worker in workers:
        _, errors = worker.communicate(timeout=900)
        assert worker.returncode == 0, errors
    wait_until_gone(evaluators)

    storage = optuna.storages.RDBStorage(shared_address(url))
    seen = optuna.load_study(storage=storage, study_name="shared").trials
    storage.remove_session()
    storage.engine.dispose()
    assert len(seen) == BUDGET
    # Which ones are stopped early depends on who came first; none is left, lost or failed.
    assert {trial.state for trial in seen} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len({trial.user_attrs["fingerprint"] for trial in seen}) == BUDGET
    tables = [trials(cli.folder / f"w{i}") for i in (1, 2, 3)]
    assert tables[0] == tables[1] == tables[2]
    assert len(tables[0]) == BUDGET
    assert sum(row["test_score"] is not None for row in tables[0]) == 3


@pytest.mark.slow
def test_two_machines_grow_one_tree_of_an_agent(cli: Cli, tiny: Path, postgres: Postgres) -> None:
    url, budget = postgres.new_database(), 8
    agent = ("--method", "agent", "--policy", "mcts", "--proposer", "scripted")
    workers = []
    for name in ("w0", "w1"):
        command = search(url, name, "--budget", budget, "--store", f"{name}.db", *agent)
        workers.append(cli.start(*(part for part in command if part not in ("--sampler", "tpe"))))
    for worker in workers:
        _, errors = worker.communicate(timeout=900)
        assert worker.returncode == 0, errors
    rows = trials(cli.folder / "w0")
    assert rows == trials(cli.folder / "w1")
    assert [row["operation"] for row in rows] == ["draft"] * 5 + ["improve"] * 3
    assert len({tuple(row["parents"]) for row in rows[5:]}) == 1
    assert len({row["fingerprint"] for row in rows}) == budget


@pytest.mark.slow
def test_a_database_that_goes_away_and_returns_costs_nothing(
    cli: Cli, tiny: Path, postgres: Postgres
) -> None:
    url = postgres.new_database()
    worker = cli.start(*search(url, "run", "--budget", 5))
    wait_for_results(worker, 1)
    with paused(worker):
        postgres.stop()
    try:
        assert worker.stderr is not None
        assert any("waiting for the study at postgresql" in line for line in worker.stderr)
    finally:
        postgres.start()
    _, errors = worker.communicate(timeout=900)
    assert worker.returncode == 0, errors
    assert "is available again" in errors
    assert "Traceback" not in errors
    assert [row["state"] for row in trials(cli.folder / "run")] == ["COMPLETE"] * 5


@pytest.mark.slow
def test_an_interrupted_worker_lets_go_of_its_trials_at_once(
    cli: Cli, tiny: Path, postgres: Postgres
) -> None:
    """With a heartbeat of an hour only a released trial can be taken over in time."""
    url = postgres.new_database()
    hourly = [*search(url, "first", "--prune", 0)]
    hourly[hourly.index("--heartbeat") + 1] = 3600
    worker = cli.start(*hourly, "--budget", 81)
    wait_for_results(worker, 1)
    terminate_in_flight(worker, url)
    worker.communicate(timeout=900)
    assert worker.returncode == 130
    released = [row["state"] for row in trials(cli.folder / "first")]
    assert released[-1] == "RUNNING"
    hourly[hourly.index("--out") + 1] = "second"
    done = cli.run_here(*hourly, "--budget", len(released))
    assert done.code == 0, done.err
    states = [row["state"] for row in trials(cli.folder / "second")]
    assert states == ["COMPLETE"] * len(released)


@pytest.mark.slow
def test_optuna_dashboard_shows_a_run_unmodified(cli: Cli, tiny: Path) -> None:
    import socket
    import sys
    import urllib.request

    done = cli.run_here(
        *("search", "tiny.arch", "--preset", "smoke", "--budget", 2, "--out", "run"),
        *("--winners", 1, "--repeats", 0),
    )
    assert done.code == 0, done.err
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dashboard = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "optuna-dashboard"),
            f"sqlite:///{cli.folder / 'run/study.db'}",
            "--port",
            str(port),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def ask(path: str) -> Any:
        deadline = time.monotonic() + 600
        while True:
            address = f"http://127.0.0.1:{port}{path}"
            with contextlib.suppress(OSError), urllib.request.urlopen(address) as answer:
                return json.load(answer)
            assert time.monotonic() < deadline, "the dashboard does not answer"
            assert dashboard.poll() is None, "the dashboard ended"
            time.sleep(0.1)

    try:
        (summary,) = ask("/api/studies")["study_summaries"]
        detail = ask(f"/api/studies/{summary['study_id']}?after=0")
    finally:
        dashboard.kill()
        dashboard.wait()
    table = trials(cli.folder / "run")
    shown = sorted(detail["trials"], key=lambda trial: trial["number"])
    assert [trial["values"] for trial in shown] == [[row["score"]] for row in table]
    assert [p["param_external_value"] for p in shown[0]["params"]] == table[0]["layers"]
