"""Design tasks, judgements and runs for the terminal."""

import json
from collections import Counter
from dataclasses import asdict

from aira_dsl.design.judgement import Judgement
from aira_dsl.design.metadata import CandidateFiles, Size
from aira_dsl.design.result import DesignResult
from aira_dsl.design.task import Task, load_task, task_names
from aira_dsl.report.conclusions import of_design
from aira_dsl.report.measurements import fact_text
from aira_dsl.study.selection import rank
from aira_dsl.study.trials import Trial
from aira_dsl.utils.formatting import plural, score

SHOWN = 5


def tasks_text() -> str:
    """Describe the tasks of the package for people."""
    return "\n\n".join(_in_short(load_task(name)) for name in task_names()) + "\n"


def tasks_json() -> str:
    """Describe the tasks of the package for machines."""
    tasks = [load_task(name).metadata.model_dump(mode="json") for name in task_names()]
    return json.dumps(tasks, ensure_ascii=False) + "\n"


def task_text(name_or_folder: str, size: str | None) -> str:
    """Return the description of a task at a size, as an agent reads it: Markdown.

    Raises:
        UsageError: E1201, E1204, there is no such task or size.
        InputError: E12xx, the task cannot be used.
    """
    return load_task(name_or_folder).description(size)


def task_json(name_or_folder: str, size: str | None) -> str:
    """Return the description of a task at a size, its metadata and its folder; as `task_text`."""
    task = load_task(name_or_folder)
    found = {
        "folder": str(task.folder),
        "size": task.size_name(size),
        "description": task.description(size),
        "metadata": task.metadata.model_dump(mode="json"),
    }
    return json.dumps(found, ensure_ascii=False) + "\n"


def judgement_text(found: Judgement, task: str) -> str:
    """Describe a judgement for people."""
    head = f"{task}: {score(found.score)}" if found.valid else f"{task}: {found.status}"
    reasons = [f"  {reason}" for reason in found.reasons]
    width = max(map(len, found.facts), default=0)
    facts = [f"  {name:<{width}}  {fact_text(name, value)}" for name, value in found.facts.items()]
    return "\n".join([head, *reasons, *facts]) + "\n"


def result_text(found: DesignResult) -> str:
    """Describe a design run for people."""
    settings = found.settings
    finished = [trial for trial in found.rows if trial.state != "RUNNING"]
    lines = ["", f"ended before the budget: {found.ended}"] if found.ended else [""]
    *verdict, noise = (each.sentence for each in of_design(found))
    lines += [_baseline(found), noise, ""]
    order = rank(finished, settings.direction)
    if order:
        lines += [_heads(settings.metric), *map(_line, order[:SHOWN]), ""]
    lines += [*verdict, ""] if order else []
    failed = Counter(trial.status for trial in finished if trial.score is None)
    told = ", ".join(f"{count} {status}" for status, count in failed.most_common())
    lines.append(
        f"{len(order)} of {plural(len(finished), 'candidate')} valid"
        + (f"; {told}" if told else "")
    )
    lines.append(f"table, page, candidates and study in {found.folder}")
    return "\n".join(lines) + "\n"


def result_json(found: DesignResult) -> str:
    """Describe a design run for machines."""
    best = found.best
    gain = None if best is None else found.improvement(best)
    facts = {
        "folder": str(found.folder),
        "task": found.settings.task,
        "size": found.settings.task_size,
        "trials": len(found.rows),
        "valid": sum(trial.score is not None for trial in found.rows),
        "ended": found.ended,
        "baseline": dict(found.baseline),
        "noise": found.noise.value if found.noise else None,
        "noise_basis": found.noise.basis if found.noise else None,
        "best": best.number if best else None,
        "score": best.score if best else None,
        "confirmed": best.confirmed if best else None,
        "test_score": best.test_score if best else None,
        "improvement": None if gain is None else {**asdict(gain), "significant": gain.significant},
    }
    return json.dumps(facts, ensure_ascii=False) + "\n"


def _in_short(task: Task) -> str:
    meta = task.metadata
    better = "lower" if meta.direction.sign < 0 else "higher"
    lines = [
        f"{task.name}: {meta.title}",
        f"  score       {meta.metric}, {better} is better",
        f"  sizes       {', '.join(map(_size, meta.sizes, meta.sizes.values()))}",
        f"  candidates  {_files(meta.candidate)} with {' or '.join(meta.frameworks)}",
        f"  folder      {task.folder}",
    ]
    for name, sizes in meta.baselines.items():
        told = ", ".join(
            f"{size} {score(each.score)} ± {score(each.noise)}" for size, each in sizes.items()
        )
        lines.append(f"  baseline    {name}: {told}")
    return "\n".join(lines)


def _size(name: str, size: Size) -> str:
    gpus = f", {plural(size.gpus, 'GPU')}" if size.gpus else ""
    return f"{name} ({size.training_seconds:g} s{gpus})"


def _files(candidate: CandidateFiles) -> str:
    names = {file: candidate.symbols.get(file, ()) for file in candidate.files}
    return ", ".join(f"{file} ({', '.join(of)})" if of else file for file, of in names.items())


def _baseline(found: DesignResult) -> str:
    if not found.baseline:
        return "the baseline was not judged"
    return (
        f"baseline: {score(found.mean_baseline)} (mean of {plural(len(found.baseline), 'repeat')})"
    )


def _heads(metric: str) -> str:
    return f"{'score':>8}  {'repeats':>8}  {'test':>8}  {'trial':>5}  change ({metric})"


def _line(trial: Trial) -> str:
    what = trial.hypothesis or trial.pattern
    return (
        f"{score(trial.score):>8}  {score(trial.confirmed):>8}  {score(trial.test_score):>8}  "
        f"{trial.number:5}  {what[:100]}"
    )
