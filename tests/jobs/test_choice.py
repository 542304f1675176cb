"""Where jobs run: the choice of a user, and what is said if it cannot be had."""

import sys

import pytest

from aira_dsl.errors import UsageError
from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Needs
from aira_dsl.utils.extras import install_command
from aira_dsl.utils.machine import available_cores


def test_jobs_run_here_unless_a_cluster_is_named() -> None:
    pool = PoolChoice(3).open()
    assert isinstance(pool, LocalPool)
    assert pool.free == 3
    assert PoolChoice().places() == available_cores()
    assert PoolChoice().places(Needs(cpus=10_000)) == 1
    assert PoolChoice().places(Needs(gpus=1)) == 1


def test_without_ray_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError) as caught:
        PoolChoice(1, "auto").open()
    assert caught.value.code == "E1901"
    assert install_command("ray") in (caught.value.help or "")


def test_an_address_where_nothing_listens_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        PoolChoice(1, "127.0.0.1:1").open()
    assert caught.value.code == "E1902"
    assert "'127.0.0.1:1'" in caught.value.message
