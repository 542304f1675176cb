"""results.tsv: the log of a run in the columns of karpathy/autoresearch.

commit        first seven digits of the candidate's identity; `start` for the starting files
val_bpb       the score, with six digits; 0.000000 for a candidate without one
memory_gb     peak of main memory in GiB; 0.0 without a score, or if it is not known
status        keep, discard, or crash: without a score, for whatever reason
description   the hypothesis; without one, the reason why there is no score

The original keeps every score that is better than the last one kept. Here a score must be better by
more than noise explains, which is half the 95 % interval of the difference between one score and
the n scores of the row kept last: t σ √(1 + 1/n), with all repeats for the baseline and n = 1 for a
candidate. If the noise is not known, it counts as 0.

The memory of the original is that of the GPU, which the judge does not measure.
"""

from collections.abc import Iterator

from aira_dsl.design.improvement import margin
from aira_dsl.design.result import DesignResult
from aira_dsl.study.trials import Trial

COLUMNS = ("commit", "val_bpb", "memory_gb", "status", "description")


def results_tsv(found: DesignResult) -> str:
    """Return the log of a run; trials that are running are left out."""
    return "\n".join(["\t".join(COLUMNS), *_lines(found)]) + "\n"


def _lines(found: DesignResult) -> Iterator[str]:
    kept, scores = found.mean_baseline, len(found.baseline)
    if kept is not None:
        peak = max(found.baseline_memory.values(), default=0.0)
        yield _line("start", kept, peak, "keep", "baseline")
    for row in found.rows:
        if row.state == "RUNNING":
            continue
        name = row.fingerprint[:7] or "-"
        if row.score is None:
            yield _line(name, 0.0, 0.0, "crash", row.hypothesis or row.message)
            continue
        is_kept = kept is None or _is_better(found, row.score, kept, scores)
        yield _line(name, row.score, _peak(row), "keep" if is_kept else "discard", row.hypothesis)
        if is_kept:
            kept, scores = row.score, 1


def _is_better(found: DesignResult, score: float, kept: float, scores: int) -> bool:
    """Return whether a score is better than a mean of `scores` scores beyond noise."""
    least = margin(found.noise, 1, scores) if found.noise is not None else 0.0
    return found.settings.direction.sign * (score - kept) > least


def _peak(row: Trial) -> float:
    peak = row.facts.get("peak_memory_bytes")
    return peak if isinstance(peak, int) else 0.0


def _line(name: str, score: float, peak: float, status: str, description: str) -> str:
    flat = " ".join(description.split())
    return "\t".join((name, f"{score:.6f}", f"{peak / 2**30:.1f}", status, flat))
