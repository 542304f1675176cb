"""Searches as users run them: real workers, real training, real kills."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from aira_dsl.architecture import cost
from aira_dsl.language import load, load_space
from aira_dsl.study.run_folder import KIND
from aira_dsl.study.trials import WALL_CLOCK_COLUMNS
from aira_dsl.utils.folder import LOCK
from tests.study.conftest import Cli, children, kill_hard, paused, trials, wait_for_results

FEW = ("--winners", 1, "--repeats", 0)  # the trials decide what is tested
SEARCH = ("search", "tiny.arch", "--preset", "smoke", *FEW, "--out", "run")
ONE = ("--workers", 1)
LOOKED_UP = ("search", "--evaluator", "table", "--sampler", "random", "--out", "run", *ONE)


def without_wall_clock(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in table]


@pytest.mark.slow
def test_a_search_ends_with_a_table_a_picture_and_a_best_architecture(cli: Cli, tiny: Path) -> None:
    command = [part for part in SEARCH if part not in FEW]
    done = cli.run(*command, "--budget", 5, "--where", "A<=1", "--workers", 2)
    assert done.returncode == 0, done.stderr
    run = cli.folder / "run"
    assert [p.name for p in run.iterdir() if not KIND.writes(p.name)] == [LOCK]
    table = trials(run)
    assert [row["number"] for row in table] == [0, 1, 2, 3, 4]
    assert all(row["state"] == "COMPLETE" and row["layers"].count("A") <= 1 for row in table)
    assert len({row["fingerprint"] for row in table}) == 5

    scores = [row["score"] for row in table]
    best = load(run / "best.arch")
    assert best.pattern in done.stdout
    # The test split is opened for the winners, and for no other trial.
    ranking = sorted(range(5), key=lambda i: -scores[i])
    tested = {row["number"] for row in table if row["test_score"] is not None}
    assert tested == set(ranking[:3])
    # So are the repeats with other seeds, by which the best of them is chosen.
    repeated = {row["number"]: row for row in table if row["repeats"]}
    assert set(repeated) == tested
    assert all(set(row["repeats"]) == {"1", "2"} for row in repeated.values())
    for row in repeated.values():
        assert row["confirmed"] == pytest.approx(sum(row["repeats"].values()) / 2)
    chosen = max(repeated.values(), key=lambda row: row["confirmed"])

    assert best.fingerprint == chosen["fingerprint"]

    with (run / "trials.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["layers"] for row in rows] == ["-".join(row["layers"]) for row in table]
    assert [float(row["score"]) for row in rows] == scores
    assert (run / "best_so_far.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((run / "settings.json").read_text(encoding="utf-8"))["constraints"] == [
        "A<=1"
    ]


@pytest.mark.slow
def test_the_score_is_what_the_evaluator_says_of_the_same_architecture(
    cli: Cli, tiny: Path
) -> None:
    from aira_dsl.evaluation.evaluator import Evaluator
    from aira_dsl.evaluation.presets import preset_settings

    assert cli.run_here(*SEARCH, *ONE, "--budget", 1, "--seed", 5).code == 0
    (row,) = trials(cli.folder / "run")
    alone = Evaluator(preset_settings("smoke")).evaluate(load(cli.folder / "run/best.arch"), 5)
    assert row["score"] == alone.score
    assert row["tasks"] == {task.task: task.token_accuracy for task in alone.tasks}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "evolution"])
def test_two_one_worker_searches_with_one_seed_give_the_same_table(
    cli: Cli, tiny: Path, sampler: str
) -> None:
    tables = []
    for name in ("first", "second"):
        done = cli.run_here(
            *SEARCH[:-2], "--out", name, "--sampler", sampler, "--budget", 4, "--workers", 1,
            "--store", f"{name}.db",
        )  # fmt: skip
        assert done.code == 0, done.err
        tables.append(without_wall_clock(trials(cli.folder / name)))
        assert not any(row["cached"] for row in trials(cli.folder / name))
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_pruning_is_the_same_whether_or_not_the_store_knows_them(cli: Cli, tiny: Path) -> None:
    """And each costs its place in the budget."""
    arguments = (*SEARCH[:-2], "--sampler", "random", "--budget", 14, "--workers", 1)
    assert cli.run_here(*arguments, "--prune", 0, "--out", "whole").code == 0
    arguments = (*arguments, "--prune", 0.5)
    done = cli.run_here(*arguments, "--out", "known")
    assert done.code == 0, done.err
    assert cli.run_here(*arguments, "--out", "fresh", "--store", "other.db").code == 0
    whole, known, fresh = (trials(cli.folder / name) for name in ("whole", "known", "fresh"))
    assert without_wall_clock(known) == without_wall_clock(fresh)
    assert {row["state"] for row in whole} == {"COMPLETE"}
    stopped = [row for row in fresh if row["state"] == "PRUNED"]
    assert 0 < len(stopped) < 6
    assert {row["state"] for row in fresh} == {"PRUNED", "COMPLETE"}
    assert len(fresh) == 14
    assert min(row["number"] for row in stopped) >= 10
    for row in stopped:
        assert row["score"] is None
        full = whole[row["number"]]["tasks"]
        assert 2 <= len(row["tasks"]) < len(full)
        assert row["tasks"].items() <= full.items()
    assert "pruned" in done.err


@pytest.mark.slow
def test_a_search_killed_in_flight_and_started_again_equals_one_that_was_not(
    cli: Cli, tiny: Path
) -> None:
    arguments = (*SEARCH[:-2], "--workers", 1, "--sampler", "tpe", "--prune", 0)
    for results in (1, 2):
        search = cli.start(*arguments, "--out", "run", "--budget", 81)
        wait_for_results(search, results)
        workers = children(search.pid)
        assert workers
        kill_hard(search)
        for worker in workers:  # they notice that their parent is gone
            subprocess.run(["tail", f"--pid={worker}", "-f", "/dev/null"], timeout=900, check=True)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{cli.folder}/run/study.db")
    budget = len(study.trials) + 1
    done = cli.run_here(*arguments, "--out", "run", "--budget", budget)
    assert done.code == 0, done.err
    resumed = trials(cli.folder / "run")
    assert [row["number"] for row in resumed] == list(range(budget))
    assert all(row["state"] == "COMPLETE" for row in resumed)

    done = cli.run_here(*arguments, "--out", "whole", "--budget", budget, "--store", "other.db")
    assert done.code == 0, done.err
    assert without_wall_clock(resumed) == without_wall_clock(trials(cli.folder / "whole"))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_says_how_to_go_on_and_goes_on(
    cli: Cli, tiny: Path, sent: signal.Signals
) -> None:
    search = cli.start(*SEARCH, "--budget", 81, "--workers", 1)
    wait_for_results(search, 1)
    search.send_signal(sent)
    _, errors = search.communicate(timeout=900)
    assert search.returncode == 130
    assert "the same command continues" in errors
    assert "Traceback" not in errors
    count = len(trials(cli.folder / "run"))  # the table of what was done is there
    assert 1 <= count < 81
    done = cli.run_here(*SEARCH, "--budget", count + 1)
    assert done.code == 0, done.err
    assert len(trials(cli.folder / "run")) == count + 1


@pytest.mark.slow
def test_a_finished_search_is_shown_again_and_grows_with_its_budget(cli: Cli, tiny: Path) -> None:
    assert cli.run_here(*SEARCH, "--budget", 2, "--sampler", "random").code == 0
    first = trials(cli.folder / "run")
    assert cli.run_here(*SEARCH, "--budget", 2, "--sampler", "random").code == 0
    assert trials(cli.folder / "run") == first
    assert cli.run_here(*SEARCH, "--budget", 4, "--sampler", "random").code == 0
    assert without_wall_clock(trials(cli.folder / "run"))[:2][0]["layers"] == first[0]["layers"]
    assert len(trials(cli.folder / "run")) == 4


@pytest.mark.slow
def test_known_results_come_from_the_store_and_are_charged_to_the_budget(
    cli: Cli, tiny: Path
) -> None:
    arguments = (*SEARCH[:-2], "--budget", 3, "--workers", 1, "--sampler", "random")
    assert cli.run_here(*arguments, "--out", "first").code == 0
    assert cli.run_here(*arguments, "--out", "second").code == 0
    first, second = trials(cli.folder / "first"), trials(cli.folder / "second")
    assert [row["cached"] for row in second] == [True] * 3
    assert [row["score"] for row in second] == [row["score"] for row in first]
    clock = json.loads((cli.folder / "second/clock.json").read_text(encoding="utf-8"))
    spent = sum(row["seconds"] for row in first)
    charged = clock["charged_seconds"] - clock["seconds"]
    assert charged == pytest.approx(spent, abs=0.15)  # both are written with one decimal


def test_a_space_smaller_than_the_budget_is_used_up(cli: Cli) -> None:
    done = cli.run_here(*LOOKED_UP, *FEW, "--budget", 50, "--where", "A==6")
    assert done.code == 0, done.err
    assert "used up" in done.out
    assert len(trials(cli.folder / "run")) == 1


def test_a_time_budget_ends_a_search_and_is_kept_over_sessions(cli: Cli) -> None:
    """Looked-up seconds count as if they had passed."""
    done = cli.run_here(*LOOKED_UP, "--time", "10m")
    assert done.code == 0, done.err
    rows = trials(cli.folder / "run")
    assert 300 < sum(row["seconds"] for row in rows) < 600 + 60
    assert cli.run_here(*LOOKED_UP, "--time", "10m").code == 0
    assert len(trials(cli.folder / "run")) == len(rows)


@pytest.mark.slow
def test_without_kernels_a_search_says_so_and_keeps_its_results_apart(cli: Cli, tiny: Path) -> None:
    arguments = (*SEARCH[:-2], *ONE, "--budget", 1, "--precision", "fp32")
    assert cli.run_here(*arguments, "--out", "kernels").code == 0
    cli.environment["AIRA_DSL_KERNELS"] = "off"
    done = cli.run_here(*arguments, "--out", "plain")
    assert done.code == 0
    assert "note: switched off by AIRA_DSL_KERNELS; evaluations take several" in done.err
    (kernels,), (plain,) = trials(cli.folder / "kernels"), trials(cli.folder / "plain")
    assert not plain["cached"]
    assert plain["layers"] == kernels["layers"]
    assert plain["score"] == pytest.approx(kernels["score"], abs=0.02)
    refused = cli.run_here(*arguments[:-1], "bf16", "--out", "none")
    assert refused.code == 2
    assert "error[E0631]" in refused.err


def test_more_workers_than_memory_holds_are_refused(cli: Cli, tiny: Path) -> None:
    done = cli.run_here(*SEARCH, "--budget", 2, "--workers", 1024)
    assert done.code == 2
    assert "error[E0810]: 1024 workers do not fit in memory" in done.err
    assert not (cli.folder / "run").exists()


def test_candidates_that_fail_are_results(cli: Cli, tiny: Path) -> None:
    arguments = ("--budget", 2, "--time-limit", "0.001s", "--format", "json")
    done = cli.run_here(*SEARCH, *ONE, *arguments)
    assert done.code == 3
    assert json.loads(done.out) | {"folder": ""} == {
        "folder": "", "trials": 2, "failed": 2, "ended": "", "score": None,
        "confirmed": None, "noise": None, "noise_basis": None, "test_score": None, "pattern": None,
        "layers": None, "fingerprint": None,
    }  # fmt: skip
    assert [row["status"] for row in trials(cli.folder / "run")] == ["over time"] * 2


def test_language_modelling_is_minimised_in_bits_per_byte(cli: Cli, tiny: Path) -> None:
    (cli.folder / "text.txt").write_text(
        "".join(f"{n} sheep, {n * n} wolves.\n" for n in range(900)), encoding="utf-8"
    )
    done = cli.run_here(
        *SEARCH, *ONE, "--budget", 3, "--objective", "language", "--corpus", "text.txt",
        "--format", "json",
    )  # fmt: skip
    assert done.code == 0, done.err
    scores = [row["score"] for row in trials(cli.folder / "run")]
    assert json.loads(done.out)["score"] == min(scores)
    assert all(3 < score < 9 for score in scores)  # a uniform guess is 8 bits


def test_an_agent_without_a_key_says_so_and_leaves_no_folder(cli: Cli, tiny: Path) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        cli.environment.pop(name, None)
    done = cli.run_here(*SEARCH, "--method", "agent")
    assert done.code == 2
    assert "error[E0814]" in done.err
    assert not (cli.folder / "run").exists()


@pytest.mark.slow
def test_two_searches_do_not_share_a_run_folder(cli: Cli, tiny: Path) -> None:
    search = cli.start(*SEARCH, "--budget", 5, "--workers", 1)
    wait_for_results(search, 1)
    with paused(search):
        second = cli.run_here(*SEARCH, "--budget", 5)
    assert second.code == 1
    assert "error[E0801]" in second.err
    assert len(second.err.splitlines()) < 6
    search.communicate(timeout=900)
    assert search.returncode == 0
    assert len(trials(cli.folder / "run")) == 5


def test_a_run_with_another_seed_is_refused_and_left_alone(cli: Cli) -> None:
    search = (*LOOKED_UP, *FEW, "--budget", 1)
    assert cli.run_here(*search).code == 0
    run = cli.folder / "run"
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.name != "clock.json"}
    assert "trials.json" in before
    done = cli.run_here(*search, "--seed", 7)
    assert done.code == 1
    assert "error[E0802]" in done.err
    assert len(done.err.splitlines()) < 12
    assert before == {name: (run / name).read_bytes() for name in before}


BAD = {
    "E0402": ("--where", "A=<3"),
    "E0403": ("--where", "A>9"),
    "E0613": ("--objective", "language", "--corpus", "missing.txt"),
    "E0601": ("--corpus", "tiny.arch"),
    "E0902": ("--storage", "mongodb://x/y"),
    "E0901": ("--storage", "postgresql://user@127.0.0.1:1/none"),
}


@pytest.mark.parametrize(("code", "options"), BAD.items())
def test_bad_input_gets_a_coded_message_and_leaves_no_run(
    cli: Cli, tiny: Path, code: str, options: tuple[str, ...]
) -> None:
    done = cli.run_here(*SEARCH, *ONE, "--budget", 1, *options)
    assert done.code == {"E0601": 2, "E0902": 2, "E0901": 3}.get(code, 1)
    assert f"error[{code}]" in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) < 12
    assert not (cli.folder / "run/trials.json").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--budget", "0"),
        ("--budget", "many"),
        ("--time", "soon"),
        ("--sampler", "magic"),
        ("--memory-limit", "1K"),
        ("--unknown",),
    ],
)
def test_a_wrong_command_line_is_refused_with_exit_code_2(
    cli: Cli, tiny: Path, options: tuple[str, ...]
) -> None:
    done = cli.run_here(*SEARCH, *options)
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_stops_a_search_with_a_message_and_nothing_is_lost(
    cli: Cli, tiny: Path
) -> None:
    disk = cli.folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", disk], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        arguments = (*SEARCH[:-1], "disk/run", "--sampler", "random")
        assert cli.run_here(*arguments, "--budget", 2).code == 0
        with (disk / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 1024)
            except OSError:
                pass
        done = cli.run(*arguments, "--budget", 40)
        assert done.returncode == 3, done.stderr
        assert "error[E0" in done.stderr
        assert "Traceback" not in done.stderr
        (disk / "filler").unlink()
        done = cli.run_here(*arguments, "--budget", 4)
        assert done.code == 0, done.err
        assert len(trials(disk / "run")) == 4
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.slow
def test_the_python_api_searches_without_a_main_guard(cli: Cli, tiny: Path) -> None:
    script = cli.folder / "script.py"
    script.write_text(
        "import aira_dsl\n"
        "found = aira_dsl.search(aira_dsl.Space.load('tiny.arch'), preset='smoke', budget=2,"
        " workers=1, out='api')\n"
        "print(found.best.pattern, found.score, found.test_score, len(found.rows))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script], cwd=cli.folder, env=cli.environment, capture_output=True,
        text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "2"
    assert done.stderr == ""


@pytest.mark.slow
def test_a_menu_of_hybrids_is_searched_under_a_bound_on_keys_and_values(cli: Cli) -> None:
    """Gated DeltaNet, attention over all tokens and a window, experts and an MLP."""
    menu = Path(__file__).parents[2] / "examples" / "hybrid_menu.arch"
    bound = ("--where", "kv<=48k", "--where", "active<=200k")
    options = ("--preset", "smoke", "--objective", "language", "--budget", 3, *FEW, *ONE)
    done = cli.run("search", menu, *bound, *options, "--sampler", "random", "--out", "run")
    assert done.returncode == 0, done.stderr
    table = trials(cli.folder / "run")
    assert [row["state"] for row in table] == ["COMPLETE"] * 3
    tried = {name for row in table for name in row["layers"]}
    assert {"G", "E"} <= tried
    assert tried & {"A", "W"}
    space = load_space(menu)
    for row in table:
        costs = cost(space.architecture(tuple(row["layers"])))
        assert costs.kv_bytes(space.context) <= 48 << 10
        assert costs.active_parameters <= 200_000
    known = json.loads((cli.folder / "run" / "settings.json").read_text(encoding="utf-8"))
    assert known["constraints"] == ["kv<=49152", "active<=200000"]
