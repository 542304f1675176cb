"""An agent as the source of the trials of a search: makes its calls and stores what they led to.

`AgentSource` decides, from the trials alone; what it decides is carried out here: calls run on
threads of their own, and every answer is stored before the next call.
"""

from collections.abc import Sequence
from typing import Any, Generic, Self, TypeVar

from optuna.trial import FrozenTrial

from aira_dsl.agents.caller import Caller
from aira_dsl.agents.models.base import Reply, Request
from aira_dsl.agents.transcripts import Transcripts
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.agent.nodes import needs_proposal
from aira_dsl.study.agent.source import AgentSource, Outcome
from aira_dsl.study.artifacts import attach
from aira_dsl.study.candidate import Candidate, NewTrial
from aira_dsl.study.journal import Journal
from aira_dsl.study.session import Session
from aira_dsl.study.source import Ended

T = TypeVar("T")


class AgentTrials(Generic[T]):
    """Trials that an agent proposes.

    Args:
        agent: what decides.
        journal: where answers are stored.
    """

    def __init__(self, agent: AgentSource[T], journal: Journal) -> None:
        self._agent = agent
        self._journal = journal
        self._caller = Caller(agent.proposer.ask)

    @classmethod
    def in_session(cls, agent: AgentSource[T], session: Session[Any]) -> Self:
        """Return the trials of an agent; the session keeps transcripts and reports trouble."""
        run, storage = session.folder.path, session.journal.storage
        transcripts = Transcripts(run)
        agent.proposer.on_trouble = session.trouble_reporter(agent.proposer.service)
        agent.on_attempt = transcripts.write
        agent.on_end = lambda trial: attach(transcripts.path(trial.number), trial, storage, run)
        return cls(agent, session.journal)

    @property
    def waiting(self) -> int:
        """Number of calls in flight."""
        return len(self._caller.waiting)

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial[T] | Ended | None:
        """Return a trial with the next operation of the policy, still without a candidate."""
        new = self._agent.propose(trials)
        return Ended(self._agent.ended) if new is None and self._agent.ended else new

    def advance(self, trial: FrozenTrial) -> Candidate[T] | Evaluation | None:
        """Ask for the candidate of a trial, unless it has one or ends without one."""
        if not needs_proposal(trial):
            return self.candidate(trial)
        question = self._journal.exclusively(lambda: self._question(trial))
        if isinstance(question, Request):
            self._caller.start(question)
            return None
        if isinstance(question, Outcome):
            return self.advance(self._journal.trials()[trial.number])
        return question

    def ready(self, timeout: float) -> list[int]:
        """Store the answers that have arrived and return their trials."""
        replies = self._caller.collect(timeout)
        for request, reply in replies:
            self._read(request, reply)
        return [request.number for request, _ in replies]

    def candidate(self, trial: FrozenTrial) -> Candidate[T]:
        """Return the candidate of a trial that has one."""
        return self._agent.candidates.candidate(trial)

    def on_end(self, trial: FrozenTrial) -> None:
        """Notify the keeper of the trial's transcript."""
        self._agent.on_end(trial)

    def _question(self, trial: FrozenTrial) -> Request | Evaluation | Outcome[T]:
        """Return what comes next for a trial; store it if it is an outcome."""
        question = self._agent.question(trial, self._journal.trials())
        if isinstance(question, Outcome):
            self._store(trial, question)
        return question

    def _read(self, request: Request, reply: Reply) -> None:
        """Store an answer and what it means; of two equal proposals one is the duplicate."""

        def read() -> None:
            trials = self._journal.trials()
            trial = trials[request.number]
            self._store(trial, self._agent.read(request, reply, trial, trials))

        self._journal.exclusively(read)

    def _store(self, trial: FrozenTrial, outcome: Outcome[T]) -> None:
        """Store what an answer led to; last of all what says that the rest is there."""
        self._journal.write(trial, outcome.user_attrs)
        if outcome.new is not None:
            attributes = dict(outcome.new.user_attrs)
            complete = attributes.pop("fingerprint")
            self._journal.write(trial, attributes)
            self._journal.fill(trial, outcome.new.params, outcome.new.distributions)
            self._journal.write(trial, {"fingerprint": complete})
