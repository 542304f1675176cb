"""A search at work, from its plan to its result.

`SearchSession` opens the run folder, the study, the store and the source of trials, and runs them.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from aira_dsl.agents.transcripts import Transcripts
from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.result import SplitName
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.study.agent.source import AgentSource
from aira_dsl.study.agent.trial_source import AgentTrials
from aira_dsl.study.arrangements import Arrangements
from aira_dsl.study.artifacts import attach
from aira_dsl.study.candidate import Candidate
from aira_dsl.study.journal import Journal
from aira_dsl.study.loop import Search
from aira_dsl.study.plan import SearchPlan
from aira_dsl.study.progress import Progress, Trouble
from aira_dsl.study.result import SearchResult, summarise
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.samplers.sampler_source import SamplerSource
from aira_dsl.study.source import Source
from aira_dsl.study.storage import GONE, shared_address, without_password


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
