"""Words as candidates: a domain, a plan and evaluations that have nothing to do with architectures.

A word has three letters. Its score is the share of letters that it shares with `cab`. A word that
begins with `bb` crashes its process.
"""

import random
from collections.abc import Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from optuna.trial import FrozenTrial

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.models import AnswerFormat, Message, Request
from aira_dsl.agents.tree import Node, Tree
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation, SplitName
from aira_dsl.jobs.pool import Job, Needs
from aira_dsl.study.agent.setup import AgentSetup, open_proposer
from aira_dsl.study.agent.source import AgentSource
from aira_dsl.study.agent.trial_source import AgentTrials
from aira_dsl.study.candidate import Candidate, NewTrial
from aira_dsl.study.options import AgentOptions, FolderOptions, LimitOptions
from aira_dsl.study.session import Session
from aira_dsl.study.settings import Limits, RunSettings

WORDS = ["".join(letters) for letters in product("abc", repeat=3)]
BEST = "cab"
TEST_SEED = 7


@dataclass(frozen=True)
class Words:
    """Words as candidates; if `near`, a word that was tried is replaced by one close to it."""

    near: bool

    def new_trial(self, payload: str) -> NewTrial[str]:
        attributes = {"word": payload, "fingerprint": f"word {payload}"}
        return NewTrial(Candidate(f"word {payload}", payload), user_attrs=attributes)

    def candidate(self, trial: FrozenTrial) -> Candidate[str]:
        return Candidate(trial.user_attrs["fingerprint"], trial.user_attrs["word"])

    def text(self, trial: FrozenTrial) -> str:
        return trial.user_attrs.get("word", "")

    def details(self, trial: FrozenTrial) -> str:
        return ""

    def used_up(self, trials: Sequence[FrozenTrial]) -> str:
        tried = {trial.user_attrs.get("word") for trial in trials} - {None}
        return "every word was tried" if len(tried) == len(WORDS) else ""

    def nearest_new(self, payload: str, known: Set[str], rng: random.Random) -> str | None:
        new = [word for word in WORDS if f"word {word}" not in known]
        return max(new, key=lambda word: shared(word, payload), default=None) if self.near else None


@dataclass(frozen=True)
class WordDomain:
    """An answer is a word."""

    seed: int = 0

    def request(self, tree: Tree, assignment: Assignment) -> Request:
        parents = [tree.nodes[number].candidate for number in assignment.operation.parents]
        text = " ".join([assignment.operation.kind, *parents])
        turns = [Message("user", text)]
        for attempt in assignment.attempts:
            turns += [Message("assistant", attempt.answer), Message("user", attempt.complaint)]
        number, attempts = assignment.number, len(assignment.attempts)
        seed = 1000 * number + 10 * attempts + self.seed
        return Request("words", tuple(turns), seed=seed, number=number, attempt=attempts)

    def stored(self, text: str) -> str:
        return text[:100]

    def parse_answer(
        self, text: str, known: Mapping[str, Node], parents: Sequence[Node]
    ) -> Proposal[str] | Rejection:
        if text not in WORDS:
            return Rejection("invalid", f"{text!r} is not a word")
        if (earlier := known.get(f"word {text}")) is not None:
            return Rejection("duplicate", f"trial {earlier.number} was {text}")
        return Proposal(text, "")


def draw(request: Request, rng: random.Random) -> str:
    """Return a word among few of them, so that words repeat; or what is not a word."""
    return rng.choice([*WORDS[:9], BEST, "?"])


def shared(word: str, other: str) -> int:
    return sum(a == b for a, b in zip(word, other, strict=True))


class WordSettings(RunSettings):
    """A search among words."""

    kind = "words"

    @property
    def test_seed(self) -> int:
        return TEST_SEED

    @property
    def subject(self) -> str:
        return "words"

    @property
    def size(self) -> str:
        return "tiny"

    @property
    def direction(self) -> Direction:
        return Direction.MAXIMIZE

    @property
    def tasks(self) -> int:
        return 1


class WordOptions(FolderOptions, AgentOptions, LimitOptions):
    """Options of a search among words."""


@dataclass(frozen=True)
class WordRequest:
    """The evaluation of a word; `store` keeps results."""

    word: str
    seed: int
    split: SplitName
    store: dict[Any, Evaluation]

    @property
    def fingerprint(self) -> str:
        return f"word {self.word}"

    def recall(self) -> Evaluation | None:
        return self.store.get((self.word, self.seed, self.split))

    def job(self, needs: Needs) -> Job:
        if self.word.startswith("bb"):
            return Job("aira_dsl.testing.workers:divide", [1, 0], needs)
        return Job("aira_dsl.testing.workers:echo", shared(self.word, BEST), needs)

    def read(self, value: Any) -> Evaluation:
        return Evaluation(
            fingerprint=self.fingerprint, seed=self.seed, split=self.split, status="ok",
            score=value / 3, seconds=1.0,
        )  # fmt: skip

    def remember(self, evaluation: Evaluation) -> None:
        self.store[self.word, self.seed, self.split] = evaluation


def every_result() -> dict[Any, Evaluation]:
    """Return the evaluations of all words, for a search in which no process has to start."""
    found: dict[Any, Evaluation] = {}
    for word, seed, split in product(WORDS, (0, 1, TEST_SEED), ("validation", "test")):
        request = WordRequest(word, seed, split, found)
        evaluation = request.read(shared(word, BEST))
        if word.startswith("bb"):
            evaluation = evaluation.model_copy(update={"status": "crashed", "score": None})
        request.remember(evaluation)
    return found


@dataclass(frozen=True)
class WordPlan:
    """A search among words, by an agent without a model."""

    options: WordOptions
    words: Words = Words(near=True)
    store: dict[Any, Evaluation] = field(default_factory=dict)
    ray: str | None = None

    @property
    def setup(self) -> AgentSetup:
        form = AnswerFormat(schema={}, grammar="", longest=3, draw=draw)
        return AgentSetup.of(self.options, form, prompts="")

    @property
    def settings(self) -> WordSettings:
        return WordSettings(agent=self.setup.settings)

    def limits(self) -> Limits:
        return Limits(
            budget=self.options.budget, workers=1, time_limit=60, memory_limit=1 << 30, winners=1,
            repeats=1,
        )  # fmt: skip

    def open(self, opened: ExitStack) -> None:
        open_proposer(self._agent())

    def source(self, session: Session[Any]) -> AgentTrials[str]:
        source = AgentSource(self._agent(), self.words, direction=Direction.MAXIMIZE)
        return AgentTrials.in_session(source, session)

    def request(self, candidate: Candidate[str], seed: int, split: SplitName) -> WordRequest:
        return WordRequest(candidate.payload, seed, split, self.store)

    def _agent(self):
        return self.setup.agent(WordDomain(), budget=self.options.budget, seed=0)
