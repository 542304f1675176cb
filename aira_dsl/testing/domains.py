"""Contract tests of what an agent works on: its candidates, requests and answers.

    class TestMyDomain(DomainContract):
        domain = MyDomain()
        candidates = MyCandidates()
        answers = ('{"number": 1}', '{"number": 2}')
        unusable = ("prose",)

in a test file runs all of them with pytest.
"""

import json
import random
from typing import Any, ClassVar

from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.agents.agent import Assignment, Domain
from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models import Usage
from aira_dsl.agents.tree import Node, Operation, Tree
from aira_dsl.study.candidate import Candidates

ATTEMPT = Attempt(
    model="m", prompt="p", answer="?", complaint="no", usage=Usage(), usd=0.0, seconds=0.0
)
DRAFT = Operation("draft")


class DomainContract:
    """What every domain and its candidates must do.

    Attributes:
        domain: the domain under test.
        candidates: the candidates that it proposes.
        answers: answers to a draft, with different candidates; at least two.
        unusable: answers that propose nothing that can be evaluated.
        has_neighbours: whether there is a nearest new candidate for one that was tried.
    """

    domain: ClassVar[Domain[Any]]
    candidates: ClassVar[Candidates[Any]]
    answers: ClassVar[tuple[str, ...]]
    unusable: ClassVar[tuple[str, ...]]
    has_neighbours: ClassVar[bool] = False

    def test_a_trial_gives_its_candidate_back(self) -> None:
        """Also after its attributes were JSON."""
        for answer in self.answers:
            proposed = self._proposed(answer)
            found = self.candidates.candidate(self._trial(proposed))
            assert found.payload == proposed
            new = self.candidates.new_trial(proposed)
            assert new.candidate == found
            assert new.user_attrs["fingerprint"] == found.identity

    def test_different_candidates_have_different_identities(self) -> None:
        """A study evaluates each identity once."""
        identities = {self._identity(answer) for answer in self.answers}
        assert len(identities) == len(self.answers) >= 2

    def test_what_is_stored_of_an_answer_means_the_same(self) -> None:
        """A killed search reads it again from the study."""
        for answer in (*self.answers, *self.unusable):
            stored = self.domain.stored(answer)
            assert self.domain.stored(stored) == stored
            given = self.domain.parse_answer(answer, {}, ())
            again = self.domain.parse_answer(stored, {}, ())
            assert type(given) is type(again)
            if isinstance(given, Proposal):
                assert again == given

    def test_a_known_candidate_is_a_duplicate(self) -> None:
        """The rejection names the trial that had it."""
        for answer in self.answers:
            known = {self._identity(answer): Node(7, "draft", state="valid", score=0.5)}
            found = self.domain.parse_answer(answer, known, ())
            assert isinstance(found, Rejection)
            assert found.code == "duplicate"
            assert "7" in found.text

    def test_an_unusable_answer_is_rejected_with_a_reason(self) -> None:
        """The reason is returned to the model."""
        for answer in self.unusable:
            found = self.domain.parse_answer(answer, {}, ())
            assert isinstance(found, Rejection)
            assert found.code not in ("", "duplicate")
            assert found.text

    def test_the_nearest_new_candidate_is_new(self) -> None:
        """And follows from the random generator."""
        known = {self._identity(answer) for answer in self.answers}
        start = self._proposed(self.answers[0])
        nearest, again = (
            self.candidates.nearest_new(start, known, random.Random(1)) for _ in range(2)
        )
        assert (nearest is not None) == self.has_neighbours
        if nearest is not None:
            identity = self.candidates.new_trial(nearest).user_attrs["fingerprint"]
            assert identity not in known
            assert self.candidates.new_trial(again).user_attrs["fingerprint"] == identity

    def test_candidates_are_not_used_up_by_one_trial(self) -> None:
        """An agent is asked for another one."""
        assert self.candidates.used_up([]) == ""
        assert self.candidates.used_up([self._trial(self._proposed(self.answers[0]))]) == ""

    def test_a_request_belongs_to_its_trial_and_ends_with_a_question(self) -> None:
        """For every operation, at first and after a rejected answer; the system text is one."""
        tree = self._tree()
        operations = [DRAFT, Operation("improve", (0,)), Operation("crossover", (0, 1))]
        operations.append(Operation("debug", (2,), memory="ancestors"))
        systems, contents = set(), set()
        for operation in operations:
            for attempts in ((), (ATTEMPT,)):
                request = self.domain.request(tree, Assignment(3, operation, attempts, "1 left"))
                assert (request.number, request.attempt) == (3, len(attempts))
                assert request.messages[-1].role == "user"
                systems.add(request.system)
                contents.add(tuple(message.text for message in request.messages))
        assert len(systems) == 1
        assert len(contents) == 2 * len(operations)

    def _tree(self) -> Tree:
        """Two trials with a score and one that failed."""
        trials = [self._trial(self._proposed(answer)) for answer in self.answers[:2]]
        nodes = [
            Node(
                number=number,
                kind="draft",
                state="valid",
                fitness=0.5,
                score=0.5,
                candidate=self.candidates.text(trial),
                status="ok",
                details=self.candidates.details(trial),
            )
            for number, trial in enumerate(trials)
        ]
        failed = Node(2, "draft", state="buggy", status="crashed", message="ZeroDivisionError")
        return Tree([*nodes, failed])

    def _proposed(self, answer: str) -> Any:
        found = self.domain.parse_answer(answer, {}, ())
        assert isinstance(found, Proposal), found
        return found.candidate

    def _identity(self, answer: str) -> str:
        return str(self.candidates.new_trial(self._proposed(answer)).user_attrs["fingerprint"])

    def _trial(self, payload: Any) -> FrozenTrial:
        new = self.candidates.new_trial(payload)
        return create_trial(
            state=TrialState.RUNNING,
            params=dict(new.params),
            distributions=dict(new.distributions),
            user_attrs=json.loads(json.dumps(new.user_attrs)),
        )
