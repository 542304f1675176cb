"""What holds for every test.

One thread: on a busy machine a second one waits more than it helps. In CI hypothesis draws the
same examples every time, so that a failure comes from a change; elsewhere it looks for new ones.
"""

import os

import pytest
import torch
from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
