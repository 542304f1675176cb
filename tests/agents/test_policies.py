"""The published behaviour of each policy, step by step on planned scores.

The expected steps are worked out by hand from the algorithms as published (aira-dojo, AIDE), or by
an independent implementation that keeps its state as theirs do.
"""

import math
import random
from collections import Counter

import pytest

from aira_dsl.agents.policies import MCTS, Evolution, Greedy
from aira_dsl.agents.policies.sampling import BestOfN, OneShot
from aira_dsl.agents.tree import Node, Tree
from aira_dsl.testing.policies import grow, next_operation, planned


def steps_of(tree: Tree) -> list[str]:
    """Write a tree as a list such as `["draft", "improve 0", "crossover 1 2"]`."""
    return [" ".join([node.kind, *map(str, node.parents)]) for node in tree.nodes]


def test_oneshot_is_a_single_independent_draft():
    tree = grow(OneShot(), planned([0.5]), 10)
    assert steps_of(tree) == ["draft"]
    operation = next_operation(OneShot(), Tree([]))
    assert operation is not None
    assert operation.memory == "none"


def test_best_of_n_does_not_debug():
    tree = grow(BestOfN(), planned([None, 0.1, None, 0.9]), 4)
    assert steps_of(tree) == ["draft"] * 4


def test_greedy_drafts_five_then_improves_the_best():
    tree = grow(Greedy(), planned([0.1, 0.5, 0.3, 0.2, 0.4, 0.45, 0.7, 0.6, 0.7]), 9)
    assert steps_of(tree) == ["draft"] * 5 + ["improve 1", "improve 1", "improve 6", "improve 6"]


def test_greedy_improves_the_earlier_of_equal_nodes():
    assert steps_of(grow(Greedy(), planned([0.5] * 6), 6))[-1] == "improve 0"


def test_greedy_counts_buggy_drafts_and_debugs_them_first():
    tree = grow(Greedy(), planned([0.1, None, 0.3, 0.2, 0.4, 0.9, 0.5]), 7)
    assert steps_of(tree) == ["draft"] * 5 + ["debug 1", "improve 5"]


def test_greedy_ends_a_chain_after_four_attempts():
    """A node of debugging depth 3 is still tried, as published: depth 3 allows 4 attempts."""
    scores = [0.1, None, 0.3, 0.2, 0.4, *[None] * 4, 0.5]
    tree = grow(Greedy(), planned(scores), 10)
    assert steps_of(tree)[5:] == ["debug 1", "debug 5", "debug 6", "debug 7", "improve 4"]


def test_greedy_drafts_again_without_a_valid_node():
    greedy = Greedy(debug_probability=0.0)
    tree = grow(greedy, lambda number, operation, tree: None, 8)
    assert steps_of(tree) == ["draft"] * 8


def test_greedy_debugs_with_its_probability():
    greedy = Greedy(debug_probability=0.5)
    nodes = [Node(k, "draft", state="valid", fitness=0.1, score=0.1) for k in range(4)]
    tree = Tree([*nodes, Node(4, "draft", state="buggy", status="invalid")])
    kinds = Counter(greedy.next(tree, random.Random(k)).kind for k in range(2000))
    assert 900 < kinds["debug"] < 1100


def test_greedy_debugs_a_random_node():
    nodes = [Node(k, "draft", state="buggy", status="invalid") for k in range(5)]
    chosen = {Greedy().next(Tree(nodes), random.Random(k)).parents for k in range(100)}
    assert chosen == {(k,) for k in range(5)}


def test_mcts_completes_a_round_then_selects_the_best_child():
    tree = grow(MCTS(), planned([0.1, 0.5, 0.3, 0.2, 0.4, *[0.6] * 5]), 10)
    assert steps_of(tree) == ["draft"] * 5 + ["improve 1"] * 5


def test_mcts_by_hand():
    """After two rounds the root was visited 10 times, node 1 six times, the others once.

    Scores seen: 0.0 to 1.0. Node 1: Q = (1.0 + 5 * 0.0) / 6 = 1/6, bonus sqrt(ln 10 / 6).
    Node 4 (0.9): Q = 0.9, bonus sqrt(ln 10 / 1): it is next.
    """
    scores = [0.1, 1.0, 0.3, 0.2, 0.9, *[0.0] * 5, 0.5]
    tree = grow(MCTS(), planned(scores), 11)
    assert steps_of(tree)[10] == "improve 4"
    bonus = 0.25 * math.sqrt(math.log(10))
    assert 0.9 + bonus > 1 / 6 + bonus / math.sqrt(6)


def test_mcts_debugs_a_child_before_it_makes_the_next():
    tree = grow(MCTS(), planned([0.1, None, None, 0.8, *[0.2] * 4]), 8)
    assert steps_of(tree) == [
        "draft", "draft", "debug 1", "debug 2", "draft", "draft", "draft", "improve 3",
    ]  # fmt: skip


def test_mcts_adds_the_score_to_the_debugging_chain():
    """Node 3 mended 1 by way of 2: selection goes root, 1, 2, 3, and 3 is the leaf."""
    tree = grow(MCTS(), planned([0.1, None, None, 0.8, *[0.2] * 4]), 8)
    assert tree.nodes[7].parents == (3,)


def test_mcts_never_enters_a_subtree_without_a_valid_node():
    policy = MCTS(children=2, debug_attempts=1)
    tree = grow(policy, planned([None, None, 0.1, 0.5, 0.5, 0.5, 0.5]), 7)
    assert steps_of(tree)[:3] == ["draft", "debug 0", "draft"]
    assert all(node.parents != (1,) for node in tree.nodes)


class TheirTree:
    """MCTS with its state kept in nodes, as the published implementation has it."""

    def __init__(self) -> None:
        self.visits, self.total, self.children, self.parent = [0], [0.0], [[]], [None]
        self.seen: list[float] = []

    def add(self, parent: int) -> int:
        for column, value in zip(
            (self.visits, self.total, self.children, self.parent), (0, 0.0, [], parent),
            strict=True,
        ):  # fmt: skip
            column.append(value)
        self.children[parent].append(len(self.visits) - 1)
        return len(self.visits) - 1

    def select(self) -> int:
        node = 0
        while self.children[node]:
            low, high = min(self.seen), max(self.seen)

            def uct(child: int, node: int = node, low: float = low, high: float = high) -> float:
                mean = self.total[child] / self.visits[child]
                scaled = 0.5 if low == high else (mean - low) / (high - low)
                return scaled + 0.25 * math.sqrt(math.log(self.visits[node]) / self.visits[child])

            node = max(self.children[node], key=uct)
        return node

    def credit(self, node: int | None, score: float) -> None:
        self.seen.append(score)
        while node is not None:
            self.visits[node] += 1
            self.total[node] += score
            node = self.parent[node]


@pytest.mark.parametrize("seed", range(5))
def test_mcts_grows_the_tree_of_an_implementation_with_state(seed):
    rng = random.Random(seed)
    scores = [rng.random() for _ in range(100)]
    theirs, numbers, expected = TheirTree(), {0: None}, []
    for _ in range(20):
        leaf = theirs.select()
        made = [theirs.add(leaf) for _ in range(5)]
        for node in made:
            numbers[node] = len(expected)
            expected.append("draft" if leaf == 0 else f"improve {numbers[leaf]}")
        for node in made:
            theirs.credit(node, scores[numbers[node]])
    assert steps_of(grow(MCTS(), planned(scores), 100)) == expected


def test_evolution_begins_with_drafts_then_mutates_then_crosses():
    tree = grow(Evolution(), lambda number, operation, tree: 0.5, 200)
    kinds = [node.kind for node in tree.nodes]
    assert kinds[:5] == ["draft"] * 5
    assert kinds[5:10] == ["improve"] * 5
    crossed = Counter(kinds[10:])
    assert set(crossed) == {"improve", "crossover"}
    assert 0.4 < crossed["crossover"] / 190 < 0.6


def test_evolution_keeps_individuals_as_good_as_the_mean():
    nodes = [Node(k, "draft", state="valid", fitness=f, score=f) for k, f in enumerate((0.4, 0.6))]
    new = [
        Node(k, "improve", (0,), "valid", f, f)
        for k, f in ((2, 0.5), (3, 0.49), (4, 0.7), (5, 0.55))
    ]
    # 0.5 joins (mean 0.5); 0.49 does not; 0.7 joins (mean 0.5); 0.55 joins (mean exactly 0.55).
    kept = Evolution().survivors(nodes, new)
    assert sorted(node.number for node in kept) == [0, 1, 2, 4, 5]
    assert [n.number for n in Evolution(capacity=2).survivors(nodes, new)] == [4, 1]


def test_evolution_draws_parents_by_softmax():
    nodes = [Node(k, "draft", state="valid", fitness=k / 2, score=k / 2) for k in range(3)]
    drawn = Counter(
        Evolution().parents(nodes, 1, [0.0, 0.5, 1.0], random.Random(k))[0] for k in range(6000)
    )
    weights = [math.exp(k / 2) for k in range(3)]
    for number, weight in enumerate(weights):
        assert drawn[number] / 6000 == pytest.approx(weight / sum(weights), abs=0.03)


def test_evolution_draws_two_different_parents():
    nodes = [Node(k, "draft", state="valid", fitness=0.5, score=0.5) for k in range(2)]
    for seed in range(50):
        assert set(Evolution().parents(nodes, 2, [0.5], random.Random(seed))) == {0, 1}


def test_evolution_keeps_only_the_valid_end_of_a_chain():
    scores = [None, 0.9, 0.1, 0.1, 0.1, 0.1, *[0.2] * 20]
    tree = grow(Evolution(), planned(scores), 26)
    assert steps_of(tree)[:3] == ["draft", "debug 0", "draft"]
    parents = {parent for node in tree.nodes[6:] for parent in node.parents}
    assert 1 in parents
    assert 0 not in parents


def test_evolution_gives_up_after_ten_attempts():
    tree = grow(Evolution(), lambda number, operation, tree: None, 12)
    assert [node.kind for node in tree.nodes] == ["draft", *["debug"] * 10, "draft"]
