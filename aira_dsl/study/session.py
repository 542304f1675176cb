"""A search from its options to its result.

`SearchPlan` is what a search will be, decided from options without touching the disk.
`SearchSession` opens the run folder, the study, the store and the source of trials, and runs it.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from aira_dsl.agents.transcripts import Transcripts
from aira_dsl.architecture import Architecture
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.evaluator import Evaluator, code_version
from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.presets import TIME_LIMITS, preset_settings
from aira_dsl.evaluation.result import SplitName
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.evaluation.table import Table, load_table, read_table
from aira_dsl.evaluation.table_evaluator import TableEvaluator, table_of
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.setup import ArchitectureAgent
from aira_dsl.study.architecture_agent.source import AgentSource
from aira_dsl.study.architecture_agent.trial_source import AgentTrials
from aira_dsl.study.arrangements import Arrangements
from aira_dsl.study.artifacts import attach
from aira_dsl.study.candidate import Candidate
from aira_dsl.study.journal import Journal
from aira_dsl.study.loop import Search
from aira_dsl.study.options import SamplerName, SearchOptions
from aira_dsl.study.progress import Progress, Trouble
from aira_dsl.study.result import SearchResult, summarise
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.sampler_choice import choose_sampler
from aira_dsl.study.samplers import SamplerSource
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.study.source import Source
from aira_dsl.study.storage import GONE, shared_address, without_password
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

    def limits(self) -> Limits:
        """Return the limits of a session on this machine.

        Raises:
            UsageError: E0810 for more workers than memory holds.
        """
        options = self.options
        workers = _workers(options.workers, self.evaluator.settings.device)
        repeats = options.repeats
        if isinstance(self.evaluator, TableEvaluator):
            repeats = min(repeats, int(self.evaluator.table.seeds_A.min()) - 1)
        return Limits(
            budget=self.budget,
            seconds=options.seconds,
            workers=workers,
            time_limit=options.time_limit or TIME_LIMITS[options.preset],
            memory_limit=options.memory_limit or _memory_share(workers),
            heartbeat=options.heartbeat,
            winners=options.winners,
            repeats=repeats,
        )


class SearchSession:
    """A search at work; a context manager.

    Args:
        plan: the search.
        on_progress: called with the state of the search, several times a second.
        on_end: called at the end of every session, also of an interrupted one; writes the result
            files.

    Attributes:
        plan, limits: the search and its limits.
        folder, journal: its run folder and its study, while the session is open.
    """

    folder: RunFolder
    journal: Journal

    def __init__(
        self,
        plan: SearchPlan,
        *,
        on_progress: Callable[[Progress], None],
        on_end: Callable[["SearchSession"], None],
    ) -> None:
        self.plan = plan
        self.limits = plan.limits()
        self._on_progress = on_progress
        self._on_end = on_end
        self._open = ExitStack()
        self._troubles: dict[str, Trouble] = {}

    def __enter__(self) -> Self:
        """Open the store, the run folder, the study and the source of trials.

        Raises:
            AiraError: one of them cannot be used.
        """
        options, settings = self.plan.options, self.plan.settings
        address = None if options.storage is None else shared_address(options.storage)
        with self._open as opened:  # closes what is open already, if the next one fails
            self._agent = self._open_agent(opened)
            if not isinstance(self.plan.evaluator, TableEvaluator):
                store = Store(options.store or default_store_path())
                self.plan.evaluator.store = opened.enter_context(closing(store))
            path = options.out or Path("runs") / settings.title
            self.folder = opened.enter_context(RunFolder(path, settings, force=options.force))
            if address is None:
                self.folder.check_study()
            self.journal = Journal(
                address or self.folder.storage_url,
                options.study or settings.title,
                identity=settings.identity,
                direction=settings.evaluator.direction,
                heartbeat=options.heartbeat,
            )
            opened.enter_context(closing(self.journal))
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def run(self) -> SearchResult:
        """Search until the budget is spent; an interrupted session is continued by another one.

        Raises:
            AiraError: the search cannot continue.
        """
        clock, plan = self.folder.clock(), self.plan
        self._latest = Progress(0, 0, 0, clock.seconds, self.limits)
        study = f"the study at {without_password(self.journal.url)}"
        self.journal.on_trouble = self._trouble_reporter(study)
        pool = EvaluationPool(
            workers=self.limits.workers,
            time_limit=self.limits.time_limit,
            memory_limit=self.limits.memory_limit,
        )
        loop = Search(
            plan.settings,
            self.limits,
            self.journal,
            self._trial_source(),
            self._request,
            pool,
            clock,
            self._report,
        )
        try:
            with closing(pool):
                loop.run()
        finally:
            self.folder.write_clock(clock.seconds, clock.charged_seconds)
            with suppress(*GONE):  # the study has everything; the next session writes the files
                self._on_end(self)
        return summarise(loop, plan.space, self.folder.path, plan.table)

    def _open_agent(self, opened: ExitStack) -> AgentSource | None:
        plan = self.plan
        if plan.agent is None:
            return None
        source = plan.agent.source(plan.space, plan.settings, plan.budget, plan.table)
        opened.callback(source.proposer.close)
        return source

    def _trial_source(self) -> Source[Architecture]:
        plan, agent = self.plan, self._agent
        if agent is None:
            assert plan.settings.sampler is not None
            return SamplerSource(
                plan.space,
                plan.settings.sampler,
                direction=plan.settings.evaluator.direction,
                seed=plan.settings.seed,
            )
        transcripts = Transcripts(self.folder.path)
        agent.proposer.on_trouble = self._trouble_reporter(agent.proposer.service)
        agent.on_attempt = transcripts.write
        agent.on_end = lambda trial: attach(
            transcripts.path(trial.number), trial, self.journal.storage, self.folder.path
        )
        return AgentTrials(agent, Arrangements(plan.space), self.journal)

    def _request(
        self, candidate: Candidate[Architecture], seed: int, split: SplitName
    ) -> EvaluationRequest:
        return EvaluationRequest(self.plan.evaluator, candidate.payload, seed, split)

    def _report(self, progress: Progress) -> None:
        self._latest = replace(progress, finished=None)
        trouble = next(iter(self._troubles.values()), None)
        self._on_progress(replace(progress, trouble=trouble))

    def _trouble_reporter(self, service: str) -> Callable[[str | None], None]:
        def report(reason: str | None) -> None:
            self._troubles.pop(service, None)
            if reason is not None:
                self._troubles[service] = Trouble(service, reason)
            self._report(self._latest)

        return report


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
