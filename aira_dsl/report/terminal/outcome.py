"""Result of a search: the best trials, conclusions, the best architecture as text, the folder."""

import json
from collections import Counter

from aira_dsl.language import to_text
from aira_dsl.report.conclusions import of_search
from aira_dsl.study.result import SearchResult
from aira_dsl.study.selection import rank
from aira_dsl.study.trials import Trial
from aira_dsl.utils.formatting import plural, score

SHOWN = 5


def outcome_text(result: SearchResult) -> str:
    """Describe a finished search for people."""
    finished = [trial for trial in result.rows if trial.state != "RUNNING"]
    order = rank(finished, result.direction)
    lines = ["", f"ended before the budget: {result.ended}"] if result.ended else [""]
    drawn = of_search(order, result.noise, Counter(trial.status for trial in finished))
    conclusions = [each.sentence for each in drawn]
    if result.best is None:
        return "\n".join([*lines, *conclusions, f"see {result.folder}", ""])
    lines += [_heads(), *map(_line, order[:SHOWN]), "", *conclusions, ""]
    lines += [to_text(result.best).rstrip(), ""]
    count = plural(len(finished), "trial")
    lines.append(f"{count}; table, picture, best.arch and study in {result.folder}")
    return "\n".join(lines) + "\n"


def outcome_json(result: SearchResult) -> str:
    """Describe a finished search for machines."""
    best, noise = result.best, result.noise
    facts = {
        "folder": str(result.folder),
        "trials": len(result.rows),
        "failed": sum(trial.state == "FAIL" for trial in result.rows),
        "ended": result.ended,
        "score": result.score,
        "confirmed": result.confirmed,
        "noise": noise.value if noise else None,
        "noise_basis": noise.basis if noise else None,
        "test_score": result.test_score,
        "pattern": best.pattern if best else None,
        "layers": list(best.layers) if best else None,
        "fingerprint": best.fingerprint if best else None,
    }
    return json.dumps(facts, ensure_ascii=False) + "\n"


def _heads() -> str:
    return f"{'score':>8}  {'repeats':>8}  {'test':>8}  {'trial':>5}  {'parameters':>10}  layers"


def _line(trial: Trial) -> str:
    return (
        f"{score(trial.score):>8}  {score(trial.confirmed):>8}  {score(trial.test_score):>8}  "
        f"{trial.number:5}  {trial.parameters:10,}  {trial.pattern}"
    )
