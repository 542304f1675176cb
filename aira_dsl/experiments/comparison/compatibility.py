"""Conditions for comparing runs: the same evaluator and equal budgets; and the methods' names.

Scores that were made in different ways cannot be compared. Such runs are refused, and the
differences named.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aira_dsl.errors import InputError
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.study.run import RunOf
from aira_dsl.study.settings import SearchSettings

R = TypeVar("R", bound=RunOf[Any])
_DESIGN_ALIKE = (*("task_identity", "task_size", "start", "data_seed", "baseline", "code_version"),)
_ALIKE = ("space", "constraints", "evaluator_identity", "code_version", "prune")


def check_alike(runs: Sequence[RunOf[Any]], *, equally_long: bool = False) -> None:
    """Refuse runs that were not evaluated alike.

    Args:
        runs: one at least; of design runs those of one task.
        equally_long: whether their numbers of trials must be equal, where budgets are not known;
            a one-shot agent has one trial at any budget.

    Raises:
        InputError: E0822, if their spaces, evaluators, versions of the code or pruning differ;
            E0823, if their numbers of trials differ, or the same run is given twice.
    """
    first = runs[0]
    for run in runs[1:]:
        if found := differences(_evaluated_by(first), _evaluated_by(run)):
            raise InputError(
                "E0822",
                f"{first.folder} and {run.folder} cannot be compared: {'; '.join(found)}",
                help="compare runs of one space and evaluator, or of one task and size, made by "
                "the same version",
            )
    if equally_long:
        _check_budgets([run for run in runs if not _is_one_shot(run)])
    _check_no_copies(runs)


def _is_one_shot(run: RunOf[Any]) -> bool:
    agent = run.settings.agent
    return agent is not None and agent.policy == "oneshot"


def _check_budgets(runs: Sequence[RunOf[Any]]) -> None:
    for run in runs[1:]:
        if len(finished(run)) != len(finished(runs[0])):
            raise InputError(
                "E0823",
                f"{runs[0].folder} has {len(finished(runs[0]))} trials and {run.folder} "
                f"{len(finished(run))}: methods are compared on equal budgets",
                help="continue the shorter one: run the same command with a larger --budget",
            )


def differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name what differs, such as `preset: 'cpu' and 'smoke'`; of spaces the names only."""
    keys = [key for key in dict.fromkeys([*mine, *other]) if mine.get(key) != other.get(key)]
    return [_difference(key, mine.get(key), other.get(key)) for key in keys]


def by_method(runs: Sequence[R]) -> dict[str, list[R]]:
    """Group runs by method, each group in order of the seeds.

    Agents are named by their policy and proposer, and where these are the same also by the
    settings that differ, as in `agent-greedy-local model=b`.
    """
    groups: dict[str, list[R]] = {}
    for run in runs:
        groups.setdefault(run.settings.searcher + _distinction(run, runs), []).append(run)
    return {
        name: sorted(group, key=lambda run: run.settings.seed) for name, group in groups.items()
    }


def _evaluated_by(run: RunOf[Any]) -> dict[str, Any]:
    settings = run.settings.model_dump(mode="json")
    if not isinstance(run.settings, SearchSettings):
        return {key: settings[key] for key in _DESIGN_ALIKE}
    named = {"objective": run.settings.evaluator.objective, "preset": run.settings.evaluator.preset}
    return named | {key: settings[key] for key in _ALIKE}


def _difference(key: str, mine: Any, other: Any) -> str:
    word = key.replace("_", " ")
    if any(isinstance(value, dict) for value in (mine, other)):
        names = [value.get("name") if isinstance(value, dict) else None for value in (mine, other)]
        if names[0] == names[1]:
            return f"{word}: two of the name {names[0]!r}"
        mine, other = names
    return f"{word}: {mine!r} and {other!r}"


def _check_no_copies(runs: Sequence[RunOf[Any]]) -> None:
    seen: dict[str, Path] = {}
    for run in runs:
        earlier = seen.setdefault(run.settings.identity, run.folder)
        if earlier is not run.folder:
            raise InputError(
                "E0823",
                f"{earlier} and {run.folder} are the same run, which would count twice",
                help="give every run once; runs of one method need different seeds",
            )


def _distinction(run: RunOf[Any], runs: Sequence[RunOf[Any]]) -> str:
    """Return the settings in which this agent differs from others of its policy and proposer."""
    if run.settings.agent is None:
        return ""
    own = run.settings.agent.model_dump(mode="json")
    others = [
        other.settings.agent.model_dump(mode="json")
        for other in runs
        if other.settings.agent and other.settings.searcher == run.settings.searcher
    ]
    differing = [key for key in own if any(other[key] != own[key] for other in others)]
    return "".join(f" {key}={own[key]}" for key in differing)
