"""The numbers that a refactoring must keep: how they are computed, and how they are recorded.

    python -m tests.recorded.record [examples] [weights] [learnt] [trials]

computes the named records, or all of them, and writes `tests/recorded/NAME.json` again. Run it
only after a change that is meant to change numbers (or adds an example), and name in the commit
message which ones changed and why. `tests/test_recorded.py` compares what the code computes with
these files.
"""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import aira_dsl
from aira_dsl.data.tasks import make_splits
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.training.loop import train
from aira_dsl.training.networks import network

# The per-step losses are not part of the public interface: the only imports that a move changes.
from aira_dsl.training.threads import one_thread

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
EXAMPLES = sorted((ROOT / "examples").rglob("*.arch"))
WORDS = ["an", "architecture", "names", "its", "blocks", "and", "says", "their", "order"]

MODEL = """
architecture recorded {
  width 64
  block A  = attention { heads 4, kv_heads 2, rope 10_000 }
  block M  = mlp       { hidden 96, activation relu }
  block Mb = mamba2    { inner 96, state 4, head_dim 32, conv 4 }
  layers LAYERS
}
"""
ARRANGEMENTS = {"attention": "2A", "mlp": "M-A", "mamba2": "2Mb", "mixed": "Mb-M-A"}
ENGINES = {"plain": "off", "kernels": "on"}
LEARNT = [
    *((arrangement, "mad", engine) for arrangement in ARRANGEMENTS for engine in ENGINES),
    ("mixed", "language", "kernels"),
]

BUDGET = 30  # More than the random start of TPE and NSGA-II.
SEED = 3
SEARCHES: dict[str, dict[str, Any]] = {
    **{
        sampler: {"method": "optuna", "sampler": sampler, "budget": BUDGET}
        for sampler in ("random", "tpe", "nsga2", "evolution")
    },
    "gp": {"method": "optuna", "sampler": "gp", "budget": 16},  # Its fit is expensive.
    **{
        f"agent-{policy}": {
            "method": "agent",
            "proposer": "scripted",
            "policy": policy,
            "budget": BUDGET,
        }
        for policy in ("greedy", "mcts", "evolution", "best-of-n")
    },
}


def machine() -> dict[str, str]:
    """Return what decides how floating-point numbers are rounded: processor and libraries."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    wanted = ("vendor_id", "cpu family", "model", "model name")
    processor = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    found = {name.strip(): value.strip() for name, value in processor.items()}
    return {
        "processor": ", ".join(found.get(name, "?") for name in wanted),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "compiler": _compiler(),
    }


def example(path: Path) -> dict[str, Any]:
    """Return identities and costs of an example, as written and at each of its scales."""
    text = path.read_text(encoding="utf-8")
    space = aira_dsl.load_space(path)
    record: dict[str, Any] = {"formatted": _hash(aira_dsl.format_text(text, file=path))}
    if space.layers is None:
        return {**record, "arrangements": str(aira_dsl.Space(space).size)}
    design = aira_dsl.load(path)
    sizes = {"as written": design, **{name: design.at(name) for name in design.scales}}
    return {
        **record,
        "canonical": _hash(aira_dsl.to_text(design)),
        "sizes": {
            name: {
                "fingerprint": each.fingerprint,
                "layers": _hash(" ".join(each.layers)),
                **asdict(aira_dsl.cost(each)),
            }
            for name, each in sizes.items()
        },
    }


def weights() -> dict[str, dict[str, Any]]:
    """Return shape, sum, norm and first values of each initial weight, by parameter name."""
    model = aira_dsl.build(_architecture("mixed"), seed=0)
    return {
        name: {
            "shape": list(weight.shape),
            "sum": float(weight.detach().double().sum()),
            "norm": float(weight.detach().double().norm()),
            "first": weight.detach().flatten()[:3].tolist(),
        }
        for name, weight in model.named_parameters()
    }


def learnt(arrangement: str, objective: str, engine: str) -> dict[str, Any]:
    """Return the loss of every training step and the scores of the preset `smoke`."""
    architecture = _architecture(arrangement)
    with _environment(AIRA_DSL_KERNELS=ENGINES[engine]) as folder:
        corpus = [_corpus(folder)] if objective == "language" else []
        options: dict[str, Any] = {"objective": objective, "corpus": corpus, "precision": "fp32"}
        evaluation = aira_dsl.evaluate(
            architecture, preset="smoke", device="cpu", store=folder / "store.db", **options
        )
        losses = {}
        for run in preset_settings("smoke", **options).runs:
            splits = make_splits(run.task, run.sizes, 0)
            with one_thread():
                net = network(run.task, architecture, seed=0, precision="fp32")
                losses[run.task.name] = train(net, splits.train, run.recipe, seed=0)
    record = evaluation.model_dump()
    for timed in (record, *record["tasks"]):
        del timed["seconds"]
    return {"evaluation": record, "losses": losses}


def trials(name: str) -> list[dict[str, Any]]:
    """Return the sequence of trials of a search in the shipped table."""
    with _environment() as folder:
        result = aira_dsl.search(
            evaluator="table", seed=SEED, workers=1,
            out=folder / "run", store=folder / "store.db", **SEARCHES[name],
        )  # fmt: skip
    return [
        {
            "layers": "-".join(row.layers),
            "score": row.score,
            "state": row.state,
            "status": row.status,
            "test_score": row.test_score,
            "confirmed": row.confirmed,
            "operation": row.operation,
            "parents": list(row.parents),
        }
        for row in result.rows
    ]


RECORDS: dict[str, Callable[[], Any]] = {
    "examples": lambda: {path.relative_to(ROOT).as_posix(): example(path) for path in EXAMPLES},
    "weights": weights,
    "learnt": lambda: {" ".join(case): learnt(*case) for case in LEARNT},
    "trials": lambda: {name: trials(name) for name in SEARCHES},
}


def recorded(name: str) -> tuple[dict[str, Any], bool]:
    """Return a record, and whether it was written on a machine like this one."""
    record = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return record["values"], record["machine"] == machine()


def _architecture(arrangement: str) -> aira_dsl.Architecture:
    return aira_dsl.parse(MODEL.replace("LAYERS", ARRANGEMENTS[arrangement]))


def _corpus(folder: Path) -> Path:
    """Write a text to learn from: the default corpus differs between versions of Python."""
    path = folder / "corpus.txt"
    path.write_text(" ".join(random.Random(0).choices(WORDS, k=8000)), encoding="utf-8")
    return path


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _compiler() -> str:
    found = shutil.which(os.environ.get("CXX", "g++"))
    if found is None:
        return "none"
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


@contextmanager
def _environment(**variables: str) -> Iterator[Path]:
    """Set environment variables and give a folder, both for a while."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, variables):
        yield Path(folder)


def main(names: list[str]) -> None:
    """Write the named records again."""
    for name in names or RECORDS:
        record = {"machine": machine(), "values": RECORDS[name]()}
        text = json.dumps(record, indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
