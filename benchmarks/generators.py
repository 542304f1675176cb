"""Time to generate 1,000 examples of each task, in milliseconds on one core.

python benchmarks/generators.py
"""

import time

import numpy as np

from aira_dsl.data.tasks import TASKS, FuzzyInContextRecall, SyntheticTask

RUNS = 7


def milliseconds(task: SyntheticTask, *, training: bool) -> float:
    """Return the median time for 1,000 examples."""
    taken = []
    for run in range(RUNS):
        started = time.perf_counter()
        task.generate(np.random.default_rng(run), 1000, training=training)
        taken.append(time.perf_counter() - started)
    return 1e3 * sorted(taken)[RUNS // 2]


def main() -> None:
    tasks = [(name, task()) for name, task in TASKS.items()]
    large = FuzzyInContextRecall(vocab=128, length=128)
    print("| task, 1,000 examples | training form | evaluation form |\n|---|---|---|")
    for name, task in [*tasks, (f"{large.name}, vocab 128, length 128", large)]:
        forms = [f"{milliseconds(task, training=training):.0f}" for training in (True, False)]
        print(f"| {name} | {' | '.join(forms)} |")


if __name__ == "__main__":
    main()
