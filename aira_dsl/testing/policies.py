"""Contract tests of policies, and a search without evaluations to run them in.

    class TestMyPolicy(PolicyContract):
        policy = MyPolicy()

in a test file runs all of them with pytest.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, TypeAlias

from aira_dsl.agents.policies import Policy
from aira_dsl.agents.tree import Node, Operation, Tree

Outcome: TypeAlias = Callable[[int, Operation, Tree], float | None]
"""Returns the score of a trial (larger is better), or None for a failure."""

PARENTS = {"draft": 0, "improve": 1, "debug": 1, "crossover": 2}
"""Number of parents of each operation."""


def grow(policy: Policy, outcome: Outcome, steps: int, *, seed: int = 0) -> Tree:
    """Run a policy for some trials, one after the other; ends early if the policy is done."""
    tree = Tree([])
    for _ in range(steps):
        operation = next_operation(policy, tree, seed)
        if operation is None:
            break
        tree = finish_trial(start_trial(tree, operation), len(tree.nodes), outcome)
    return tree


def next_operation(policy: Policy, tree: Tree, seed: int = 0) -> Operation | None:
    """Ask a policy as a search does: its randomness follows from the seed and the tree's size."""
    return policy.next(tree, random.Random(f"{seed}:{len(tree.nodes)}"))


def start_trial(tree: Tree, operation: Operation) -> Tree:
    """Return the tree with one more running trial."""
    node = Node(number=len(tree.nodes), kind=operation.kind, parents=operation.parents)
    return Tree([*tree.nodes, node])


def finish_trial(tree: Tree, number: int, outcome: Outcome) -> Tree:
    """Return the tree with the result of a running trial."""
    node = tree.nodes[number]
    score = outcome(number, Operation(node.kind, node.parents), tree)
    done = replace(
        node,
        state="buggy" if score is None else "valid",
        fitness=score,
        score=score,
        status="invalid" if score is None else "ok",
    )
    return Tree([*tree.nodes[:number], done, *tree.nodes[number + 1 :]])


def planned(scores: Sequence[float | None]) -> Outcome:
    """Give trial k the k-th score."""
    return lambda number, operation, tree: scores[number]


class PolicyContract:
    """What every policy must do, for any scores.

    Attributes:
        policy: the policy under test.
        trials: length of the tested searches.
        most: number of trials after which the policy is done; None if it never is.
        cases: number of random score lists per test.
    """

    policy: ClassVar[Policy]
    trials: ClassVar[int] = 40
    most: ClassVar[int | None] = None
    cases: ClassVar[int] = 20

    def test_the_first_operation_is_a_draft(self) -> None:
        """An empty tree has nothing to start from."""
        operation = next_operation(self.policy, Tree([]))
        assert operation is not None
        assert (operation.kind, operation.parents) == ("draft", ())

    def test_parents_suit_the_operation(self) -> None:
        """Parents are finished and different; debug takes buggy ones, the others valid ones."""
        for seed, outcome in self._outcomes():
            for node in (tree := grow(self.policy, outcome, self.trials, seed=seed)).nodes:
                assert len(node.parents) == PARENTS[node.kind]
                assert len(set(node.parents)) == len(node.parents)
                assert all(parent < node.number for parent in node.parents)
                states = {tree.nodes[parent].state for parent in node.parents}
                assert states <= ({"buggy"} if node.kind == "debug" else {"valid"})

    def test_a_failure_has_one_debugging_chain(self) -> None:
        """A buggy node is debugged at most once; the next step debugs that attempt."""
        for seed, outcome in self._outcomes():
            tree = grow(self.policy, outcome, self.trials, seed=seed)
            debugged = [node.parents[0] for node in tree.nodes if node.kind == "debug"]
            assert len(debugged) == len(set(debugged))

    def test_the_next_operation_depends_on_the_tree_alone(self) -> None:
        """Every beginning of a tree leads to the same next node: resumed searches rely on it."""
        for seed, outcome in self._outcomes():
            tree = grow(self.policy, outcome, self.trials, seed=seed)
            for length, node in enumerate(tree.nodes):
                again = next_operation(self.policy, Tree(tree.nodes[:length]), seed)
                assert again is not None
                assert (again.kind, again.parents) == (node.kind, node.parents)

    def test_it_waits_only_for_running_trials(self) -> None:
        """With several workers, None means `done` if no trial is running; parents are finished."""
        for seed, outcome in self._outcomes():
            tree = self._side_by_side(outcome, workers=2 + seed % 5, rng=random.Random(seed))
            assert len(tree.nodes) == self._length(self.trials)

    def test_it_continues_when_every_trial_fails(self) -> None:
        """Without a score it drafts and debugs until the budget is spent."""
        tree = grow(self.policy, lambda number, operation, tree: None, 60)
        assert len(tree.nodes) == self._length(60)
        assert {node.kind for node in tree.nodes} <= {"draft", "debug"}

    def _outcomes(self) -> Iterator[tuple[int, Outcome]]:
        """Yield seeds with scores, of which a share that depends on the seed fails."""
        for seed in range(self.cases):
            rng = random.Random(seed)
            failing = rng.choice([0.0, 0.1, 0.5, 0.9])
            scores = [
                None if rng.random() < failing else round(rng.uniform(-1, 1), 1)
                for _ in range(self.trials)
            ]
            yield seed, planned(scores)

    def _side_by_side(self, outcome: Outcome, workers: int, rng: random.Random) -> Tree:
        """Run several trials at a time; they finish in random order."""
        tree, running = Tree([]), list[int]()
        while len(tree.nodes) < self.trials:
            operation = None
            if len(running) < workers:
                operation = next_operation(self.policy, tree)
            if operation is not None:
                assert all(tree.nodes[parent].state != "running" for parent in operation.parents)
                tree = start_trial(tree, operation)
                running.append(len(tree.nodes) - 1)
            elif running:
                tree = finish_trial(tree, running.pop(rng.randrange(len(running))), outcome)
            else:
                break
        return tree

    def _length(self, trials: int) -> int:
        return trials if self.most is None else min(trials, self.most)
