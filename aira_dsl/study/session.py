"""A run at work, from its plan to its end.

`Session` opens the run folder, the study and what the plan needs besides, and runs the loop.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.result import SplitName
from aira_dsl.study.candidate import Candidate
from aira_dsl.study.journal import Journal
from aira_dsl.study.loop import Search
from aira_dsl.study.options import FolderOptions
from aira_dsl.study.progress import Progress, Trouble
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.settings import Limits, RunSettings
from aira_dsl.study.source import Source
from aira_dsl.study.storage import GONE, shared_address, without_password

T = TypeVar("T")


class Plan(Protocol[T]):
    """What a run will be, decided without touching the disk."""

    @property
    def options(self) -> FolderOptions:
        """Where its folder and its study are."""

    @property
    def settings(self) -> RunSettings:
        """The identity of the run."""

    @property
    def ray(self) -> str | None:
        """Address of the Ray cluster that evaluates; None for this machine."""

    def limits(self) -> Limits:
        """Return the limits of a session on this machine.

        Raises:
            UsageError: E0810 for more workers than memory holds.
        """

    def open(self, opened: ExitStack) -> None:
        """Open what evaluations and proposals need; `opened` closes it.

        Raises:
            AiraError: something cannot be used; there is no run folder yet.
        """

    def source(self, session: "Session[Any]") -> Source[T]:
        """Return the source of trials; folder and journal of the session are open."""

    def request(self, candidate: Candidate[T], seed: int, split: SplitName) -> EvaluationRequest:
        """Return the request for an evaluation of a candidate."""


P = TypeVar("P", bound=Plan[Any])


class Session(Generic[P]):
    """A run at work; a context manager.

    Args:
        plan: the run.
        on_progress: called with the state of the run, several times a second.
        on_end: called at the end of every session, also of an interrupted one; writes the result
            files.

    Attributes:
        plan, limits: the run and its limits.
        folder, journal: its run folder and its study, while the session is open.
    """

    folder: RunFolder
    journal: Journal

    def __init__(
        self,
        plan: P,
        *,
        on_progress: Callable[[Progress], None],
        on_end: Callable[["Session[P]"], None],
    ) -> None:
        self.plan = plan
        self.limits = plan.limits()
        self._on_progress = on_progress
        self._on_end = on_end
        self._open = ExitStack()
        self._troubles: dict[str, Trouble] = {}

    def __enter__(self) -> Self:
        """Open what the plan needs, the run folder and the study.

        Raises:
            AiraError: one of them cannot be used.
        """
        options, settings = self.plan.options, self.plan.settings
        address = None if options.storage is None else shared_address(options.storage)
        with self._open as opened:  # closes what is open already, if the next one fails
            self.plan.open(opened)
            path = options.out or Path("runs") / settings.title
            self.folder = opened.enter_context(RunFolder(path, settings, force=options.force))
            if address is None:
                self.folder.check_study()
            self.journal = Journal(
                address or self.folder.storage_url,
                options.study or settings.title,
                identity=settings.identity,
                direction=settings.direction,
                heartbeat=self.limits.heartbeat,
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

    def run(self) -> Search[Any]:
        """Search until the budget is spent; an interrupted session is continued by another one.

        Returns:
            The loop, which has ended; its journal is open as long as the session.

        Raises:
            AiraError: the search cannot continue.
        """
        clock = self.folder.clock()
        self._latest = Progress(0, 0, 0, clock.seconds, self.limits)
        study = f"the study at {without_password(self.journal.url)}"
        self.journal.on_trouble = self.trouble_reporter(study)
        pool = EvaluationPool(
            workers=self.limits.workers,
            ray=self.plan.ray,
            time_limit=self.limits.time_limit,
            memory_limit=self.limits.memory_limit,
        )
        loop = Search(
            self.plan.settings,
            self.limits,
            self.journal,
            self.plan.source(self),
            self.plan.request,
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
        return loop

    def trouble_reporter(self, service: str) -> Callable[[str | None], None]:
        """Return what a service is to call with its trouble, and with None after it.

        Args:
            service: the service and its address, in words.
        """

        def report(reason: str | None) -> None:
            self._troubles.pop(service, None)
            if reason is not None:
                self._troubles[service] = Trouble(service, reason)
            self._report(self._latest)

        return report

    def _report(self, progress: Progress) -> None:
        self._latest = replace(progress, finished=None)
        trouble = next(iter(self._troubles.values()), None)
        self._on_progress(replace(progress, trouble=trouble))
