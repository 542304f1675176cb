"""A comparison of methods that write code: a design run of each method, task and seed."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aira_dsl.design.options import DesignOptions
from aira_dsl.design.plan import DesignPlan
from aira_dsl.design.run import DesignRun, read_design_run
from aira_dsl.design.task import Task, load_task
from aira_dsl.errors import UsageError
from aira_dsl.experiments.comparison.compatibility import check_alike
from aira_dsl.experiments.comparison.design_analysis import by_task, judge_design_runs
from aira_dsl.experiments.comparison.design_record import DesignComparison
from aira_dsl.experiments.comparison.methods import AGENT, Method
from aira_dsl.experiments.comparison.options import (
    ComparedAgentOptions,
    ComparedDesignOptions,
    ComparedOptions,
    ExecutionOptions,
)
from aira_dsl.experiments.comparison.plan import OnProgress
from aira_dsl.jobs.pool import Needs
from aira_dsl.utils.options import arguments_of, spelling

_OF_SEARCHES = ("where", "preset", "evaluator")
DEFAULT_METHODS = "agent-oneshot,agent-best-of-n,agent-greedy,agent-mcts,agent-evolution"


@dataclass(frozen=True)
class DesignComparisonPlan:
    """What a comparison of design runs will be.

    Attributes:
        methods: in the order in which they are shown; agents.
        designed: the tasks, and options of every run.
        compared: options of every run: seeds, budget, repeats.
        agents: options of every agent.
        execution: folder and processes.
    """

    methods: tuple[Method, ...]
    designed: ComparedDesignOptions
    compared: ComparedOptions
    agents: ComparedAgentOptions
    execution: ExecutionOptions

    def __post_init__(self) -> None:
        """Refuse what has no meaning for tasks.

        Raises:
            UsageError: E0825, a method that writes no code; E0809, an option of searches.
        """
        for method in self.methods:
            if not method.is_agent:
                raise UsageError(
                    "E0825",
                    f"{method.name} is not a method for tasks: a sampler writes no code",
                    help=f"check --methods: give some of {AGENT}POLICY",
                )
        fields = ComparedOptions.model_fields
        for name in _OF_SEARCHES:
            if getattr(self.compared, name) != fields[name].default:
                option = spelling(name, fields[name])
                raise UsageError("E0809", f"{option} has no meaning with --task", help="omit it")

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks by name.

        Raises:
            AiraError: a task cannot be used.
            UsageError: E0825, two tasks have one name.
        """
        found: dict[str, Task] = {}
        for given in self.designed.task:
            task = load_task(given)
            if task.name in found:
                raise UsageError("E0825", f"two tasks have the name {task.name}", help="omit one")
            found[task.name] = task
        return found

    @cached_property
    def _runs(self) -> dict[str, tuple[Task, Method, int]]:
        return {
            f"{name}-{method.folder}-s{seed}": (task, method, seed)
            for seed in range(self.compared.seeds)
            for name, task in self.tasks.items()
            for method in self.methods
        }

    @property
    def names(self) -> list[str]:
        """Names of the runs, in the order in which they are made."""
        return list(self._runs)

    @property
    def jobs(self) -> int:
        """Number of runs at a time: one here, since trainings of a fixed time share no cores."""
        if self.execution.jobs is not None or self.execution.ray is None:
            return self.execution.jobs or 1
        sizes = [task.size(self.designed.size) for task in self.tasks.values()]
        needs = Needs(
            cpus=max(size.cpus for size in sizes),
            gpus=self.gpus,
            reserve=max(size.memory_mib for size in sizes) << 20,
        )
        return self.execution.most_jobs(needs)

    @property
    def gpus(self) -> int:
        """Number of GPUs of each run."""
        size = self.designed.size
        return max((task.size(size).gpus for task in self.tasks.values()), default=0)

    @property
    def max_usd_per_run(self) -> float | None:
        """Equal share of `--max-usd` of each run; None without a limit."""
        return self.agents.max_usd / len(self._runs) if self.agents.max_usd else None

    def options(self, method: Method, seed: int, out: Path | None = None) -> DesignOptions:
        """Return the options of one run."""
        own = method.search_options(self.agents)
        return DesignOptions(
            **own | {"max_usd": self.max_usd_per_run},
            seed=seed,
            budget=self.compared.budget,
            repeats=self.compared.repeats,
            ray=self.execution.ray,
            out=out,
            **self.designed.model_dump(exclude={"task"}),
        )

    def arguments(self, name: str, out: Path) -> tuple[str, ...]:
        """Return the arguments of `aira-dsl` that make a run."""
        task, method, seed = self._runs[name]
        options = arguments_of(self.options(method, seed, out))
        return ("design", "run", str(task.folder), *options)

    def _plan(self, task: Task, method: Method) -> DesignPlan:
        return DesignPlan.of(task.folder, self.options(method, 0))

    def check_services(self, names: Sequence[str]) -> None:
        """Refuse agents that cannot ask their models, and prepare the data of all tasks."""
        wanted = {(task.name, method) for task, method, _ in map(self._runs.__getitem__, names)}
        plans = [self._plan(self.tasks[name], method) for name, method in sorted(wanted, key=str)]
        for plan in plans:  # before data are made for another task
            plan.check_machine()
        for plan in plans:
            with ExitStack() as opened:
                plan.open(opened)

    def check_folder(self, folder: Path) -> None:
        """Refuse a run folder that cannot be read (E0811)."""
        read_design_run(folder)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The identity of the comparison, in JSON form.

        Raises:
            AiraError: a method or a task cannot be used.
        """
        first = next(iter(self.tasks.values()))
        agents = {m.name: self._plan(first, m).settings.agent for m in self.methods}
        starts = {
            name: task.starting(self.designed.start).identity for name, task in self.tasks.items()
        }
        return {
            "tasks": {name: task.identity for name, task in self.tasks.items()},
            "start": starts,
            **self.designed.model_dump(mode="json", include={"size", "data_seed", "baseline"}),
            **self.compared.model_dump(mode="json", include={"seeds", "budget", "repeats"}),
            "methods": {name: agent.model_dump(mode="json") for name, agent in agents.items()},
            "max_usd_per_run": self.max_usd_per_run,
        }

    def analyse(self, folders: Mapping[str, Path], on_progress: OnProgress) -> DesignComparison:
        """Return the comparison of finished runs, given by name."""
        groups: dict[str, list[DesignRun]] = {method.name: [] for method in self.methods}
        for name, folder in folders.items():
            groups[self._runs[name][1].name].append(read_design_run(folder))
        for runs in by_task([run for group in groups.values() for run in group]).values():
            check_alike(runs)
        return judge_design_runs(groups, folder=self.execution.out, budget=self.compared.budget)
