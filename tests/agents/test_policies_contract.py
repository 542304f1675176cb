"""The contract of policies, for every policy of the package."""

from pathlib import Path

from aira_dsl.agents.policies import POLICIES
from aira_dsl.testing.policies import PolicyContract


class TestOneShot(PolicyContract):
    policy = POLICIES["oneshot"]
    most = 1


class TestBestOfN(PolicyContract):
    policy = POLICIES["best-of-n"]


class TestGreedy(PolicyContract):
    policy = POLICIES["greedy"]


class TestMCTS(PolicyContract):
    policy = POLICIES["mcts"]


class TestEvolution(PolicyContract):
    policy = POLICIES["evolution"]


def test_every_policy_is_tested():
    tested = [contract.policy for contract in PolicyContract.__subclasses__()]
    untested = [name for name, policy in POLICIES.items() if policy not in tested]
    assert not untested, (
        f"no contract test for the policies {', '.join(untested)}: add to {Path(__file__).name} a "
        'class derived from PolicyContract, with `policy = POLICIES["NAME"]`'
    )
