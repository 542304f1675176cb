"""What a finished search prints: the best architecture as text, and where everything is."""

import json
from collections import Counter
from collections.abc import Sequence

from aira_dsl.language import to_text
from aira_dsl.report.terminal.ranking import not_told_apart, repeats_of
from aira_dsl.study.result import SearchResult
from aira_dsl.study.selection import rank
from aira_dsl.study.trials import Trial

SHOWN = 5


def outcome_text(result: SearchResult) -> str:
    """Describe a finished search for people."""
    finished = [row for row in result.rows if row.state != "RUNNING"]
    lines = [""]
    if result.ended:
        lines.append(f"ended before the budget: {result.ended}")
    if result.best is None:
        reasons = Counter(row.status for row in finished)
        told = ", ".join(f"{count} {status}" for status, count in reasons.items())
        return "\n".join([*lines, f"no candidate got a score ({told}); see {result.folder}", ""])
    lines += [
        f"{'score':>8}  {'repeats':>8}  {'test':>8}  {'trial':>5}  {'parameters':>10}  layers"
    ]
    scored = rank(finished, result.direction)
    for row in scored[:SHOWN]:
        repeats, test = (_score(value) for value in (row.confirmed, row.test_score))
        lines.append(
            f"{_score(row.score):>8}  {repeats:>8}  {test:>8}  {row.number:5}  "
            f"{row.parameters:10,}  {row.pattern}"
        )
    lines += _doubts(scored, result)
    lines += ["", to_text(result.best).rstrip(), ""]
    lines.append(f"{len(finished)} trials; table, picture, best.arch and study in {result.folder}")
    return "\n".join(lines) + "\n"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _doubts(scored: Sequence[Trial], result: SearchResult) -> list[str]:
    """Say what the noise of the scores leaves open."""
    if result.noise is None:
        return []
    lines = ["", f"noise of a score (standard deviation between seeds): {result.noise:.4f}"]
    if close := not_told_apart(scored, result.noise):
        patterns = ", ".join(row.pattern for row in close)
        repeats = repeats_of(scored[0])
        lines.append(f"not told apart from the best by {repeats} repeats: {patterns}")
    return lines


def outcome_json(result: SearchResult) -> str:
    """Describe a finished search for machines."""
    best = result.best
    facts = {
        "folder": str(result.folder),
        "trials": len(result.rows),
        "failed": sum(row.state == "FAIL" for row in result.rows),
        "ended": result.ended,
        "score": result.score,
        "confirmed": result.confirmed,
        "noise": result.noise,
        "test_score": result.test_score,
        "pattern": best.pattern if best else None,
        "layers": list(best.layers) if best else None,
        "fingerprint": best.fingerprint if best else None,
    }
    return json.dumps(facts, ensure_ascii=False) + "\n"
