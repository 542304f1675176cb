"""Pictures of a search, drawn from its trial table."""

import io
from collections.abc import Sequence
from itertools import accumulate

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.trials import Trial


def best_so_far(rows: Sequence[Trial], *, title: str, direction: Direction) -> bytes:
    """Draw every trial's score and the best so far against the evaluations spent; a PNG."""
    from matplotlib.figure import Figure  # half a second; not pyplot: it holds global state

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    finished = [row for row in rows if row.state != "RUNNING"]
    scored = [(place, row.score) for place, row in enumerate(finished, 1) if row.score is not None]
    failed = [place for place, row in enumerate(finished, 1) if row.score is None]
    if scored:
        places, scores = zip(*scored, strict=True)
        running_best: list[float] = list(
            accumulate(scores, lambda a, b: b if direction.better(b, a) else a)
        )
        axes.scatter(places, scores, s=18, color="#9aa5b1", label="trial", zorder=2)
        axes.step(
            [*places, len(finished)],
            [*running_best, running_best[-1]],
            where="post",
            color="#0b6e99",
            linewidth=2,
            label="best so far",
            zorder=3,
        )
    if failed:
        floor = axes.get_ylim()[0]
        axes.scatter(failed, [floor] * len(failed), marker="x", color="#c0392b", label="failed")
    axes.set(
        title=title,
        xlabel="evaluations",
        ylabel="validation score" if direction is Direction.MAXIMIZE else "bits per byte",
    )
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.25)
    if scored or failed:
        axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    return picture.getvalue()
