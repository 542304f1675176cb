"""What a finished search prints: the best architecture as text, and where everything is."""

import json
from collections import Counter

from aira_dsl.language import to_text
from aira_dsl.study.result import SearchResult

SHOWN = 5


def outcome_text(result: SearchResult) -> str:
    """Describe a finished search for people."""
    finished = [row for row in result.rows if row.state != "RUNNING"]
    lines = [""]
    if result.exhausted:
        lines.append("the space is used up: every arrangement in it was tried")
    if result.best is None:
        reasons = Counter(row.status for row in finished)
        told = ", ".join(f"{count} {status}" for status, count in reasons.items())
        return "\n".join([*lines, f"no candidate got a score ({told}); see {result.folder}", ""])
    lines += [f"{'score':>8}  {'test':>8}  {'trial':>5}  {'parameters':>10}  layers"]
    scored = sorted(
        (row for row in finished if row.score is not None),
        key=lambda row: (
            row.score if result.direction == "minimize" else -(row.score or 0),
            row.number,
        ),
    )
    for row in scored[:SHOWN]:
        test = f"{row.test_score:.4f}" if row.test_score is not None else ""
        lines.append(
            f"{row.score:8.4f}  {test:>8}  {row.number:5}  {row.parameters:10,}  {row.pattern}"
        )
    lines += ["", to_text(result.best).rstrip(), ""]
    lines.append(f"{len(finished)} trials; table, picture, best.arch and study in {result.folder}")
    return "\n".join(lines) + "\n"


def outcome_json(result: SearchResult) -> str:
    """Describe a finished search for machines."""
    best = result.best
    facts = {
        "folder": str(result.folder),
        "trials": len(result.rows),
        "failed": sum(row.state == "FAIL" for row in result.rows),
        "exhausted": result.exhausted,
        "score": result.score,
        "test_score": result.test_score,
        "pattern": best.pattern if best else None,
        "layers": list(best.layers) if best else None,
        "fingerprint": best.fingerprint if best else None,
    }
    return json.dumps(facts, ensure_ascii=False) + "\n"
