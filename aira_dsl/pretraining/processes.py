"""The processes of a training: one, or those that torchrun started.

What one process finds wrong, all raise, so that none waits for another forever. A process that
dies is noticed by the others at their next exchange.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed

from aira_dsl.errors import AiraError, InputError, RunError, UsageError
from aira_dsl.models.precision import choose_device
from aira_dsl.utils.machine import DeviceChoice

PATIENCE = timedelta(hours=2)
"""Longest wait for another process, for example while it tokenizes a corpus."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """This process among those of a training.

    Attributes:
        rank: number of this process.
        size: number of processes.
        device: where this process computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes records."""
        return self.rank == 0

    def sum(self, *numbers: float) -> list[float]:
        """Return each number summed over all processes."""
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        distributed.all_reduce(total)
        return total.tolist()

    def first_does(self, function: Callable[[], Value]) -> Value:
        """Call a function in the first process; return its value in all.

        Raises:
            AiraError: in all processes, what the function raised.
        """
        if self.size == 1:
            return function()
        sent: list[object] = [None]
        if self.is_first:
            found = _value_or_error(function)
            sent[0] = _packed(found) if isinstance(found, AiraError) else found
        distributed.broadcast_object_list(sent)
        if isinstance(sent[0], _Packed):
            raise sent[0].error()
        return sent[0]  # type: ignore[return-value]

    def in_turn(self, function: Callable[[], Value]) -> Value:
        """Call a function in one process of each machine, then in the others.

        For what leaves files on the machine that the others only open.

        Raises:
            AiraError: in all processes, what one of them raised.
        """
        if self.size == 1:
            return function()
        leads = os.environ.get("LOCAL_RANK", "0") == "0"
        found = _value_or_error(function) if leads else None
        self._raise_any(found)
        found = found if leads else _value_or_error(function)
        self._raise_any(found)
        return found  # type: ignore[return-value]

    def all_do(self, function: Callable[[], Value]) -> Value:
        """Call a function in all processes at once.

        Raises:
            AiraError: in all processes, what one of them raised.
        """
        found = _value_or_error(function)
        self._raise_any(found)
        return found  # type: ignore[return-value]

    def _raise_any(self, found: object) -> None:
        if self.size == 1:
            if isinstance(found, AiraError):
                raise found
            return
        sent: list[_Packed | None] = [None] * self.size
        distributed.all_gather_object(
            sent, _packed(found) if isinstance(found, AiraError) else None
        )
        for each in sent:
            if each is not None:
                raise each.error()


@contextmanager
def started_processes(device: DeviceChoice) -> Iterator[Processes]:
    """Join the processes that torchrun started; alone, there is nothing to join.

    Raises:
        UsageError: E0632, a GPU is asked for and there is none.
        RunError: E1511, another process died.
    """
    chosen = torch.device(choose_device(device))
    size = int(os.environ["WORLD_SIZE"]) if distributed.is_torchelastic_launched() else 1
    if size == 1:
        yield Processes(0, 1, chosen)
        return
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        with reporting_deaths():
            yield Processes(distributed.get_rank(), size, chosen)
    finally:
        distributed.destroy_process_group()


@contextmanager
def reporting_deaths() -> Iterator[None]:
    """Turn the failure of an exchange between processes into an error with a code."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if not isinstance(error, distributed.DistError) and "gloo" not in text.lower():
            raise
        raise RunError(
            "E1511",
            f"another process of the training died: {text.splitlines()[0][:200]}",
            help="its own message is above; the same command continues from the last checkpoint",
        ) from None


@dataclass(frozen=True)
class _Packed:
    """An error on its way to other processes: exceptions with named arguments do not pickle."""

    exit_code: int
    code: str
    message: str
    help: str | None

    def error(self) -> AiraError:
        kind = {each.exit_code: each for each in (InputError, UsageError, RunError)}[self.exit_code]
        return kind(self.code, self.message, help=self.help)


def _packed(error: AiraError) -> _Packed:
    return _Packed(error.exit_code, error.code, error.message, error.help)


def _value_or_error(function: Callable[[], Value]) -> Value | AiraError:
    try:
        return function()
    except AiraError as error:
        return error
