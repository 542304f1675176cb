"""What an encoder of the Long Range Arena is trained with, fixed or set by the candidate."""

import math

import pytest

from aira_dsl.design.harness.lra_settings import LraTraining

GIVEN = {
    "vocab_size": 16,
    "num_classes": 10,
    "max_len": 99,
    "num_layers": 2,
    "num_heads": 4,
    "emb_dim": 64,
    "qkv_dim": 64,
    "mlp_dim": 128,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "warmup": 10,
    "weight_decay": 0.01,
    "batch_size": 32,
    "num_train_steps": 100,
    "configurable": False,
}


def test_constants_of_a_candidate_count_where_the_task_is_configurable() -> None:
    module = {"LEARNING_RATE": 0.1, "EMB_DIM": 32, "MAX_LEN": 50, "SEED": 3}
    assert LraTraining.of(GIVEN, module) == LraTraining.of(GIVEN, {})
    training = LraTraining.of({**GIVEN, "configurable": True}, module)
    assert (training.learning_rate, training.emb_dim, training.max_len) == (0.1, 32, 50)
    assert training.sizes["num_layers"] == 2


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("LEARNING_RATE", -1.0, "must be a number from 1e-08 to 10, not -1.0"),
        ("LEARNING_RATE", math.nan, "not nan"),
        ("BATCH_SIZE", 1.5, "BATCH_SIZE must be an integer from 1 to 4096, not 1.5"),
        ("NUM_LAYERS", True, "not True"),
        ("NUM_LAYERS", "2", "not '2'"),
        ("MAX_LEN", 100, "MAX_LEN must be at most 99, not 100"),
    ],
)
def test_a_constant_out_of_its_range_is_named(name: str, value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        LraTraining.of({**GIVEN, "configurable": True}, {name: value})


def test_the_cosine_rises_and_falls_to_zero() -> None:
    training = LraTraining.of(GIVEN, {})
    assert training.rate(0, 0.0) == pytest.approx(0.001)
    assert training.rate(9, 0.0) == pytest.approx(0.01)
    assert training.rate(50, 0.5) == pytest.approx(0.005)
    assert training.rate(50, 1.2) == 0.0


def test_the_root_falls_after_the_warm_up() -> None:
    training = LraTraining.of({**GIVEN, "schedule": "rsqrt"}, {})
    assert training.rate(4, 0.0) == pytest.approx(0.005)
    assert training.rate(9, 0.0) == pytest.approx(0.01)
    assert training.rate(39, 0.9) == pytest.approx(0.005)
