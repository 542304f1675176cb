"""Facts that are found in other processes, because a broken package can kill the process.

Two processes work while the first checks run in this one: one imports packages, the other uses
torch.
"""

from collections.abc import Callable, Iterable
from typing import Any

from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Failure, Job, Needs, Outcome

SECONDS = 240.0  # of a step: the kernels' compiler may take half of it
_NEEDS = Needs(gpus=1, seconds=SECONDS)  # without a GPU among the needs none is visible


class Failed(Exception):
    """A step failed, or its process died; the message says how."""


class Machine:
    """This machine, for the time of a diagnosis; a context manager that ends its processes.

    Args:
        required: names of the optional checks that are needed.
        modules: returns the names of the modules to import; may raise anything.
    """

    def __init__(self, required: Iterable[str], modules: Callable[[], list[str]]) -> None:
        self.required = frozenset(required)
        self._imports = _Imports(modules)
        self._torch = _Torch()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self._imports.pool.close()
        self._torch.pool.close()

    def start(self) -> None:
        """Start both processes; the checks that need one do so if this failed.

        Raises:
            Exception: what `modules` raised; OSError if no process can be started.
        """
        self._torch.start("torch")
        self._imports.start()

    def torch(self, step: str) -> Any:
        """Return what a step of `probe` found.

        Raises:
            Failed: the step failed.
            OSError: no process can be started.
        """
        return self._torch.result(step)

    def import_error(self, module: str) -> str | None:
        """Return why a module cannot be imported; None if it can, or was not asked for.

        Raises:
            Failed: the process died, and the message says at which module.
            Exception: as `start`.
        """
        return self._imports.errors().get(module)


class _Imports:
    """The process that imports modules."""

    def __init__(self, modules: Callable[[], list[str]]) -> None:
        self.pool = LocalPool(1)
        self._modules = modules
        self._current = ""
        self._outcome: Outcome | None = None

    def start(self) -> None:
        if self.pool.free and self._outcome is None:
            job = Job("aira_dsl.doctor.probe:import_modules", self._modules(), _NEEDS)
            self.pool.submit(0, job, should_continue=self._note)

    def errors(self) -> dict[str, str]:
        self.start()
        self._outcome = self._outcome or _collect(self.pool)
        if self._outcome.failure is not None:
            raise Failed(f"{self._current or 'importing'}: {_reason(self._outcome.failure)}")
        found: dict[str, str] = self._outcome.value
        return found

    def _note(self, module: str) -> bool:
        self._current = module
        return True


class _Torch:
    """The process that uses torch, one step at a time."""

    def __init__(self) -> None:
        self.pool = LocalPool(1)
        self._outcomes: dict[str, Outcome] = {}
        self._running: str | None = None

    def start(self, step: str) -> None:
        self.pool.submit(0, Job("aira_dsl.doctor.probe:take_step", step, _NEEDS))
        self._running = step

    def result(self, step: str) -> Any:
        if self._running is not None:
            self._outcomes[self._running], self._running = _collect(self.pool), None
        if step not in self._outcomes:
            self.start(step)
            return self.result(step)
        if (failure := self._outcomes[step].failure) is not None:
            raise Failed(_reason(failure))
        return self._outcomes[step].value


def _collect(pool: LocalPool) -> Outcome:
    while not (outcomes := pool.collect(timeout=1.0)):
        pass
    return outcomes[0]


def _reason(failure: Failure) -> str:
    return " ".join(failure.message.split())
