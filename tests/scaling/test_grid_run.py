"""`aira-dsl isoflop run`: exact, resumable, with planted losses; real trainings at the end."""

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch
import yaml

from aira_dsl.errors import InputError, RunError, UsageError
from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Failure, Outcome
from aira_dsl.report.terminal.isoflop_run import RunLines
from aira_dsl.scaling.grid.corpus import open_corpus
from aira_dsl.scaling.grid.grid import Grid
from aira_dsl.scaling.grid.needs import needs_of, with_device
from aira_dsl.scaling.grid.plan import make_plan, planned
from aira_dsl.scaling.grid.results import losses_of, read_results, runs_table
from aira_dsl.scaling.grid.run import run_grid
from aira_dsl.scaling.grid.speed import speed_of, total_core_hours
from aira_dsl.scaling.grid.tuning import added_runs, best_try, chosen_runs, next_run
from aira_dsl.scaling.isoflop.reader import read_runs
from aira_dsl.testing.pools import wait_for_end
from aira_dsl.testing.workers import planted_training
from tests.helpers.command_line import run
from tests.study.conftest import children

PAPER = Path(__file__).parents[2] / "examples" / "paper"
PLANTED = "aira_dsl.testing.workers:planted_training"
GRID = {
    "name": "test",
    "designs": {
        "llama": str(PAPER / "llama_3_2.arch"),
        "mamba": str(PAPER / "mamba.arch"),
    },
    "sizes": ["6k", "12k", "24k"],
    "budgets": ["3e9", {"flops": "1e10", "seeds": [0, 1]}],
    "learning_rates": [0.004, 0.008],
    "context": 32,
    "batch": 4,
    "accept": ["edge", "repeated data"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.jsonl"
    lines = (json.dumps({"text": f"{number} " * 50}) for number in range(500))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def plan(data):
    def make(**changes):
        grid = Grid.model_validate({**GRID, "data": [str(data)], **changes})
        return make_plan(grid, open_corpus(grid, Path("/")), Path("/"))

    return make


def trained(folder):
    return (folder / "trained").read_text(encoding="utf-8").split()


class PoolHere:
    """Runs planted trainings in this process, the last one that was started first."""

    def __init__(self):
        self._jobs = []

    @property
    def free(self):
        return 3 - len(self._jobs)

    @property
    def running(self):
        return [tag for tag, _ in self._jobs]

    def submit(self, tag, job, *, should_continue=None):
        self._jobs.append((tag, job))

    def collect(self, timeout):
        tag, job = self._jobs.pop()
        return [Outcome(tag, planted_training(job.payload, lambda value: True))]


def work(plan, folder, *, pool=None, worker=PLANTED, on_finished=lambda finished: None):
    return run_grid(plan, folder, pool or PoolHere(), worker=worker, on_finished=on_finished)


def rows(folder, name="runs.csv"):
    return list(csv.DictReader((folder / name).read_text(encoding="utf-8").splitlines()))


class Recorder(PoolHere):
    """Keeps what jobs are given."""

    def __init__(self):
        super().__init__()
        self.jobs = []

    def submit(self, tag, job, *, should_continue=None):
        self.jobs.append(job)
        super().submit(tag, job)


@pytest.mark.parametrize(
    ("train", "there_is_one", "device"),
    [
        ({}, True, "cuda"),
        ({}, False, "cpu"),
        ({"device": "auto"}, True, "cuda"),
        ({"device": "cpu"}, True, "cpu"),
        ({"device": "cuda"}, True, "cuda"),
    ],
)
def test_the_device_of_a_grid_is_a_gpu_if_there_is_one_unless_it_names_another(
    plan, monkeypatch, train, there_is_one, device
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    assert with_device(plan(train=train), PoolChoice()).grid.train["device"] == device


def test_a_gpu_that_is_asked_for_and_missing_is_an_error(plan, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError) as caught:
        with_device(plan(train={"device": "cuda"}), PoolChoice())
    assert caught.value.code == "E0632"


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("cuda", 1)])
def test_every_run_is_trained_on_the_device_of_the_grid(plan, tmp_path, device, gpus):
    pool = Recorder()
    work(plan(train={"threads": 2, "device": device}), tmp_path, pool=pool)
    assert {job.payload["settings"]["device"] for job in pool.jobs} == {device}
    assert {(job.needs.cpus, job.needs.gpus) for job in pool.jobs} == {(2, gpus)}


def test_runs_reserve_the_memory_of_the_largest(plan, tmp_path):
    """Half a gibibyte is below what a process with torch takes."""
    pool, found = Recorder(), plan()
    work(found, tmp_path, pool=pool)
    (needs,) = {job.needs for job in pool.jobs}
    assert needs == needs_of(found)
    assert 1 << 29 < needs.node_memory < 2 << 30
    budgets = ["3e9", {"flops": "1e11", "batch": 64}]
    assert needs_of(plan(budgets=budgets)).reserve > needs.reserve


def first_line(found, results):
    out = io.StringIO()
    RunLines(found, 1, out).begin(results)
    return out.getvalue()


def test_the_run_that_begins_is_named_before_any_ends(plan, tmp_path):
    found = plan()
    first = next_run(found, {}, ()).run.id
    said = first_line(found, {})  # without a time: no run has shown how long they take
    assert said == f"[0/{len(found.runs)}] begins with {first}, 1 run at a time on the CPU\n"
    on_gpu = first_line(plan(train={"device": "cuda"}), {})
    assert on_gpu.endswith(", 1 run at a time on a GPU\n")
    results = work(found, tmp_path)
    assert "; about " in first_line(found, {first: results[first]})
    assert first_line(found, results) == ""


def test_a_grid_is_trained_once_and_its_table_is_what_fit_reads(plan, tmp_path):
    planned_grid = plan()
    results = work(planned_grid, tmp_path)
    names = trained(tmp_path)
    assert len(names) == len(set(names)) == len(results)
    found = rows(tmp_path)
    assert len(found) == 2 * 3 * 3  # designs, sizes, and budgets with their seeds
    assert {row["outlier"] for row in found} == {"false"}
    for row in found:
        assert int(row["flops"]) <= int(row["budget"])
        assert float(row["loss"]) == results[row["id"]].validation_loss
    reading = read_runs(tmp_path / "runs.csv")
    assert [(each.design, len(each)) for each in reading.designs] == [("llama", 9), ("mamba", 9)]
    assert not list(tmp_path.glob("runs/*/checkpoints"))


def test_the_same_call_trains_nothing_again(plan, tmp_path):
    first = work(plan(), tmp_path)
    table = (tmp_path / "runs.csv").read_bytes()
    count = len(trained(tmp_path))
    assert work(plan(), tmp_path) == first
    assert len(trained(tmp_path)) == count
    assert (tmp_path / "runs.csv").read_bytes() == table


def test_it_continues_after_an_interruption_at_any_run(plan, tmp_path):
    """Stopped after every run: the outcome is that of one call, nothing is trained twice."""
    whole = work(plan(), tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop(finished):
        raise Stop

    parts = tmp_path / "parts"
    for _ in range(len(whole)):
        with pytest.raises(Stop):
            work(plan(), parts, on_finished=stop)
    assert work(plan(), parts) == whole
    assert sorted(trained(parts)) == sorted(trained(tmp_path / "whole"))
    assert (parts / "runs.csv").read_bytes() == (tmp_path / "whole" / "runs.csv").read_bytes()


def test_rates_are_added_until_the_best_is_inside(plan, tmp_path):
    """The planted optimum is 0.004: below both rates there is one more to try."""
    work(plan(), tmp_path)
    tried = rows(tmp_path, "tuning.csv")
    for design in ("llama", "mamba"):
        mine = [row for row in tried if (row["design"], row["size"]) == (design, "6000")]
        assert [row["learning_rate"] for row in mine] == ["0.002", "0.004", "0.008"]
        assert [row["chosen"] for row in mine] == ["false", "true", "false"]
    runs = tmp_path / "runs"
    other = json.loads((runs / "llama-6k-1e10-s1" / "settings.json").read_bytes())
    assert other["learning_rate"] == 0.004


@pytest.mark.parametrize(
    ("rates", "best", "tries"),
    [
        ([0.001, 0.002], 0.004, [0.001, 0.002, 0.004, 0.008]),
        ([0.0005, 0.001], 0.004, [0.0005, 0.001, 0.002, 0.004]),  # no more than two are added
        ([0.002, 0.004, 0.008], 0.004, [0.002, 0.004, 0.008]),
    ],
)
def test_the_rule_is_a_function_of_the_losses(plan, rates, best, tries):
    found = plan(learning_rates=rates)
    losses = {}
    for _ in range(500):
        assigned = next_run(found, losses, [])
        if assigned is None:
            break
        losses[assigned.run.id] = abs(assigned.learning_rate / 0.004 - 1)
    everything = [*found.runs, *added_runs(found, losses)]
    assert losses.keys() == {each.id for each in everything}
    tried = {e.learning_rate for e in everything if e.model == ("mamba", 12_000)} - {None}
    assert sorted(tried) == tries
    assert best_try(found, losses, "mamba", 12_000).learning_rate == best
    chosen = list(chosen_runs(found, losses))
    assert len(chosen) == len({each.id for each in chosen}) == 18


def test_a_size_without_tries_takes_the_rate_of_the_next_smaller_one(plan):
    found = plan(
        budgets=[{"flops": "3e9", "sizes": ["6k", "12k"]}, {"flops": "1e10", "seeds": [0, 1]}],
        tuning={"up_to": "3e9"},
    )
    key = ("llama", 24_000, 10**10, 0)
    assert planned(found, key, None) in found.runs
    losses = {
        each.id: abs(each.learning_rate - (0.004 if each.size == 6_000 else 0.008))
        for each in found.runs
        if each.learning_rate is not None
    }
    losses |= dict.fromkeys((each.id for each in added_runs(found, losses)), 1.0)
    waiting = [each.id for each in found.runs if each.learning_rate is None]
    assigned = next_run(found, losses, [name for name in waiting if "24k" not in name])
    assert (assigned.run.size, assigned.learning_rate) == (24_000, 0.008)


def test_runs_that_diverge_are_outliers(plan, tmp_path):
    work(plan(learning_rates=[2.0], seeds=[0, 1]), tmp_path)
    found = rows(tmp_path)
    assert {row["outlier"] for row in found} == {"true"}
    assert {row["loss"] for row in found} == {"nan"}
    assert len(list(tmp_path.glob("runs/*/checkpoints"))) == len(found)  # to be looked at
    assert not (tmp_path / "tuning.csv").exists()


def test_failed_runs_are_named_and_tried_again(plan, tmp_path):
    """In real processes, with a worker function that raises, then with the right one."""
    with closing(LocalPool(2)) as pool:
        with pytest.raises(RunError, match=r"12 of 24 runs failed; llama-6k-3e9-s0-lr0") as caught:
            work(plan(), tmp_path, pool=pool, worker="aira_dsl.testing.workers:divide")
        assert caught.value.code == "E1610"
        work(plan(), tmp_path, pool=pool)
    assert len(rows(tmp_path)) == 18


def test_processes_that_cannot_start_end_the_grid_with_their_own_error(plan, tmp_path):
    """A node of a cluster with another version, for example: it would fail every run."""

    class Mismatch(LocalPool):
        def collect(self, timeout):
            error = RunError("E1903", "the node has another version", help="install the same")
            failure = Failure("not started", error.message, error)
            return [Outcome(each.tag, failure=failure) for each in super().collect(timeout)]

    lines = []
    with closing(Mismatch(2)) as pool, pytest.raises(RunError) as caught:
        work(plan(), tmp_path, pool=pool, on_finished=lines.append)
    assert (caught.value.code, lines) == ("E1903", [])


def test_results_of_other_settings_are_not_used(plan, tmp_path):
    work(plan(), tmp_path)
    with pytest.raises(InputError, match=r"different: .*batch") as caught:
        read_results(plan(batch=8), tmp_path)
    assert caught.value.code == "E1609"


def test_more_designs_budgets_and_seeds_keep_what_is_done(plan, tmp_path):
    small = plan(designs={"llama": GRID["designs"]["llama"]}, budgets=["3e9", "1e10"])
    work(small, tmp_path)
    before = trained(tmp_path)
    work(plan(), tmp_path)
    after = trained(tmp_path)
    assert after[: len(before)] == before
    assert len(after) == len(set(after))


def test_damaged_results_are_named(plan, tmp_path):
    work(plan(), tmp_path)
    victim = tmp_path / "runs" / "llama-6k-1e10-s1" / "result.json"
    victim.write_bytes(victim.read_bytes()[:50])
    with pytest.raises(InputError, match="llama-6k-1e10-s1") as caught:
        read_results(plan(), tmp_path)
    assert caught.value.code == "E1607"
    shutil.rmtree(victim.parent)
    work(plan(), tmp_path)
    assert len(rows(tmp_path)) == 18


def test_a_folder_in_use_is_refused(plan, tmp_path):
    found = plan()

    def again(finished):
        with pytest.raises(InputError) as caught:
            work(found, tmp_path)
        assert caught.value.code == "E1608"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(found, tmp_path, on_finished=again)


def test_changed_data_are_refused(plan, tmp_path, data):
    found = plan()
    copy = found.model_copy(
        update={"corpus": found.corpus.model_copy(update={"identity": "another"})}
    )
    with pytest.raises(InputError) as caught:
        work(copy, tmp_path)
    assert caught.value.code == "E1611"


def test_the_table_of_a_part_holds_finished_runs_only(plan, tmp_path):
    found = plan()
    results = work(found, tmp_path)
    some = dict(list(results.items())[:7])
    table = list(csv.DictReader(io.StringIO(runs_table(found, some, {}))))
    assert {row["id"] for row in table} <= some.keys()
    assert losses_of(some).keys() == some.keys()


@pytest.mark.slow
def test_a_grid_on_two_nodes_is_that_of_one_machine_though_one_is_killed(
    plan, tmp_path, ray_cluster, two_nodes
):
    """Each run counts once; at most the one on the killed node is trained twice."""
    whole = work(plan(), tmp_path / "whole")

    def kill(finished):
        if len(two_nodes) == 2:
            ray_cluster.kill(two_nodes.pop())

    nodes = tmp_path / "nodes"
    with closing(PoolChoice(2, ray_cluster.address).open()) as pool:
        assert work(plan(), nodes, pool=pool, on_finished=kill) == whole
    assert set(trained(nodes)) == set(trained(tmp_path / "whole"))
    assert len(trained(nodes)) - len(whole) in {0, 1}
    assert (nodes / "runs.csv").read_bytes() == (tmp_path / "whole" / "runs.csv").read_bytes()


def test_the_time_of_a_grid_follows_the_runs_that_are_done(plan, tmp_path):
    found = plan()
    results = work(found, tmp_path)  # a microsecond a token
    hours = total_core_hours(found, found.runs, speed_of(found, results, threads=2))
    assert hours == pytest.approx(2e-6 * sum(each.tokens for each in found.runs) / 3600)
    some = {name: each for name, each in results.items() if "-6k-3e9-" in name}
    larger = next(each for each in found.runs if each.id == "llama-24k-1e10-s1")
    small = next(each for each in found.runs if each.id in some and each.design == "llama")
    seconds = speed_of(found, some, threads=1).core_seconds(found, larger)
    assert seconds == pytest.approx(1e-6 * small.tokens * larger.flops / small.flops)
    assert not speed_of(found, results, threads=1, device="cuda").measured


@pytest.fixture
def grid_file(tmp_path, data):
    path = tmp_path / "grid.yaml"
    content = {
        **GRID,
        "data": [str(data)],
        "designs": {"mamba": GRID["designs"]["mamba"]},
        "sizes": ["6k", "12k", "24k"],
        "budgets": ["1.3e9", "1.6e9"],
        "learning_rates": [0.01],
        "train": {"validation_tokens": 1000, "threads": 1, "checkpoint_every": 40},
        "accept": ["edge", "one seed"],
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.slow
def test_real_trainings_that_are_killed_continue_to_the_same_results(grid_file, tmp_path):
    """The command is killed with -9 in its second run; its worker ends with it."""
    for name in ("whole", "killed"):
        assert run("isoflop", "plan", grid_file, "--out", tmp_path / name).code == 0
    command = ["isoflop", "run", "--workers", "1"]
    done = run(*command, tmp_path / "whole")
    assert "next: aira-dsl isoflop fit" in done.out
    assert f"      aira-dsl isoflop report {tmp_path / 'whole'}\n" in done.out
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "aira_dsl", *command, killed], stderr=subprocess.DEVNULL
    )
    while not list(killed.glob("runs/mamba-12k-*/checkpoints/*")):
        assert process.poll() is None
        time.sleep(0.01)
    (worker,) = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for_end(worker)
    finished = len(list(killed.glob("runs/*/result.json")))
    last = run(*command, killed)
    assert last.err.count("loss") == 6 - finished
    for row, other in zip(rows(tmp_path / "whole"), rows(killed), strict=True):
        assert {**row, "seconds": ""} == {**other, "seconds": ""}
