"""Which tasks the preset `cpu` needs: every choice of five, compared by one calibration.

    python -m benchmarks.task_choice            # the table
    python -m benchmarks.task_choice --write    # the shipped calibration, cut to the preset's tasks

`results/five_tasks.json` is a calibration of five tasks at the sizes and steps of `cpu`: 40
arrangements, three seeds, 16 with ten times the training, all in fp32 too. A task's score does not
depend on which other tasks are evaluated, so a choice of tasks needs no new training. Prints how
well the mean over the chosen tasks agrees with the mean over all five with ten times the training;
docs/proxy.md explains the columns. All five tasks take equally long, so the seconds of the cut
calibration are proportional to the number of tasks.
"""

import argparse
import itertools
from pathlib import Path

from aira_dsl.evaluation.calibration import Calibration, Measured, read_calibration
from aira_dsl.evaluation.calibration_statistics import trust
from aira_dsl.evaluation.presets import preset_settings

MEASURED = Path(__file__).parent / "results" / "five_tasks.json"
SHIPPED = Path("aira_dsl/evaluation/data/calibrations/cpu.json")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--write", action="store_true")
    measured = read_calibration(MEASURED)
    if options.parse_args().write:
        settings = preset_settings("cpu").model_copy(update={"precision": measured.precision})
        kept = cut(measured, [run.task.name for run in settings.runs])
        kept.model_copy(update={"identity": settings.identity()}).write(SHIPPED)
        print(f"{SHIPPED} is written")
        return
    tasks = [column for column in measured.columns if column != "score"]
    rows = []
    for size in range(1, len(tasks) + 1):
        for chosen in itertools.combinations(tasks, size):
            # The longer preset keeps all tasks: every choice is compared with it.
            short = cut(measured, chosen).model_copy(update={"longer": measured.longer})
            rows.append((trust(short, "score"), chosen))
    rows.sort(key=lambda row: (-row[0].longer, len(row[1])))
    print("| tasks | reliability | rank, seed to seed | rank, longer (95 %) |\n|---|---|---|---|")
    for found, chosen in rows:
        low, high = found.longer_interval
        print(
            f"| {', '.join(chosen)} | {found.reliability:.2f} | {found.rank:.2f} "
            f"| {found.longer:.2f} ({low:.2f}-{high:.2f}) |"
        )


def cut(calibration: Calibration, tasks: list[str] | tuple[str, ...]) -> Calibration:
    """Return a calibration as if only these tasks had been evaluated."""
    share = len(tasks) / (len(calibration.columns) - 1)

    def only(each: Measured) -> Measured:
        scores = {task: each.scores[task] for task in tasks}
        means = [sum(values) / len(values) for values in zip(*scores.values(), strict=True)]
        return Measured(
            name=each.name,
            layers=each.layers,
            scores={**scores, "score": tuple(round(mean, 6) for mean in means)},
            seconds=tuple(round(share * seconds, 1) for seconds in each.seconds),
        )

    parts = ("arrangements", "longer", "exact")
    return calibration.model_copy(
        update={part: tuple(map(only, getattr(calibration, part))) for part in parts}
    )


if __name__ == "__main__":
    main()
