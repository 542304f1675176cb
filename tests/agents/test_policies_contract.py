"""What every policy must do, whatever its algorithm; a new one is tested by being registered."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.agents.policies import POLICIES
from aira_dsl.agents.tree import Operation, Tree
from tests.helpers.policy_trees import ask, begin, finish, grow

PARENTS = {"draft": 0, "improve": 1, "debug": 1, "crossover": 2}
scores = st.lists(st.none() | st.floats(-1, 1), min_size=40, max_size=40)

pytestmark = pytest.mark.parametrize("name", POLICIES)


def _scripted(values):
    return lambda number, operation, tree: values[number]


@settings(max_examples=30, deadline=None)
@given(values=scores, seed=st.integers(0, 3))
def test_operations_make_sense(name, values, seed):
    """Parents are finished; what is mended is broken, what is improved is not."""
    tree = grow(POLICIES[name], _scripted(values), 40, seed=seed)
    assert tree.nodes, "the first operation needs nothing"
    for node in tree.nodes:
        assert len(node.parents) == PARENTS[node.kind]
        assert len(set(node.parents)) == len(node.parents)
        assert all(parent < node.number for parent in node.parents)
        states = {tree.nodes[parent].state for parent in node.parents}
        assert states <= ({"buggy"} if node.kind == "debug" else {"valid"})


@settings(max_examples=20, deadline=None)
@given(values=scores)
def test_nothing_is_mended_twice(name, values):
    """A broken node has at most one attempt to mend it; the next mends the attempt."""
    tree = grow(POLICIES[name], _scripted(values), 40)
    mended = [node.parents[0] for node in tree.nodes if node.kind == "debug"]
    assert len(mended) == len(set(mended))


@settings(max_examples=20, deadline=None)
@given(values=scores, seed=st.integers(0, 3))
def test_it_is_a_function_of_the_tree(name, values, seed):
    """Every prefix of a tree leads to what came next: that is what resuming needs."""
    policy = POLICIES[name]
    tree = grow(policy, _scripted(values), 40, seed=seed)
    for length, node in enumerate(tree.nodes):
        again = ask(policy, Tree(tree.nodes[:length]), seed)
        assert again is not None
        assert (again.kind, again.parents) == (node.kind, node.parents)


@settings(max_examples=20, deadline=None)
@given(values=scores, workers=st.integers(2, 6), seed=st.integers(0, 99))
def test_several_workers_never_wait_for_nothing(name, values, workers, seed):
    """While something runs a policy may wait; when nothing does, it goes on or is done."""
    policy, order = POLICIES[name], random.Random(seed)
    tree, running, done = Tree([]), [], False
    while len(tree.nodes) < 40 and not done:
        while len(running) < workers and len(tree.nodes) < 40:
            operation = ask(policy, tree)
            if operation is None:
                done = not running
                break
            tree = begin(tree, operation)
            running.append(len(tree.nodes) - 1)
        if running:
            tree = finish(tree, running.pop(order.randrange(len(running))), _scripted(values))
    assert len(tree.nodes) == (1 if name == "oneshot" else 40)
    for node in tree.nodes:
        assert all(tree.nodes[parent].state != "running" for parent in node.parents)


def test_it_goes_on_when_everything_fails(name):
    tree = grow(POLICIES[name], lambda number, operation, tree: None, 60)
    assert len(tree.nodes) == (1 if name == "oneshot" else 60)
    assert {node.kind for node in tree.nodes} <= {"draft", "debug"}


def test_the_first_operation_is_a_draft(name):
    operation = ask(POLICIES[name], Tree([]))
    assert operation is not None
    assert operation == Operation("draft", memory=operation.memory)
