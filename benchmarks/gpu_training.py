"""Training speed on a GPU: plain modules, compiled layers and CUDA graphs, side by side.

    python -m benchmarks.gpu_training --sizes 200k 1.6M 10M --batch 16

Each design is trained at each size on random tokens of 256 positions, in one process, by the engine
of `aira-dsl train`. The first steps, which compile or record, are timed apart.
"""

import argparse
import json
import time

import numpy as np
import torch

from aira_dsl.architecture import Architecture
from aira_dsl.data.tokens.rows import Batch
from aira_dsl.language import load, to_text
from aira_dsl.pretraining.engine import Engine
from aira_dsl.pretraining.processes import Processes
from aira_dsl.pretraining.settings import TrainPlan, TrainSettings
from aira_dsl.scaling.grid.sizes import Proportions, sized
from aira_dsl.utils.options import parse_count

DESIGNS = {
    "llama": "examples/paper/llama_3_2.arch",
    "airahybrid_d": "examples/paper/airahybrid_d_stretched.arch",
    "mamba": "examples/paper/mamba.arch",
}
CONTEXT = 256
WAYS = {
    "plain": {"no_compile": True},
    "graph": {"no_compile": True, "cuda_graph": True},
    "compiled": {},
    "compiled graph": {"cuda_graph": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=parse_count, default=[200_000, 1_600_000])
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--batch", nargs="+", type=int, default=[16])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--precision", default="fp32")
    options = parser.parse_args()
    print(torch.cuda.get_device_name(), torch.__version__, flush=True)
    for design in options.designs:
        for size in options.sizes:
            based = load(DESIGNS[design]).replace(vocab=257, context=CONTEXT)
            architecture = sized(based, size, Proportions())
            for batch in options.batch:
                for way in options.ways:
                    record = timed(architecture, way, batch, options.steps, options.precision)
                    facts = {"design": design, "size": size, "batch": batch, "way": way, **record}
                    print(json.dumps(facts), flush=True)


def timed(
    architecture: Architecture, way: str, batch: int, steps: int, precision: str
) -> dict[str, object]:
    """Train, and return seconds of the first two steps, tokens/s of the others, and the loss."""
    settings = TrainSettings.model_validate(
        {
            "architecture": to_text(architecture),
            "data": ["random"],
            "steps": steps,
            "batch": batch,
            "context": CONTEXT,
            "precision": precision,
            **WAYS[way],
        }
    )
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 257, (steps, batch, CONTEXT + 1))
    torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    plan = TrainPlan.of(settings)
    engine = Engine(settings, plan, Processes(0, 1, torch.device("cuda")))
    for number in range(2):
        engine.step(number, Batch(rows[number], None))
    started, facts = time.perf_counter(), None
    for number in range(2, steps):
        facts = engine.step(number, Batch(rows[number], None))
    seconds = time.perf_counter() - started
    assert facts is not None
    tokens = (steps - 2) * batch * CONTEXT / seconds
    return {
        "first": round(started - began, 2),
        "ms_step": round(1000 * seconds / (steps - 2), 2),
        "tokens_s": round(tokens),
        "tflops": round(tokens * plan.costs.training_flops / 1e12, 2),
        "mib": torch.cuda.max_memory_allocated() >> 20,
        "loss": round(facts.loss, 4),
    }


if __name__ == "__main__":
    main()
