"""From names of tasks to tasks of lm-evaluation-harness, with their data."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aira_dsl.errors import AiraError, InputError, UsageError
from aira_dsl.evaluation.accuracy.local_data import Places, local_data
from aira_dsl.evaluation.accuracy.suites import SUITES

_FILES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class ChosenTask:
    """A task to evaluate.

    Attributes:
        name: of the task.
        fewshot: number of examples before a question.
        task: the task of lm-eval.
    """

    name: str
    fewshot: int
    task: Any


def choose_tasks(names: Sequence[str], places: Places, fewshot: int | None) -> list[ChosenTask]:
    """Load tasks by name, each of a number of examples once.

    Args:
        names: suites, tasks or groups of lm-eval, YAML files.
        places: where data sets are.
        fewshot: number of examples before a question; None for that of the suite or task.

    Raises:
        UsageError: E1803, an unknown name; E1804, data that are not on this machine.
        InputError: E1805, a file that cannot be used.
    """
    found: dict[tuple[str, int], ChosenTask] = {}
    for name, shots in _expanded(names):
        for task in _loaded(name, places):
            chosen = _with_shots(task, shots if fewshot is None else fewshot)
            found.setdefault((chosen.name, chosen.fewshot), chosen)
    return list(found.values())


def suites_of(names: Sequence[str]) -> list[str]:
    """Return the suites among names of tasks."""
    return [name for name in _split(names) if name in SUITES]


def _expanded(names: Sequence[str]) -> Iterator[tuple[str, int | None]]:
    """Yield each name with its number of examples; None for that of the task."""
    for name in _split(names):
        if name in SUITES:
            yield from ((task.name, task.fewshot) for task in SUITES[name])
        else:
            yield name, None


def _split(names: Sequence[str]) -> list[str]:
    return [part for name in names for part in ([name] if _is_file(name) else name.split(","))]


def _is_file(name: str) -> bool:
    return (name.endswith(_FILES) and "," not in name) or Path(name).is_file()


def _with_shots(task: Any, shots: int | None) -> ChosenTask:
    count = int((task.config.num_fewshot if shots is None else shots) or 0)
    task.set_config("num_fewshot", count)
    return ChosenTask(task.config.task, count, task)


def _loaded(name: str, places: Places) -> list[Any]:
    """Return the tasks of a name or a file, with their data."""
    from lm_eval.tasks import TaskManager

    if not _is_file(name):
        manager = registered_tasks()
        if name not in manager.task_index:
            raise _unknown(name, manager.all_tasks)
        with local_data(places, Path.cwd()):
            return list(manager.load(name)["tasks"].values())
    path = Path(name).resolve()
    if not path.is_file():
        raise InputError("E1805", f"there is no file {name}", help="check the path of the task")
    try:
        with local_data(places, path.parent):
            return list(TaskManager(include_defaults=False).load(str(path))["tasks"].values())
    except AiraError:
        raise
    except Exception as error:  # of YAML, of a field, of a template, of the user's own functions
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"{name} is not a task of lm-eval: {reason}"
        raise InputError("E1805", message, help="docs/evaluate.md has an example") from error


@cache
def registered_tasks() -> Any:
    """Return the index of the tasks that lm-eval comes with; it takes seconds."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(name, [*SUITES, *known], n=1)
    meant = f"did you mean {near[0]}? Or " if near else ""
    return UsageError(
        "E1803",
        f"there is no task {name!r}",
        help=f"{meant}give a suite ({', '.join(SUITES)}), a task of lm-eval "
        "(`lm-eval ls tasks` lists them), or a YAML file",
    )
