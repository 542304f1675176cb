"""What a search will be, decided from its options without touching the disk."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Self

from aira_dsl.architecture import Architecture
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.evaluator import ArchitectureRequest, Evaluator, code_version
from aira_dsl.evaluation.presets import TIME_LIMITS, preset_settings
from aira_dsl.evaluation.result import SplitName
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.evaluation.table import Table, load_table, read_table
from aira_dsl.evaluation.table_evaluator import TableEvaluator, table_of
from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.pool import Needs
from aira_dsl.space import Space
from aira_dsl.study.agent.setup import open_proposer
from aira_dsl.study.agent.trial_source import AgentTrials
from aira_dsl.study.architecture_agent.setup import ArchitectureAgent
from aira_dsl.study.candidate import Candidate
from aira_dsl.study.options import SearchOptions
from aira_dsl.study.sampler_choice import choose_sampler
from aira_dsl.study.samplers.families import SamplerName
from aira_dsl.study.samplers.sampler_source import SamplerSource
from aira_dsl.study.session import Session
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.study.source import Source
from aira_dsl.utils.formatting import gib
from aira_dsl.utils.machine import Device, available_cores, free_memory

BUDGET = 100
"""Evaluations of a search with neither a budget nor a time."""

_MEMORY_SHARE = 0.8  # of the free memory, divided among the workers
_MIN_MEMORY = 1 << 30


@dataclass(frozen=True)
class SearchPlan:
    """What a search will be.

    Attributes:
        options: the options it is made from.
        space: the searched space.
        settings: the identity of the search.
        budget: number of evaluations; None without a bound.
        evaluator: evaluator, still without a store.
        agent: the agent; None for a sampler.
    """

    options: SearchOptions
    space: Space
    settings: SearchSettings
    budget: int | None
    evaluator: Evaluator
    agent: ArchitectureAgent | None

    @classmethod
    def of(cls, space: Space | None, options: SearchOptions) -> Self:
        """Decide what a search will be.

        Args:
            space: None for the space of the table, or the paper's.
            options: options of the search.

        Raises:
            AiraError: as `aira_dsl.search` does before its first evaluation.
        """
        options.check_method()
        budget = options.budget
        if budget is None and options.seconds is None:
            budget = BUDGET
        evaluator, version = _make_evaluator(options)
        if isinstance(evaluator, TableEvaluator):
            space = space or evaluator.table.space
        space = (space or Space.default()).where(*options.where)
        agent = ArchitectureAgent.of(space, options) if options.method == "agent" else None

        def settings_of(sampler: SamplerName | None) -> SearchSettings:
            return SearchSettings.of(
                space,
                method=options.method,
                sampler=sampler,
                agent=agent.settings if agent else None,
                seed=options.seed,
                prune=options.prune,
                evaluator=evaluator.settings,
                code=version,
            )

        settings = settings_of(None if agent else choose_sampler(options, budget, settings_of))
        return cls(options, space, settings, budget, evaluator, agent)

    @property
    def table(self) -> Table | None:
        """The table that scores are looked up in; None if they are computed."""
        return table_of(self.evaluator)

    @property
    def ray(self) -> str | None:
        """Address of the Ray cluster that evaluates; None for this machine."""
        return self.options.ray

    def open(self, opened: ExitStack) -> None:
        """Open the model and the evaluation store.

        Raises:
            UsageError: E0814 and others, if the model cannot be asked; E0819, if the caps do not
                allow a single call.
            AiraError: E07xx, if the store cannot be used.
        """
        if self.agent is not None:
            opened.callback(self.agent.setup.proposer.close)
            open_proposer(self.agent.agent(self.settings, self.budget, self.table))
        if not isinstance(self.evaluator, TableEvaluator):
            store = Store(self.options.store or default_store_path())
            self.evaluator.store = opened.enter_context(closing(store))

    def source(self, session: Session[Any]) -> Source[Architecture]:
        """Return the sampler or the agent as the source of trials."""
        settings = self.settings
        if self.agent is not None:
            agent = self.agent.source(settings, self.budget, self.table)
            return AgentTrials.in_session(agent, session)
        assert settings.sampler is not None
        return SamplerSource(
            self.space, settings.sampler, direction=settings.direction, seed=settings.seed
        )

    def request(
        self, candidate: Candidate[Architecture], seed: int, split: SplitName
    ) -> ArchitectureRequest:
        """Return the request for an evaluation of an architecture."""
        return ArchitectureRequest(self.evaluator, candidate.payload, seed, split)

    def limits(self) -> Limits:
        """Return the limits of a session on this machine.

        Raises:
            UsageError: E0810 for more workers than memory holds; E1901, E1902, if there is no such
                cluster.
        """
        options = self.options
        workers, share = self._places()
        repeats = options.repeats
        if isinstance(self.evaluator, TableEvaluator):
            repeats = min(repeats, int(self.evaluator.table.seeds_A.min()) - 1)
        return Limits(
            budget=self.budget,
            seconds=options.seconds,
            workers=workers,
            time_limit=options.time_limit or TIME_LIMITS[options.preset],
            memory_limit=options.memory_limit or share,
            heartbeat=options.heartbeat,
            winners=options.winners,
            repeats=repeats,
        )

    def _places(self) -> tuple[int, int]:
        """Return the number of evaluation processes, and the bytes for each of them."""
        options, device = self.options, self.evaluator.settings.device
        if options.ray is None:
            workers = _workers(options.workers, device)
            return workers, _memory_share(workers)
        choice = PoolChoice(options.workers, options.ray)  # its nodes, not the memory here
        needs = Needs(gpus=int(device == "cuda"), memory=options.memory_limit)
        return choice.places(needs), choice.memory_share(needs)


def _make_evaluator(options: SearchOptions) -> tuple[Evaluator, str]:
    """Return the evaluator and its code version."""
    if options.evaluator == "proxy":
        if options.table is not None:
            raise UsageError(
                "E0644", "--table is an option of --evaluator table", help="add --evaluator table"
            )
        settings = preset_settings(
            options.preset,
            objective=options.objective,
            corpus=options.corpus,
            precision=options.precision,
            device=options.device,
        )
        return Evaluator(settings), code_version()
    table = load_table() if options.table is None else read_table(options.table)
    evaluator = TableEvaluator(table)
    return evaluator, f"table {evaluator.identity}"


def _workers(wanted: int | None, device: Device) -> int:
    """Return the number of evaluation processes: as many as wanted, one a core, or one."""
    free = free_memory()
    most = None if free is None else max(1, free // _MIN_MEMORY)
    if wanted is not None and most is not None and wanted > most:
        raise UsageError(
            "E0810",
            f"{wanted} workers do not fit in memory: each needs {gib(_MIN_MEMORY)}, "
            f"{gib(free or 0)} are free",
            help=f"use --workers {most}, or fewer",
        )
    cores = available_cores() if device == "cpu" else 1  # processes on one GPU only take turns
    return wanted or min(cores, most or cores)


def _memory_share(workers: int) -> int:
    return max(_MIN_MEMORY, int(_MEMORY_SHARE * (free_memory() or 0) / workers))
