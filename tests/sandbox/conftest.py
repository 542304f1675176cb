"""Every test of this folder runs in each sandbox that this machine has."""

import sys
from collections.abc import Callable, Iterator

import pytest

from aira_dsl.sandbox.kinds import available_kinds
from aira_dsl.sandbox.process import SandboxedProcess
from aira_dsl.sandbox.spec import Kind, Limits, Spec

KINDS = [kind for kind, obstacle in available_kinds().items() if obstacle is None]

Start = Callable[..., SandboxedProcess]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def start(kind: Kind) -> Iterator[Start]:
    """Start Python code in the sandbox, with limits by name."""
    started = []

    def begin(code: str, *arguments: str, **limits: float) -> SandboxedProcess:
        values = {"wall_seconds": 120.0, "memory": 512 << 20, "processes": 64, **limits}
        spec = Spec((sys.executable, "-I", "-S", "-c", code, *arguments), limits=Limits(**values))
        started.append(SandboxedProcess(spec, kind))
        return started[-1]

    yield begin
    for process in started:
        process.close()
