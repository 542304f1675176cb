"""The memory that a training is estimated to need, beside what it takes."""

from contextlib import closing
from pathlib import Path

import pytest

from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, Needs
from aira_dsl.pretraining.memory import PROCESS, memory_of
from aira_dsl.pretraining.settings import TrainPlan, TrainSettings
from aira_dsl.testing.pools import run
from tests.pretraining.runs import settings

DESIGN = """
architecture m {
  width 256
  context 256
  block A = attention { heads 16, head_dim 16 }
  block M = mlp
  block S = mamba2 { inner 512, state 16, head_dim 16 }
  layers 4×(S-M)-4×(A-M)
}
"""


def estimate(given: TrainSettings) -> int:
    return memory_of(given, TrainPlan.of(given))


def test_parts_of_a_batch_need_less_memory_and_parameters_more(tmp_path: Path) -> None:
    given = settings(tmp_path, architecture=DESIGN, batch=16)
    parts = given.model_copy(update={"accumulate": 4})
    wide = given.model_copy(update={"architecture": DESIGN.replace("width 256", "width 512")})
    assert estimate(parts) < estimate(given) < estimate(wide)


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["8×S", "8×A", "8×M", "4×(S-M)-4×(A-M)"])
def test_a_training_fits_into_its_estimate(layers: str, tmp_path: Path) -> None:
    """As a limit, without the bytes of a process that has not begun to train."""
    text = DESIGN.replace("4×(S-M)-4×(A-M)", layers)
    given = settings(tmp_path, architecture=text, batch=16, steps=2, threads=1)
    payload = {"settings": given.model_dump(mode="json"), "out": str(tmp_path / "run")}
    needs = Needs(memory=estimate(given) - PROCESS)
    with closing(LocalPool(1)) as pool:
        ended = run(pool, Job("aira_dsl.pretraining.worker:run", payload, needs))
    assert ended.failure is None, ended.failure
