"""results.tsv: the log of a run in the columns of karpathy/autoresearch.

commit        first seven digits of the candidate's identity
val_bpb       the score, with six digits; 0.000000 for a candidate without one
memory_gb     peak memory of the training in GiB; 0.0 without a score
status        keep (better than all before it), discard, or crash
description   the hypothesis
"""

from collections.abc import Sequence

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.trials import Trial

COLUMNS = ("commit", "val_bpb", "memory_gb", "status", "description")


def results_tsv(rows: Sequence[Trial], baseline: float | None, direction: Direction) -> str:
    """Return the log of a run.

    Args:
        rows: the trials; those that are running are left out.
        baseline: mean score of the starting files: the first row; None if it is not known.
        direction: which way scores get better.
    """
    lines = ["\t".join(COLUMNS)]
    best = baseline
    if baseline is not None:
        lines.append(_line("start", baseline, 0.0, "keep", "baseline"))
    for row in rows:
        if row.state == "RUNNING":
            continue
        name = row.fingerprint[:7] or "-"
        if row.score is None:
            lines.append(_line(name, 0.0, 0.0, "crash", row.hypothesis or row.message))
            continue
        kept = best is None or direction.better(row.score, best)
        best = row.score if kept else best
        peak = row.facts.get("peak_memory_bytes")
        gib = peak / 2**30 if isinstance(peak, int) else 0.0
        lines.append(_line(name, row.score, gib, "keep" if kept else "discard", row.hypothesis))
    return "\n".join(lines) + "\n"


def _line(name: str, score: float, gib: float, status: str, description: str) -> str:
    flat = " ".join(description.split())
    return "\t".join((name, f"{score:.6f}", f"{gib:.1f}", status, flat))
