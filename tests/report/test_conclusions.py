"""Conclusions from a search and from a comparison, and their sentences."""

import pytest

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.experiments.comparison import Comparison
from aira_dsl.report.conclusions import of_comparison, of_search
from aira_dsl.study.selection import rank
from aira_dsl.study.trials import Trial

NOISE = Noise(0.01, 0.02, 1000, "table", "54 arrangements of the table")


def trial(number: int, score: float, *repeats: float) -> Trial:
    return Trial(
        number=number, state="COMPLETE", layers=("A",), pattern=f"P{number}",
        fingerprint=str(number), score=score, test_score=None,
        confirmed=sum(repeats) / len(repeats) if repeats else None,
        repeats={str(seed): each for seed, each in enumerate(repeats, 1)}, seconds=1.0,
        cached=False, parameters=1, training_flops=1, status="ok", message="", tasks={},
    )  # fmt: skip


def sentences(*trials: Trial, noise: Noise | None = NOISE) -> list[str]:
    drawn = of_search(rank(trials, Direction.MAXIMIZE), noise, {"ok": len(trials)})
    return [each.sentence for each in drawn]


def test_winners_within_the_noise_are_named_with_their_repeats() -> None:
    found = sentences(
        trial(0, 0.7, 0.72, 0.74), trial(1, 0.71, 0.71, 0.73), trial(2, 0.7, 0.5, 0.5)
    )
    assert found == [
        "noise of a score between seeds: 0.0100 (from 54 arrangements of the table)",
        "not significantly different from the best (2 repeats): P1",
    ]


def test_one_repeat_is_written_in_the_singular() -> None:
    found = sentences(trial(0, 0.7, 0.72), trial(1, 0.7, 0.71))
    assert found[1] == "not significantly different from the best (1 repeat): P1"


def test_a_best_that_is_alone_says_so() -> None:
    found = sentences(trial(0, 0.7, 0.9, 0.9), trial(1, 0.7, 0.5, 0.5), trial(2, 0.7, 0.4, 0.4))
    assert found[1] == "the best is significantly better than the 2 other winners (2 repeats)"


def test_trials_with_one_evaluation_have_the_wider_margin() -> None:
    """Their seed is another one than that of the repeats: the shift counts."""
    singles = [trial(number, 0.73 - 0.045 * number) for number in (1, 2)]
    found = sentences(trial(0, 0.73, 0.73, 0.73), *singles)
    margin = NOISE.single_margin(2)
    assert 0.045 < margin < 0.09
    assert found[-1] == (
        f"of 2 trials with one evaluation, 1 is within {margin:.4f} of the best: not significantly "
        "different from it"
    )


def test_without_repeats_the_best_is_likely_too_good() -> None:
    found = sentences(trial(0, 0.9), trial(1, 0.8))
    assert found[1].startswith("the best of 2 trials has one evaluation")


def test_without_noise_nothing_is_called_different() -> None:
    found = sentences(trial(0, 0.9, 0.9), trial(1, 0.1, 0.1), noise=None)
    assert found == ["the noise of a score is not known: differences may be due to chance"]


def test_without_scores_the_outcomes_are_counted() -> None:
    (only,) = of_search([], NOISE, {"pruned": 3, "diverged": 1})
    assert only.sentence == "no trial has a score (3 pruned, 1 diverged)"


def drawn(found: Comparison) -> dict[str, str]:
    return {each.kind: each.sentence for each in of_comparison(found)}


def test_a_difference_is_told_with_its_interval(comparison: Comparison) -> None:
    found = drawn(comparison)
    assert found["better"].startswith("tpe ends better than random by 0.5")
    assert "no difference" not in found
    assert found["few runs"] == "3 runs of a method are few: the intervals are too narrow"


def test_a_comparison_of_an_earlier_version_has_no_origin_of_its_noise(
    comparison: Comparison,
) -> None:
    earlier = comparison.model_copy(update={"noise": 0.05, "noise_basis": ""})
    assert drawn(earlier)["noise"] == "noise of a score between seeds: 0.0500"


def test_a_difference_below_the_noise_floor_is_not_significant(comparison: Comparison) -> None:
    wide = {a: dict.fromkeys(b, 0.9) for a, b in comparison.noise_floor.items()}
    found = drawn(comparison.model_copy(update={"noise_floor": wide}))
    assert "better" not in found
    assert found["no difference"] == (
        "no significant difference between random and tpe (the difference is below the noise floor)"
    )


def test_one_run_of_a_method_proves_nothing(comparison: Comparison) -> None:
    single = {
        name: method.model_copy(update={"runs": method.runs[:1]})
        for name, method in comparison.methods.items()
    }
    found = drawn(comparison.model_copy(update={"methods": single}))
    assert "better" not in found
    assert found["few runs"] == "a method has one run: the variation between runs is not known"


@pytest.mark.parametrize("apart", [0, 1])
def test_pairs_are_named_only_where_that_tells_something(
    apart: int, comparison: Comparison
) -> None:
    """Three methods: all equal, or one different from both others."""
    names = ("a", "b", "c")
    method = comparison.methods["tpe"]
    interval = comparison.differences["tpe"]["random"]
    assert interval is not None
    none = interval.model_copy(update={"mean": 0.0, "low": -0.1, "high": 0.1})

    def between(a: str, b: str) -> object:
        return interval if apart and "c" in (a, b) else none

    found = comparison.model_copy(
        update={
            "methods": dict.fromkeys(names, method),
            "beats": {a: {b: interval for b in names if b != a} for a in names},
            "differences": {a: {b: between(a, b) for b in names if b != a} for a in names},
            "noise_floor": {a: {b: None for b in names if b != a} for a in names},
        }
    )
    why = "(the 95 % interval contains 0)"
    assert drawn(found)["no difference"] == (
        f"no significant difference in 1 of 3 pairs {why}: a and b"
        if apart
        else f"no significant difference in 3 of 3 pairs {why}"
    )
    assert of_comparison(found)[-1].sentence.startswith("this holds for budgets of 20")
