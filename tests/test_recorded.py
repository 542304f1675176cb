"""What the code computes is what it computed when `tests/recorded/*.json` was written.

Moves and other refactorings keep every number; `tests/recorded/record.py` says how to record
again after a change that is meant to change some. Floating-point numbers are compared exactly on
a machine like the one that wrote the record, and within a tolerance elsewhere, since matrix
libraries round differently. Everything else is always compared exactly.
"""

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.recorded.record import (
    EXAMPLES,
    LEARNT,
    ROOT,
    SEARCHES,
    example,
    learnt,
    recorded,
    trials,
    weights,
)

ACCURACY = 0.02  # A rounding difference may flip single predictions.
GP_START = 10  # Trials that Optuna's GPSampler draws at random, before it fits anything.


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a nested record with its path."""
    if not isinstance(value, dict | list | tuple):
        yield path, value
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(inner, f"{path}/{key}")


def differences(found: Any, wanted: Any, *, rel: float = 0.0, abs: float = 0.0) -> dict[str, Any]:
    """Return (found, recorded) for every path at which two records differ."""

    def equal(one: Any, other: Any) -> bool:
        if isinstance(one, float) and isinstance(other, float):
            return math.isclose(one, other, rel_tol=rel, abs_tol=abs)
        return type(one) is type(other) and one == other

    ours, theirs = dict(leaves(found)), dict(leaves(wanted))
    return {
        path: (ours.get(path, "missing"), theirs.get(path, "missing"))
        for path in {**ours, **theirs}
        if not (path in ours and path in theirs and equal(ours[path], theirs[path]))
    }


def test_every_example_is_recorded() -> None:
    assert set(recorded("examples")[0]) == {each.relative_to(ROOT).as_posix() for each in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_the_recorded_identity_and_costs(path: Any) -> None:
    wanted = recorded("examples")[0][path.relative_to(ROOT).as_posix()]
    assert differences(example(path), wanted) == {}


def test_initial_weights_are_the_recorded_ones() -> None:
    wanted, same_machine = recorded("weights")
    tolerance = {} if same_machine else {"rel": 1e-3, "abs": 1e-4}
    assert differences(weights(), wanted, **tolerance) == {}


@pytest.mark.parametrize("case", LEARNT, ids=" ".join)
def test_losses_and_scores_are_the_recorded_ones(case: tuple[str, str, str]) -> None:
    record, same_machine = recorded("learnt")
    found, wanted = learnt(*case), record[" ".join(case)]
    if same_machine:
        assert differences(found, wanted) == {}
        return
    assert differences(found["losses"], wanted["losses"], rel=1e-3) == {}
    different = differences(found["evaluation"], wanted["evaluation"], rel=1e-3)
    accuracies = differences(found["evaluation"], wanted["evaluation"], rel=1e-3, abs=ACCURACY)
    assert accuracies == {}
    assert not [path for path in different if path.endswith(("bits_per_token", "training_loss"))]


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_makes_the_recorded_trials(name: str) -> None:
    record, same_machine = recorded("trials")
    found, wanted = trials(name), record[name]
    if name == "gp" and not same_machine:  # Its fit is floating-point optimisation.
        columns = ("layers", "score", "state")
        found, wanted = (
            [{key: trial[key] for key in columns} for trial in each[:GP_START]]
            for each in (found, wanted)
        )
    assert differences(found, wanted) == {}
