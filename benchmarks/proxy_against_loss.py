"""Does the proxy predict? Rank correlation of its scores with the loss of trained language models.

    python -m benchmarks.proxy_against_loss run OUT --data LINUX
    python -m benchmarks.proxy_against_loss run SMALL --data LINUX --parameters 200k --flops 1e12
    python -m benchmarks.proxy_against_loss report OUT --against SMALL

Two sets of arrangements have proxy scores in the package: the 40 of sixteen layers that the preset
`cpu` was calibrated on (three seeds each), and the table of all 729 of six layers (two seeds), of
which 24 are taken at equal distances of rank. Each is trained as a language model of equal
parameters (without embeddings) with equal FLOPs on LINUX, the text of `benchmarks.linux_source`.
The first line made the losses that ship as `results/proxy_against_loss.csv`, the second
`results/smaller_models.csv`; `run` continues where it was interrupted. `report` takes folders, or
the losses.csv in them, and prints rank correlations over all arrangements and over the better half
by the proxy, with intervals over arrangements (resampled with replacement). `--against` adds
smaller language models as a proxy, and the mixture of both: the mean of the ranks by the score and
by the smaller models.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from aira_dsl.evaluation.calibration import load_calibration
from aira_dsl.evaluation.table import load_table
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, Needs
from aira_dsl.language import to_text
from aira_dsl.pretraining.result import TrainResult
from aira_dsl.pretraining.settings import TrainSettings
from aira_dsl.scaling.grid.sizes import Proportions, sized
from aira_dsl.space import Space
from aira_dsl.utils.options import parse_count
from aira_dsl.utils.statistics import rank_correlation, row_interval

FROM_TABLE = 24
CONTEXT = 256
WORKER = "aira_dsl.pretraining.worker:run"


@dataclass(frozen=True)
class Arrangement:
    """Layers with proxy scores.

    Attributes:
        group: `calibration` or `table`.
        layers: names of blocks.
        scores: mean over seeds by task, and `score` for their mean; of the calibration also
            `score, two seeds`, which costs as much as a smaller language model.
    """

    group: str
    layers: tuple[str, ...]
    scores: dict[str, float]

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return f"{self.group}-{''.join(each.replace('Mb', 'S') for each in self.layers)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--against", type=Path, help="smaller language models, as a proxy")
    parser.add_argument("--parameters", type=parse_count, default=1_600_000)
    parser.add_argument("--flops", type=float, default=1.6e13)
    parser.add_argument("--learning-rate", type=float, default=0.004)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--train", type=json.loads, default={}, help="more settings, as JSON")
    options = parser.parse_args()
    if options.what == "run":
        run(options)
    else:
        report(options.out, options.against)


def arrangements() -> Iterator[Arrangement]:
    """Yield all arrangements; an empty calibration cannot be, it is shipped."""
    calibration = load_calibration("cpu")
    assert calibration is not None
    for each in calibration.arrangements:
        means = {task: float(np.mean(values)) for task, values in each.scores.items()}
        two = {"score, two seeds": float(np.mean(each.scores["score"][:2]))}
        yield Arrangement("calibration", tuple(each.layers), {**means, **two})
    table = load_table()
    order = np.argsort(table.means_A)
    for rank in np.linspace(0, len(order) - 1, FROM_TABLE).round().astype(int):
        chosen = int(order[rank])
        layers = table.arrangements[chosen]
        found = [table.evaluation(layers, seed) for seed in range(table.seeds_A[chosen])]
        means = {
            task: float(np.mean([each.tasks[place].token_accuracy for each in found]))
            for place, task in enumerate(table.tasks)
        }
        score = {"score": float(table.means_A[chosen])}
        yield Arrangement("table", layers, {**means, **score})


def run(options: argparse.Namespace) -> None:
    """Train every arrangement with every seed; print a line for each."""
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = [
        (f"{each.name}-s{seed}", settings_of(each, seed, options))
        for seed in range(options.seeds)
        for each in arrangements()
    ]
    waiting = [each for each in jobs if not (options.out / each[0] / "result.json").exists()]
    print(f"{len(jobs)} runs, {len(waiting)} to do", flush=True)
    needs = Needs(cpus=1, gpus=int(options.train.get("device") == "cuda"), grace=60.0)
    pool, names = LocalPool(options.workers), dict(enumerate(name for name, _ in waiting))
    try:
        tag = 0
        while tag < len(waiting) or pool.running:
            while pool.free and tag < len(waiting):
                name, settings = waiting[tag]
                payload = {
                    "settings": settings.model_dump(mode="json"),
                    "out": str((options.out / name).resolve()),
                }
                pool.submit(tag, Job(WORKER, payload, needs))
                tag += 1
            for outcome in pool.collect(timeout=1.0):
                said = outcome.failure.message if outcome.failure else told(outcome.value)
                print(f"{names[outcome.tag]}: {said}", flush=True)
    finally:
        pool.close()
        write_losses(options.out)


def told(value: Any) -> str:
    result = TrainResult.model_validate(value)
    return f"{result.status} {result.validation_loss} nats, {result.seconds:.0f} s"


def settings_of(arrangement: Arrangement, seed: int, options: argparse.Namespace) -> TrainSettings:
    """Return the settings of one training."""
    slots = len(arrangement.layers)
    space = Space.default() if slots == 16 else Space.load("examples/six_layers.arch")
    member = space.architecture(arrangement.layers).replace(vocab=257, context=CONTEXT)
    return TrainSettings.model_validate(
        {
            "validation_tokens": 524_288,
            "threads": 1,
            "precision": "fp32",
            "log_every": 1000,
            "batch": 16,
            **options.train,
            "architecture": to_text(sized(member, options.parameters, Proportions())),
            "data": [str(options.data.resolve())],
            "flops": options.flops,
            "learning_rate": options.learning_rate,
            "seed": seed,
        }
    )


def report(path: Path, against: Path | None) -> None:
    """Print correlations of proxy scores with losses of language models."""
    losses = read_losses(path)
    smaller = {} if against is None else read_losses(against)
    for group in ("calibration", "table"):
        members = [each for each in arrangements() if each.group == group]
        done = [each for each in members if each.name in losses]
        if len(done) < 3:
            print(f"{group}: {len(done)} of {len(members)} arrangements are trained")
            continue
        print(f"{group}: {len(done)} of {len(members)} arrangements")
        mean_A = np.array([np.mean(losses[each.name]) for each in done])
        print(f"  loss {mean_A.min():.4f} to {mean_A.max():.4f} nats a byte")
        print(f"  {'proxy':28}  {'all':22}  its better half")
        for name, proxy_A in proxies(done, smaller).items():
            over_all = told_correlation(proxy_A, -mean_A)
            print(f"  {name:28}  {over_all:22}  {told_of_better_half(proxy_A, -mean_A)}")
        both = [losses[each.name] for each in done if len(losses[each.name]) > 1]
        if len(both) > 2:
            first_A, second_A = (np.array([each[n] for each in both]) for n in (0, 1))
            print(f"  {'loss, seed against seed':28}  {told_correlation(first_A, second_A)}")


def proxies(
    done: Sequence[Arrangement], smaller: Mapping[str, Sequence[float]]
) -> dict[str, NDArray[np.float64]]:
    """Return what each proxy says of the arrangements; higher is better.

    Args:
        done: the arrangements.
        smaller: losses of smaller models by name; without those of all, they are left out.
    """
    found = {name: np.array([each.scores[name] for each in done]) for name in done[0].scores}
    if all(each.name in smaller for each in done):
        small_A = -np.array([np.mean(smaller[each.name]) for each in done])
        found["smaller language models"] = small_A
        found["mean of the ranks of both"] = (rankdata(found["score"]) + rankdata(small_A)) / 2
    return found


def told_of_better_half(proxy_A: NDArray[np.float64], goodness_A: NDArray[np.float64]) -> str:
    """Correlate what a search would choose among: the upper half by the proxy."""
    better_A = proxy_A >= np.median(proxy_A)
    return told_correlation(proxy_A[better_A], goodness_A[better_A])


def told_correlation(a_A: NDArray[np.float64], b_A: NDArray[np.float64]) -> str:
    if np.ptp(a_A) == 0:
        return "all equal"
    low, high = row_interval(len(a_A), lambda rows_SA: rank_correlation(a_A[rows_SA], b_A[rows_SA]))
    return f"{float(rank_correlation(a_A, b_A)):+.2f} ({low:.2f} to {high:.2f})"


def write_losses(folder: Path) -> None:
    """Write the losses of all runs that are done into losses.csv."""
    lines = ["run,parameters,tokens,loss"]
    for path in sorted(folder.glob("*/result.json")):
        result = TrainResult.model_validate_json(path.read_text(encoding="utf-8"))
        facts = result.parameters, result.tokens, result.validation_loss
        lines.append(",".join(map(str, (path.parent.name, *facts))))
    (folder / "losses.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_losses(path: Path) -> dict[str, list[float]]:
    """Return the validation losses of each arrangement, by seed."""
    file = path if path.suffix == ".csv" else path / "losses.csv"
    found: dict[str, list[float]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["run"].rpartition("-s")[0], []).append(float(row["loss"]))
    return found


if __name__ == "__main__":
    main()
