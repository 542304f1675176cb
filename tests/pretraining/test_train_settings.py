"""Settings of a training: one budget, whole steps, what may change when a run continues."""

import math

import pytest

from aira_dsl.errors import UsageError
from aira_dsl.pretraining.schedule import Schedule
from aira_dsl.pretraining.settings import TrainPlan, TrainSettings, differences, identity
from aira_dsl.utils.options import parse_count

TEXT = """
architecture tiny {
  width 32
  context 64
  block A = attention { heads 2, head_dim 16 }
  block M = mlp { hidden 64 }
  layers A-M
}
"""


def settings(**given: object) -> TrainSettings:
    given = {"data": ("corpus.txt",), **given}
    return TrainSettings(architecture=TEXT, **given)


@pytest.mark.parametrize("given", [{}, {"tokens": 10_000, "steps": 5}])
def test_exactly_one_budget_is_given(given: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="one budget") as caught:
        TrainPlan.of(settings(**given))
    assert caught.value.code == "E1501"


def test_a_budget_pays_for_whole_steps() -> None:
    plan = TrainPlan.of(settings(tokens=10_000, batch=4))
    assert (plan.step_tokens, plan.steps, plan.tokens) == (256, 39, 39 * 256)
    price = 256 * plan.costs.training_flops
    assert TrainPlan.of(settings(flops=7.9 * price, batch=4)).steps == 7
    assert plan.flops(39) == 39 * price


def test_a_budget_below_one_step_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--tokens 255 does not pay") as caught:
        TrainPlan.of(settings(tokens=255, batch=4))
    assert caught.value.code == "E1502"


def test_the_context_of_the_training_counts_for_costs() -> None:
    short, long = (TrainPlan.of(settings(steps=1, context=length)) for length in (64, 128))
    assert short.costs.training_flops < long.costs.training_flops


def test_settings_survive_json() -> None:
    before = settings(flops=1e15, optimizer="muon", documents="separate")
    assert TrainSettings.model_validate_json(before.model_dump_json()) == before


def test_speed_and_records_may_change_when_a_run_continues_and_nothing_else() -> None:
    before = identity(settings(steps=5), "a1")
    faster = settings(steps=5, threads=2, accumulate=4, validate_every=3, data=("moved.txt",))
    assert differences(before, identity(faster, "a1")) == []
    assert differences(before, identity(settings(steps=6, seed=1), "b2")) == [
        "corpus",
        "seed: 0 in the folder, 1 here",
        "steps: 5 in the folder, 6 here",
    ]


def test_cosine_rises_and_falls() -> None:
    schedule = Schedule("cosine", steps=100, warmup=0.1, decay=0.2, final=0.1)
    factors = [schedule.factor(step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1.0
    assert factors[55] == pytest.approx(0.55)
    assert schedule.factor(100) == pytest.approx(0.1)


def test_a_trapezoid_is_constant_until_its_end() -> None:
    schedule = Schedule("trapezoid", steps=100, warmup=0.1, decay=0.2, final=0.0)
    assert {schedule.factor(step) for step in range(9, 81)} == {1.0}
    assert schedule.factor(90) == pytest.approx(0.5)
    assert schedule.factor(100) == 0.0


@pytest.mark.parametrize(
    ("text", "number"),
    [("20000", 20_000), ("1_000", 1000), ("20M", 20 * 10**6), ("1.5B", 15 * 10**8),
     ("1e15", 10**15), ("2.5e3", 2500), ("1T", 10**12), ("1e30", 10**30)],
)  # fmt: skip
def test_counts_have_units(text: str, number: int) -> None:
    assert parse_count(text) == number


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "1e-3", "M", "12x", "nan", "1e400", "_"])
def test_what_is_not_a_count_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"use e\.g\. 20000"):
        parse_count(text)


def test_a_schedule_of_one_step_has_a_rate() -> None:
    for name in ("cosine", "trapezoid"):
        assert math.isclose(Schedule(name, 1, 0.02, 0.2, 0.1).factor(0), 1.0)


def test_a_setting_that_came_after_a_folder_has_its_default_there() -> None:
    before = identity(settings(steps=5), "a1")
    del before["balance_loss"]
    assert differences(before, identity(settings(steps=5), "a1")) == []
    other = identity(settings(steps=5, balance_loss=0.5), "a1")
    assert differences(before, other) == ["balance_loss: 0.01 in the folder, 0.5 here"]


def test_a_context_that_is_that_of_the_file_may_be_given_or_not() -> None:
    left_out, other = identity(settings(steps=5), "a1"), settings(steps=5, context=32)
    given = identity(settings(steps=5, context=TrainPlan.of(settings(steps=5)).context), "a1")
    assert differences(left_out, given) == differences(given, left_out) == []
    assert differences(left_out, identity(other, "a1")) == ["context: 64 in the folder, 32 here"]
