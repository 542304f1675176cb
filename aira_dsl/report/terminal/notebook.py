"""The lab notebook of a run: proposal, reason and result of every trial."""

from collections.abc import Sequence

from aira_dsl.design.run import DesignRun
from aira_dsl.study.run import Run
from aira_dsl.study.trials import Trial
from aira_dsl.utils.formatting import plural

SHOWN = 3  # rejected answers of one trial


def notebook_text(run: Run | DesignRun) -> str:
    """Return the notebook as Markdown; it is readable as plain text."""
    settings = run.settings
    size = "size" if isinstance(run, DesignRun) else "preset"
    head = [
        f"# {settings.subject}: {settings.searcher}, {size} {settings.size}, seed {settings.seed}",
        "",
    ]
    if settings.agent is not None:
        agent = settings.agent
        head.append(f"model {agent.model}, {agent.repairs} repairs, prompts {agent.prompts}")
    head.append(_totals(run.rows))
    if isinstance(run, DesignRun) and (mean := run.result.mean_baseline) is not None:
        head.append(f"baseline {mean:.4f}, mean of {plural(len(run.baseline), 'repeat')}")
    head.append("")
    pages = [page for row in run.rows for page in _page(row, run)]
    return "\n".join([*head, *pages])


def _totals(rows: Sequence[Trial]) -> str:
    scored = sum(row.score is not None for row in rows)
    calls = [call for row in rows for call in row.calls]
    text = f"{len(rows)} trials, {scored} scored"
    if calls:
        rejected = sum(bool(call.complaint) for call in calls)
        costs = [call.usd for call in calls if call.usd is not None]
        money = f"${sum(costs):.4f}" if len(costs) == len(calls) else "unknown cost"
        tokens = sum(call.usage.total for call in calls)
        text += f"; {len(calls)} calls, {rejected} answers rejected, {tokens:,} tokens, {money}"
    return text


def _page(row: Trial, run: Run | DesignRun) -> list[str]:
    lines = [f"## trial {row.number}: {_origin(row)}", ""]
    if row.hypothesis:
        lines += [f"> {row.hypothesis}", ""]
    if row.pattern:
        lines.append(f"    {row.pattern}")
    lines += ["", _outcome(row, run)]
    complaints = [call for call in row.calls if call.complaint]
    for place, call in enumerate(complaints[:SHOWN], 1):
        lines.append(f"- answer {place} rejected ({call.code}): {_first_line(call.complaint)}")
    if len(complaints) > SHOWN:
        lines.append(f"- and {len(complaints) - SHOWN} more")
    if row.calls:
        money = "" if row.usd is None else f", ${row.usd:.4f}"
        prompts = ", ".join(call.prompt for call in row.calls)
        lines.append(f"- {row.tokens:,} tokens{money}; prompt {prompts}")
    return [*lines, ""]


def _origin(row: Trial) -> str:
    parents = " and ".join(map(str, row.parents))
    if not row.operation:
        return "sampler"
    return f"{row.operation} of {parents}" if parents else row.operation


def _outcome(row: Trial, run: Run | DesignRun) -> str:
    if row.score is None:
        status = row.status or row.state.lower()
        told = _first_line(row.message)
        if told.startswith(f"{status}:"):
            return told
        return f"{status}: {told}" if told else status
    text = f"score {row.score:.4f}"
    if run.noise is not None:
        text += f" ± {run.noise.value:.4f}"
    scores = {each.number: each.score for each in run.rows}
    for parent in row.parents:
        if (before := scores.get(parent)) is not None:
            text += f", {row.score - before:+.4f} from trial {parent}"
    if isinstance(run, DesignRun) and (mean := run.result.mean_baseline) is not None:
        text += f", {row.score - mean:+.4f} from the baseline"
    if row.confirmed is not None:
        text += f", {row.confirmed:.4f} with other seeds"
    if row.test_score is not None:
        text += f", {row.test_score:.4f} on the test split"
    return text


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]
