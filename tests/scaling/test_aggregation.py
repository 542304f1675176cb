"""Aggregation: the rule against its definition, pools, votes, by hand and by brute force."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.scaling.aggregate import (
    Candidate,
    aggregate,
    all_of,
    first_cluster,
    top,
    top_cluster,
    votes,
)

NAMES = ("A", "M", "Mb")


def candidates(**values: float) -> list[Candidate]:
    return [Candidate(tuple(letters), value) for letters, value in values.items()]


def chosen(ballots, c, names=NAMES) -> tuple[str, ...]:
    return tuple(slot.name for slot in aggregate(ballots, names, c))


LAYERS = st.tuples(*[st.sampled_from(NAMES)] * 5)
POOLS = st.lists(st.builds(Candidate, LAYERS, st.integers(0, 4).map(float)), min_size=1, max_size=9)


@given(POOLS, st.integers(0, 7))
def test_every_position_follows_the_definition(pool, c) -> None:
    """a_i is a mode of those whose previous c positions are the ones already chosen."""
    slots = aggregate(votes([pool]), NAMES, c)
    layers = tuple(slot.name for slot in slots)
    for i, slot in enumerate(slots):
        for length in range(min(c, i), -1, -1):
            begin = i - length
            matching = [each for each in pool if each.layers[begin:i] == layers[begin:i]]
            if matching:
                break
        assert (slot.matched, slot.context) == (len(matching), length)
        counts = Counter(each.layers[i] for each in matching)
        assert counts[slot.name] == max(counts.values())
        assert slot.shares == pytest.approx({n: counts[n] / len(matching) for n in NAMES})
        equal = [name for name in NAMES if counts[name] == counts[slot.name]]
        assert slot.tie == (len(equal) > 1)

        def mean(name, i=i, matching=matching):
            values = [each.value for each in matching if each.layers[i] == name]
            return sum(values) / len(values)

        assert mean(slot.name) == pytest.approx(max(map(mean, equal)))


@given(POOLS, st.integers(0, 7), st.randoms(), st.sampled_from([None, 0.5, 1.0]))
def test_the_order_of_the_candidates_decides_nothing(pool, c, rng, decay) -> None:
    mixed = rng.sample(pool, len(pool))
    assert aggregate(votes([pool], decay=decay), NAMES, c) == aggregate(
        votes([mixed], decay=decay), NAMES, c
    )


@given(LAYERS, st.integers(1, 5), st.integers(0, 100))
def test_candidates_that_agree_are_the_result(layers, count, c) -> None:
    assert chosen(votes([[Candidate(layers, 0.5)] * count]), c) == layers


def test_contexts_change_the_result() -> None:
    pool = candidates(AMM=1, AAM=1, MAA=1, MAM=1, MMA=1)
    # N0: M of 3:2; A of 3:2; M of 3:2. N1: after M come A, A, M; after A at 2: M, A, M.
    assert chosen(votes([pool]), 0) == ("M", "A", "M")
    # N2 sees MAA and MAM alone: one vote each and equal scores, so the space's order decides.
    assert chosen(votes([pool]), 1) == ("M", "A", "M")
    assert chosen(votes([pool]), 2) == ("M", "A", "A")
    assert aggregate(votes([pool]), NAMES, 2)[2].tie


def test_a_tie_goes_to_the_better_scores_then_to_the_first_block() -> None:
    assert chosen(votes([candidates(A=0.1, M=0.3)]), 0) == ("M",)
    assert chosen(votes([candidates(A=0.2, M=0.2)]), 0) == ("A",)
    assert chosen(votes([candidates(A=0.2, M=0.2)]), 0, ("M", "A")) == ("M",)


def test_a_run_with_many_candidates_has_no_more_votes_than_one_with_few() -> None:
    long, short = candidates(AA=1, AM=1, MM=1), candidates(MA=1)
    assert sum(vote.weight for vote in votes([long, short])) == pytest.approx(1)
    (slot, _) = aggregate(votes([long, short]), NAMES, 0)
    assert slot.shares["M"] == pytest.approx(1 / 2 + 1 / 6)


def test_votes_decay_by_rank_and_equal_scores_share_a_rank() -> None:
    found = votes([candidates(AA=3, AM=2, MA=2, MM=1)], decay=0.5)
    assert [vote.weight for vote in found] == pytest.approx([8 / 17, 4 / 17, 4 / 17, 1 / 17])
    # Two to one against the best: it wins by its votes.
    assert chosen(votes([candidates(A=3, M=2)] * 1, decay=0.5), 0) == ("A",)
    assert chosen(votes([candidates(AA=9, MM=2, MA=1)], decay=0.4), 0) == ("A", "A")
    assert chosen(votes([candidates(AA=9, MM=2, MA=1)]), 0) == ("M", "A")


def test_the_top_is_by_value_and_keeps_what_is_equal_to_its_last() -> None:
    pool = candidates(AA=1, AM=3, MA=2, MM=2)
    assert [each.value for each in top(pool, 1)] == [3]
    assert [each.value for each in top(pool, 2)] == [3, 2, 2]
    assert top(pool, 99) == all_of(pool)


def test_the_top_cluster_of_a_plain_case() -> None:
    pool = candidates(AA=0.91, AM=0.9, MA=0.6, MM=0.59, A=0.1)
    assert [each.value for each in top_cluster(pool, 3)] == [0.91, 0.9]
    assert len(top_cluster(pool, 1)) == 5
    assert len(top_cluster(pool, 99)) == 1
    assert len(top_cluster(candidates(AA=1, AM=1), 3)) == 2


def cost(values, cuts) -> float:
    total = 0.0
    for start, stop in zip((0, *cuts), (*cuts, len(values)), strict=True):
        mean = sum(values[start:stop]) / (stop - start)
        total += sum((value - mean) ** 2 for value in values[start:stop])
    return total


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9, unique=True), st.integers(1, 4))
def test_the_clusters_are_those_of_least_squares(values, clusters) -> None:
    ranked = sorted(map(float, values), reverse=True)
    k = min(clusters, len(ranked))
    size = first_cluster(ranked, k)
    divisions = list(combinations(range(1, len(ranked)), k - 1))
    least = min(cost(ranked, cuts) for cuts in divisions)
    with_it = [cost(ranked, cuts) for cuts in divisions if (*cuts, len(ranked))[0] == size]
    assert min(with_it) == pytest.approx(least, abs=1e-9)
