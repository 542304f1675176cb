"""Training saved and winners lost by pruning, simulated with the scores of the calibration.

    python -m benchmarks.pruning

Takes the task scores of the preset's shipped calibration in random orders, a random seed each, as
a random search would meet them, and prunes the worst fraction so far, as `--prune` does. Prints how
much of the training is saved, and which fraction of the best five (by the mean of all seeds) is
lost, of those that could be pruned.
"""

import numpy as np

from aira_dsl.evaluation.calibration import load_calibration
from aira_dsl.study.pruning import FIRST_LOOK, STARTUP_TRIALS

ORDERS = 300
BEST = 5


def main() -> None:
    calibration = load_calibration("cpu")
    assert calibration is not None
    tasks = [column for column in calibration.columns if column != "score"]
    scores_AST = np.stack(
        [np.array([each.scores[task] for each in calibration.arrangements]) for task in tasks], -1
    )
    print("| worst share | training saved | of the best five lost |\n|---|---|---|")
    for share in (0.25, 0.5, 0.65):
        saved, lost = play_back(scores_AST, share)
        print(f"| {share:.0%} | {saved:.0%} | {lost:.1%} |")


def play_back(scores_AST: np.ndarray, share: float) -> tuple[float, float]:
    """Return the share of training saved, and of the best that were stopped."""
    rng = np.random.default_rng(0)
    arrangements, seeds, tasks = scores_AST.shape
    best = np.argsort(-scores_AST.mean(axis=(1, 2)))[:BEST]
    saved, lost, met = 0.0, 0, 0
    for _ in range(ORDERS):
        seen: list[list[float]] = [[] for _ in range(tasks)]
        for place, row in enumerate(rng.permutation(arrangements)):
            scores_T = scores_AST[row, rng.integers(seeds)]
            means_T = np.cumsum(scores_T) / np.arange(1, tasks + 1)
            stopped = False
            for done in range(tasks):
                looked_at = FIRST_LOOK <= done + 1 < tasks and place >= STARTUP_TRIALS
                stopped = looked_at and means_T[done] < np.percentile(seen[done], 100 * share)
                seen[done].append(float(means_T[done]))
                if stopped:
                    saved += 1 - (done + 1) / tasks
                    break
            if row in best and place >= STARTUP_TRIALS:
                met += 1
                lost += stopped
    return saved / (ORDERS * arrangements), lost / met


if __name__ == "__main__":
    main()
