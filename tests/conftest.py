"""What holds for every test.

One thread: on a busy machine a second one waits more than it helps. In CI hypothesis draws the
same examples every time, so that a failure comes from a change; elsewhere it looks for new ones.
Nowhere does the time that an example takes decide: a busy machine is slow.
"""

import os

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "aira-dsl",
    derandomize=bool(os.environ.get("CI")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aira-dsl")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
