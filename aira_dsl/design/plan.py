"""What a design run will be, decided from its options."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from aira_dsl.agents.agent import Agent
from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.design import baseline
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.candidates import CodeCandidates
from aira_dsl.design.code_agent.domain import CodeDomain
from aira_dsl.design.code_agent.library import answer_format
from aira_dsl.design.code_agent.prompt_writer import PromptWriter, load_templates
from aira_dsl.design.data import DataFolder, prepare_data
from aira_dsl.design.gpus import check_gpus
from aira_dsl.design.options import DesignOptions
from aira_dsl.design.request import JudgeRequest, longest
from aira_dsl.design.result import DesignResult
from aira_dsl.design.settings import DesignSettings
from aira_dsl.design.task import Task, load_task
from aira_dsl.errors import InputError
from aira_dsl.evaluation.noise import Noise
from aira_dsl.evaluation.pool import EvaluationPool
from aira_dsl.evaluation.result import SplitName
from aira_dsl.sandbox.kinds import choose
from aira_dsl.sandbox.spec import Kind
from aira_dsl.study.agent.setup import AgentSetup, open_proposer
from aira_dsl.study.agent.source import AgentSource
from aira_dsl.study.agent.trial_source import AgentTrials
from aira_dsl.study.candidate import Candidate as Evaluated
from aira_dsl.study.journal import Journal
from aira_dsl.study.selection import other_seeds
from aira_dsl.study.session import Session
from aira_dsl.study.settings import Limits
from aira_dsl.study.source import Source
from aira_dsl.version import __version__

BUDGET = 20
"""Candidates of a run with neither a budget nor a time."""

_DATA = "data"  # note of the study: name of the folder of data


@dataclass
class DesignPlan:
    """What a design run will be.

    Attributes:
        options: the options it is made from.
        task: what is written for.
        start: files that candidates start with.
        settings: the identity of the run.
        setup: the agent.
        templates: its prompts.
        kind: sandbox of the candidates.
        budget: number of candidates; None without a bound.
        on_baseline: called with the number of judgements of the starting files, and that of all.
    """

    options: DesignOptions
    task: Task
    start: Candidate
    settings: DesignSettings
    setup: AgentSetup
    templates: PromptTemplates
    kind: Kind
    budget: int | None
    on_baseline: Callable[[int, int], None] = lambda done, total: None
    _scores: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, task: str | Path, options: DesignOptions) -> Self:
        """Decide what a run will be.

        Raises:
            AiraError: the task, the size, the sandbox, the prompts or the proposer cannot be used.
        """
        options.check()
        loaded = load_task(task)
        size = loaded.size_name(options.size)
        loaded.description(size)  # a mistake in it is found before any work
        start = loaded.starting(options.start)
        templates = load_templates(options.prompts)
        setup = AgentSetup.of(options, answer_format(loaded), prompts=templates.identity)
        settings = DesignSettings(
            seed=options.seed,
            agent=setup.settings,
            task=loaded.name,
            task_identity=loaded.identity,
            task_size=size,
            metric=loaded.metadata.metric,
            goal=loaded.metadata.direction,
            start=start.identity[:12],
            data_seed=options.data_seed,
            baseline=options.baseline,
            code_version=__version__,
        )
        budget = options.budget
        if budget is None and options.seconds is None:
            budget = BUDGET
        kind = choose(options.sandbox)
        return cls(options, loaded, start, settings, setup, templates, kind, budget)

    @cached_property
    def data(self) -> DataFolder:
        """The prepared data; they are made if they are not there."""
        return prepare_data(
            self.task,
            self.settings.task_size,
            seed=self.options.data_seed,
            root=self.options.data,
        )

    @property
    def ray(self) -> str | None:
        """Address of the Ray cluster that judges; None for this machine."""
        return self.options.ray

    @property
    def noise(self) -> Noise | None:
        """Noise of a score, from the repeats of the baseline and the task's own measurement."""
        known = self.task.measured(self.start, self.settings.task_size)
        return baseline.noise(list(self._scores.values()), known)

    @property
    def baseline(self) -> tuple[float, ...]:
        """Scores of the starting files; empty before `source` has judged them."""
        return tuple(self._scores.values())

    def limits(self) -> Limits:
        """Return the limits of a session on this machine."""
        options, size = self.options, self.task.size(self.settings.task_size)
        return Limits(
            budget=self.budget,
            seconds=options.seconds,
            workers=options.workers,
            time_limit=longest(size),
            memory_limit=size.memory_mib << 20,
            heartbeat=options.heartbeat,
            winners=options.winners,
            repeats=options.repeats,
        )

    def agent(self) -> Agent[Candidate]:
        """Return the agent at work on the task, with what is known of the baseline."""
        prompts = PromptWriter(
            self.templates,
            self.task,
            self.settings.task_size,
            self.start,
            self.baseline,
            self.noise,
            self.setup.proposer.memory,
            self.settings.seed,
        )
        return self.setup.agent(CodeDomain(prompts), budget=self.budget, seed=self.settings.seed)

    def check_machine(self) -> None:
        """Refuse a size whose GPUs are not here; those of a cluster are checked by its pool.

        Raises:
            UsageError: E0632.
        """
        if self.ray is None:
            check_gpus(self.task, self.settings.task_size)

    def open(self, opened: ExitStack) -> None:
        """Open the model and prepare the data.

        Raises:
            AiraError: the machine lacks a GPU, the model cannot be asked, or the data cannot be
                prepared.
        """
        self.check_machine()
        opened.callback(self.setup.proposer.close)
        open_proposer(self.agent())
        _ = self.data

    def source(self, session: Session[Any]) -> Source[Candidate]:
        """Judge the starting files, if that is not done yet, and return the agent.

        Raises:
            RunError: E1211, the starting files have no score.
            InputError: E1216, the data are not those of the run.
        """
        seeds = other_seeds(self.settings.seed, self.options.baseline)
        requests = [self._one(self.start, seed, "validation") for seed in seeds]
        journal, limits = session.journal, session.limits
        pool = EvaluationPool(workers=limits.workers, ray=self.ray, time_limit=limits.time_limit)
        self._scores = journal.exclusively(lambda: self._measured(requests, journal, pool))
        candidates = CodeCandidates(self.start)
        agent = AgentSource(self.agent(), candidates, direction=self.settings.direction)
        return AgentTrials.in_session(agent, session)

    def _measured(
        self, requests: Sequence[JudgeRequest], journal: Journal, pool: EvaluationPool
    ) -> dict[int, float]:
        """Return the scores of the starting files, all of them on the data of this session."""
        name = self.data.path.name
        if journal.noted(_DATA, name) != name:
            raise InputError(
                "E1216",
                f"the data of {self.task.name} have changed since this run began: files or code "
                "that they are made from are others",
                help="begin another run with another --out; its scores are not comparable",
            )
        journal.note(_DATA, name)
        return baseline.measure(requests, journal, pool, self.on_baseline)

    def request(self, candidate: Evaluated[Candidate], seed: int, split: SplitName) -> JudgeRequest:
        """Return the request to judge a candidate."""
        return self._one(candidate.payload, seed, split)

    def _one(self, candidate: Candidate, seed: int, split: SplitName) -> JudgeRequest:
        return JudgeRequest(
            task=self.task,
            size=self.settings.task_size,
            candidate=candidate,
            data=self.data,
            kind=self.kind,
            seed=seed,
            split=split,
        )

    def result(self, journal: Journal, folder: Path, *, winners: int, ended: str) -> DesignResult:
        """Return what a session has found so far."""
        noted = journal.noted(baseline.NOTE, {})
        self._scores = {int(seed): score for seed, score in noted.items()}
        return DesignResult(
            settings=self.settings,
            rows=journal.records(winners),
            baseline={str(seed): score for seed, score in self._scores.items()},
            baseline_memory=journal.noted(baseline.MEMORY, {}),
            noise=self.noise,
            folder=folder,
            ended=ended,
        )
