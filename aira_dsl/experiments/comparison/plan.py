"""What a comparison consists of: its runs, its identity, its analysis."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aira_dsl.errors import UsageError
from aira_dsl.experiments.comparison.analyse_searches import analyse_searches
from aira_dsl.experiments.comparison.compatibility import check_alike
from aira_dsl.experiments.comparison.methods import Method
from aira_dsl.experiments.comparison.options import (
    ComparedAgentOptions,
    ComparedOptions,
    ExecutionOptions,
)
from aira_dsl.experiments.comparison.record import Comparison
from aira_dsl.jobs.pool import Needs
from aira_dsl.space import Space
from aira_dsl.study.options import SearchOptions
from aira_dsl.study.plan import SearchPlan
from aira_dsl.study.run import Run, read_run
from aira_dsl.utils.options import arguments_of

C_co = TypeVar("C_co", covariant=True)
OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and the total."""


class Plan(Protocol[C_co]):
    """What a comparison will be."""

    @property
    def execution(self) -> ExecutionOptions:
        """Folder and processes."""

    @property
    def names(self) -> list[str]:
        """Names of the runs, in the order in which they are made."""

    @property
    def settings(self) -> dict[str, Any]:
        """The identity of the comparison, in JSON form."""

    @property
    def gpus(self) -> int:
        """Number of GPUs of each run."""

    @property
    def jobs(self) -> int:
        """Number of runs at a time."""

    def arguments(self, name: str, out: Path) -> tuple[str, ...]:
        """Return the arguments of `aira-dsl` that make a run."""

    def check_services(self, names: Sequence[str]) -> None:
        """Refuse runs whose models cannot be asked, before the first one is started."""

    def check_folder(self, folder: Path) -> None:
        """Refuse a run folder that cannot be read (E0811)."""

    def analyse(self, folders: Mapping[str, Path], on_progress: OnProgress) -> C_co:
        """Return the comparison of finished runs, given by name."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What a comparison of searches will be.

    Attributes:
        methods: in the order in which they are shown.
        space: file of the searched space; None for the evaluator's own.
        compared: options of every search.
        agents: options of every agent.
        execution: folder, processes, store and table.
    """

    methods: tuple[Method, ...]
    space: Path | None
    compared: ComparedOptions
    agents: ComparedAgentOptions
    execution: ExecutionOptions

    @property
    def runs(self) -> list[tuple[Method, int]]:
        """Method and seed of every search; all methods with one seed come before the next seed."""
        return [(method, seed) for seed in range(self.compared.seeds) for method in self.methods]

    @property
    def max_usd_per_run(self) -> float | None:
        """Share of `--max-usd` of one search of an agent; None without agents or limit.

        Shares are equal: what one agent leaves unspent must not make another one better.
        """
        runs = self.compared.seeds * sum(method.is_agent for method in self.methods)
        return self.agents.max_usd / runs if self.agents.max_usd and runs else None

    def search_options(self, method: Method, seed: int, out: Path | None = None) -> SearchOptions:
        """Return the options of one search, which uses one worker."""
        own = method.search_options(self.agents)
        if method.is_agent:
            own["max_usd"] = self.max_usd_per_run
        return SearchOptions(
            **own,
            where=self.compared.where,
            seed=seed,
            budget=self.compared.budget,
            workers=1,
            repeats=self.compared.repeats,
            preset=self.compared.preset,
            evaluator=self.compared.evaluator,
            table=self.execution.table,
            store=self.execution.store,
            ray=self.execution.ray,
            out=out,
        )

    @cached_property
    def searches(self) -> dict[str, SearchPlan]:
        """A search of each method, by the method's name.

        Raises:
            AiraError: if a method cannot be used with these options.
            UsageError: E0825, if two names stand for one method.
        """
        space = None if self.space is None else Space.load(self.space)
        plans = {m.name: SearchPlan.of(space, self.search_options(m, 0)) for m in self.methods}
        names: dict[str, str] = {}
        for name, plan in plans.items():
            earlier = names.setdefault(plan.settings.identity, name)
            if earlier != name:
                raise UsageError(
                    "E0825",
                    f"{earlier} and {name} are the same method",
                    help="check --methods: name every method once",
                )
        return plans

    @cached_property
    def _named(self) -> dict[str, tuple[Method, int]]:
        return {f"{method.folder}-s{seed}": (method, seed) for method, seed in self.runs}

    @property
    def names(self) -> list[str]:
        """Names of the searches, in the order in which they are made."""
        return list(self._named)

    @property
    def jobs(self) -> int:
        """Number of searches at a time."""
        return self.execution.jobs or self.execution.most_jobs(Needs())

    @property
    def gpus(self) -> int:
        """Return 1 if the searches evaluate on a GPU, as `aira-dsl search` decides by itself."""
        if self.compared.evaluator == "table":
            return 0
        from aira_dsl.models.precision import choose_device

        return int(choose_device("auto") == "cuda")

    def arguments(self, name: str, out: Path) -> tuple[str, ...]:
        """Return the arguments of `aira-dsl` that make a search."""
        space = () if self.space is None else (str(self.space),)
        return ("search", *space, *arguments_of(self.search_options(*self._named[name], out)))

    def check_folder(self, folder: Path) -> None:
        """Refuse a run folder that cannot be read (E0811)."""
        read_run(folder)

    def analyse(self, folders: Mapping[str, Path], on_progress: OnProgress) -> Comparison:
        """Return the comparison of finished searches, given by name."""
        groups: dict[str, list[Run]] = {method.name: [] for method in self.methods}
        for name, folder in folders.items():
            groups[self._named[name][0].name].append(read_run(folder))
        check_alike([run for group in groups.values() for run in group])
        return analyse_searches(
            groups, self.execution, self.compared.budget, self.compared.repeats, on_progress
        )

    def check_services(self, names: Sequence[str]) -> None:
        """Refuse agents that cannot ask their models, before any search is started.

        Raises:
            UsageError: E0814 and others, for example for a missing key; E0819, if the share of a
                run does not allow a single call.
        """
        for method in dict.fromkeys(self._named[name][0] for name in names):
            with ExitStack() as opened:
                self.searches[method.name].open(opened)

    @property
    def settings(self) -> dict[str, Any]:
        """The identity of the comparison, in JSON form.

        Raises:
            AiraError: as for `searches`.
        """
        first = next(iter(self.searches.values()))
        own = {name: plan.settings.agent for name, plan in self.searches.items()}
        return {
            "space": first.settings.space,
            "table": first.table.identity if first.table is not None else None,
            **self.compared.model_dump(mode="json"),
            "methods": {
                name: agent.model_dump(mode="json") if agent is not None else {}
                for name, agent in own.items()
            },
            "max_usd_per_run": self.max_usd_per_run,
        }
