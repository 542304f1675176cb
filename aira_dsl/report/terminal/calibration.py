"""Reports of a calibration: Markdown, JSON, a picture."""

import io
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, get_args

from aira_dsl.evaluation.calibration import Calibration
from aira_dsl.evaluation.calibration_statistics import (
    Agreement,
    CalibrationAnalysis,
    Trust,
)
from aira_dsl.evaluation.choices import PresetName
from aira_dsl.utils.folder import FolderKind, ResultFolder
from aira_dsl.utils.formatting import interval

FOLDER = FolderKind(
    job="calibration",
    busy="E0647",
    foreign="E0648",
    files=frozenset(
        f"{preset}.{form}" for preset in get_args(PresetName) for form in ("json", "md", "png")
    ),
)
"""What `write_calibration` writes to: calibrations of any presets."""

MINIMUM_RELIABILITY, MINIMUM_RANK = 0.8, 0.7
"""Targets of a preset: reliability of its score, rank correlation with the longer preset."""


def calibration_json(calibration: Calibration, analysis: CalibrationAnalysis) -> dict[str, Any]:
    """Return the statistics of every column, without the scores they come from."""
    return {
        "preset": calibration.preset,
        "precision": calibration.precision,
        "machine": calibration.machine,
        "arrangements": len(calibration.arrangements),
        "seeds": calibration.seeds,
        "seconds": _seconds(calibration),
        "split_half": analysis.split_half,
        "columns": [asdict(column) for column in analysis.columns.values()],
        "agreements": [asdict(each) for each in analysis.agreements],
    }


def calibration_text(calibration: Calibration, analysis: CalibrationAnalysis) -> str:
    """Return the report as Markdown, as the command prints it and docs/proxy.md shows it."""
    own, longer = _seconds(calibration), calibration.longer
    lines = [
        f"`{calibration.preset}` in {calibration.precision}: {len(calibration.arrangements)} "
        f"arrangements of sixteen layers, {calibration.seeds} seeds; {own:.0f} s an evaluation on "
        f"one core ({calibration.machine})",
    ]
    if longer:
        cost = statistics.median(each.seconds[0] for each in longer)
        lines.append(
            f"`{calibration.longer_preset}`: {len(longer)} of them, one seed; {cost:.0f} s, "
            f"{cost / own:.1f} times as much"
        )
    lines += ["", *_table(list(analysis.columns.values())), ""]
    score = analysis.columns["score"]
    lines.append(f"- seed noise of the score: {score.noise:.4f}; of a difference of two scores")
    lines.append(f"  from one seed each, 95 % lie within {1.96 * 2**0.5 * score.noise:.4f}")
    lines.append(_verdict("reliability of the score", score.reliability, MINIMUM_RELIABILITY))
    lines.append(f"- split-half reliability of the tasks: {analysis.split_half:.2f}")
    if score.longer is not None:
        name = f"rank correlation with `{calibration.longer_preset}`"
        lines.append(_verdict(name, score.longer, MINIMUM_RANK))
    if score.exact_difference is not None:
        lines.append(
            f"- fp32 and {calibration.precision} with the same seed differ by "
            f"{score.exact_difference:.4f} (root mean square), two seeds by "
            f"{2**0.5 * score.noise:.4f}; rank correlation {score.exact_rank:.2f}, of two seeds "
            f"{score.rank:.2f}"
        )
    if analysis.agreements:
        lines += ["", *_curve_table(analysis.agreements, own)]
    return "\n".join(lines) + "\n"


def write_calibration(
    calibration: Calibration, analysis: CalibrationAnalysis, folder: ResultFolder
) -> None:
    """Write the data, the report and the picture into a folder of the kind `FOLDER`.

    Raises:
        RunError: E0904, if it cannot be written.
    """
    calibration.write(folder.path / f"{calibration.preset}.json")
    folder.write(f"{calibration.preset}.md", calibration_text(calibration, analysis))
    folder.write(f"{calibration.preset}.png", calibration_picture(calibration, analysis))


def calibration_picture(calibration: Calibration, analysis: CalibrationAnalysis) -> bytes:
    """Draw all scores, the longer preset's against them, and trust against cost; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[1.5, 1])
    ranks, against = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1])
    _draw_curve(figure.add_subplot(grid[1, 1]), calibration, analysis.agreements)
    ordered = sorted(calibration.arrangements, key=lambda m: statistics.mean(m.scores["score"]))
    for place, measured in enumerate(ordered):
        scores = measured.scores["score"]
        ranks.plot(scores, [place] * len(scores), "o", color="#9aa5b1", markersize=4)
        ranks.plot(statistics.mean(scores), place, "|", color="#0b6e99", markersize=12)
    ranks.set_yticks(range(len(ordered)), [each.name for each in ordered], fontsize=7)
    ranks.set(xlabel=f"score with `{calibration.preset}`: each seed, and their mean")
    ranks.grid(axis="x", alpha=0.25)
    means = {m.layers: statistics.mean(m.scores["score"]) for m in calibration.arrangements}
    for measured in calibration.longer:
        against.plot(
            means[measured.layers], measured.scores["score"][0], "o", color="#0b6e99", markersize=5
        )
    against.set(
        xlabel=f"`{calibration.preset}`, mean of seeds",
        ylabel=f"`{calibration.longer_preset}`, one seed",
        title="against much longer training",
    )
    against.grid(alpha=0.25)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    return picture.getvalue()


def _draw_curve(axes: Any, calibration: Calibration, found: Sequence[Agreement]) -> None:
    """Draw the rank correlation with the longer preset against cost."""
    for label, color, shift, chosen in (  # shifted, so that intervals do not hide each other
        ("mean of more seeds", "#9aa5b1", 0.05, [e for e in found if e.seeds == e.times]),
        ("more training", "#0b6e99", 0.0, [e for e in found if e.seeds == 1]),
    ):
        times, ranks = [e.times + shift for e in chosen], [e.rank for e in chosen]
        errors = [
            [e.rank - e.interval[0] for e in chosen],
            [e.interval[1] - e.rank for e in chosen],
        ]
        axes.errorbar(times, ranks, errors, marker="o", color=color, label=label, capsize=3)
    axes.axhline(MINIMUM_RANK, color="black", linewidth=0.8, linestyle=":")
    axes.set(
        xlabel=f"cost, in evaluations with `{calibration.preset}`",
        ylabel=f"rank correlation with `{calibration.longer_preset}`",
        title="trust against cost (95 %)",
    )
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="lower right")


def _table(found: Sequence[Trust]) -> list[str]:
    lines = [
        "| | mean | worst-best | between | noise | reliability | rank, seed to seed "
        "| rank, longer (95 %) | fp32, same seed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        longer = exact = "-"
        if each.longer is not None and each.longer_interval is not None:
            longer = interval(each.longer, *each.longer_interval, ".2f")
        if each.exact_difference is not None:
            exact = f"{each.exact_difference:.3f}"
        lines.append(
            f"| {each.column} | {each.mean:.3f} | {each.lowest:.3f}-{each.highest:.3f} "
            f"| {each.between:.3f} | {each.noise:.3f} | {each.reliability:.2f} "
            f"| {each.rank:.2f} | {longer} | {exact} |"
        )
    return lines


def _curve_table(found: Sequence[Agreement], seconds: float) -> list[str]:
    lines = ["| cost of a score | s on one core, about | rank, longer (95 %) |", "|---|---|---|"]
    for each in found:
        rank = interval(each.rank, *each.interval, ".2f")
        lines.append(f"| {_spent(each)} | {each.times * seconds:.0f} | {rank} |")
    return lines


def _spent(agreement: Agreement) -> str:
    if agreement.seeds > 1:
        return f"mean of {agreement.seeds} seeds"
    return "one seed" if agreement.times == 1 else f"one seed, {agreement.times} × the training"


def _verdict(name: str, value: float, least: float) -> str:
    reached = "reached" if value >= least else "not reached"
    return f"- {name}: {value:.2f} (target {least}: {reached})"


def _seconds(calibration: Calibration) -> float:
    return statistics.median(s for each in calibration.arrangements for s in each.seconds)
