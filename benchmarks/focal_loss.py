"""How much of a famous gain was the metric: focal loss, by two evaluators.

    python -m benchmarks.focal_loss --seeds 5

Three candidates are trained with every seed: the baseline, the baseline with focal loss, and the
same whose model also returns focal loss when it is asked for its loss. Each trained model is scored
twice on the same windows: by the judge, from its logits, and by an evaluator of the kind that
karpathy/autoresearch has, which adds up what the model returns. That one exists here only, to show
what it would have said. Trainings are kept in --out, so that a stopped command continues.
"""

import argparse
import math
import runpy
import statistics
import sys
import tempfile
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.harness import weights
from aira_dsl.design.judge.session import JudgeSession
from aira_dsl.utils.student import student_quantile
from benchmarks.judged import records, setting

CANDIDATES = {
    "baseline": "baseline",
    "focal": "focal loss in training",
    "focal_original": "focal loss in training and evaluation",
}
"""Folders of examples/design, and what they are."""


def original_bits_per_byte(
    model: torch.nn.Module, windows_WT: np.ndarray, bytes_V: np.ndarray, batch: int
) -> float:
    """Score a model as the original evaluator does: it takes what the model returns for nats.

    Args:
        model: takes tokens, the tokens that follow, and reduction="none".
        windows_WT: tokens (W, T + 1).
        bytes_V: bytes of every token; tokens of 0 bytes do not count.
        batch: rows at a time.
    """
    nats = total = 0.0
    with torch.inference_mode():
        for begin in range(0, len(windows_WT), batch):
            rows = torch.from_numpy(windows_WT[begin : begin + batch].astype(np.int64))
            returned = model(rows[:, :-1], rows[:, 1:], reduction="none").flatten().double()
            bytes_N = torch.from_numpy(bytes_V)[rows[:, 1:].flatten()]
            nats += float((returned * (bytes_N > 0)).sum())
            total += float(bytes_N.sum())
    return nats / (math.log(2) * total)


def evaluate(candidate: Candidate, trained: bytes, session: JudgeSession) -> dict[str, float]:
    """Return what the original evaluator says: it runs in the process of the candidate's code."""
    model = _model(candidate, session)
    weights.load(model, trained)
    model.eval()
    value = original_bits_per_byte(
        model,
        np.load(session.folder / "windows.npy"),
        np.load(session.folder / "bytes.npy"),
        session.size.settings["eval_batch"],
    )
    return {"original": value}


class _Built(Exception):
    """Ends a script once it has built its model."""


def _model(candidate: Candidate, session: JudgeSession) -> torch.nn.Module:
    """Run a script of this repository up to `prepare.start`, and take the model."""
    built: list[torch.nn.Module] = []

    def start(model: torch.nn.Module) -> None:
        built.append(model)
        raise _Built

    settings = session.size.settings
    names = {name: settings[name.lower()] for name in ("MAX_SEQ_LEN", "VOCAB_SIZE", "BOS")}
    module: Any = types.ModuleType("prepare")
    module.__dict__.update(names, SEED=session.seed, DEVICE="cpu", start=start)
    sys.modules["prepare"] = module
    with tempfile.TemporaryDirectory() as folder:
        candidate.write(Path(folder))
        try:
            runpy.run_path(f"{folder}/train.py", run_name="__main__")
        except _Built:
            return built[0]
    raise ValueError("the script has built no model")


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval (Student's t; one value has none)."""

    value: float
    margin: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        value = statistics.fmean(values)
        if len(values) < 2:
            return cls(value, math.nan)
        error = statistics.stdev(values) / math.sqrt(len(values))
        return cls(value, student_quantile(0.975, len(values) - 1) * error)

    def __str__(self) -> str:
        return f"{self.value:.4f}" + ("" if math.isnan(self.margin) else f" ± {self.margin:.4f}")


def table(scores: dict[str, dict[str, list[float]]]) -> str:
    """Return the results as Markdown.

    Args:
        scores: of each candidate, its `original` and `judge` scores and its training `steps` by
            seed.
    """
    lines = [
        "| candidate | original evaluator | change | judge | change | steps |",
        "|---|---|---|---|---|---|",
    ]
    for name, text in CANDIDATES.items():
        cells = [text]
        for evaluator in ("original", "judge"):
            values, first = scores[name][evaluator], scores["baseline"][evaluator]
            change = Mean.of([a - b for a, b in zip(values, first, strict=True)])
            cells += [
                str(Mean.of(values)),
                "" if name == "baseline" else f"{change.value:+.4f} ± {change.margin:.4f}",
            ]
        steps = scores[name]["steps"]
        cells.append(f"{min(steps):,.0f} to {max(steps):,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(scores: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Write the picture: both evaluators, every seed a dot, the means as lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    for evaluator, color, shift in (("original", "tab:orange", -0.14), ("judge", "tab:blue", 0.14)):
        for place, name in enumerate(CANDIDATES):
            values = scores[name][evaluator]
            label = f"{evaluator} evaluator" if evaluator == "original" else "the judge"
            axes.plot(
                values,
                [place + shift] * len(values),
                "o",
                color=color,
                alpha=0.5,
                ms=4,
                label=label if place == 0 else None,
            )
            axes.plot(
                [statistics.fmean(values)] * 2,
                [place + shift - 0.1, place + shift + 0.1],
                color=color,
            )
    axes.set_yticks(range(len(CANDIDATES)), list(CANDIDATES.values()))
    axes.invert_yaxis()
    axes.set_xlabel("bits per byte: lower looks better")
    axes.legend(loc="best", fontsize="small")
    axes.grid(axis="x", alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, help="training time, for a trial run")
    parser.add_argument("--data-seed", type=int, default=0)
    parser.add_argument("--examples", type=Path, default=Path("examples/design"))
    parser.add_argument("--out", type=Path, default=Path("runs/focal_loss"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/focal_loss.png"))
    options = parser.parse_args()
    chosen = setting(
        "autoresearch", "cpu", options.out, data_seed=options.data_seed, seconds=options.seconds
    )
    candidates = {name: Candidate.read(options.examples / name) for name in CANDIDATES}
    scores: dict[str, dict[str, list[float]]] = {
        name: {"original": [], "judge": [], "steps": []} for name in CANDIDATES
    }
    for record in records(chosen, candidates, options.seeds, evaluate):
        if record["status"] != "ok":
            raise SystemExit(f"{record['candidate']} has no score: {record['message']}")
        found = scores[record["candidate"]]
        found["original"].append(record["original"])
        found["judge"].append(record["score"])
        found["steps"].append(record["facts"]["reported_steps"])
    print(table(scores))
    draw(scores, options.picture)


if __name__ == "__main__":
    main()
