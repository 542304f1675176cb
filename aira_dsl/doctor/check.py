"""A check and its result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aira_dsl.doctor.machine import Machine

State = Literal["ok", "missing", "broken", "info"]
Role = Literal["needed", "optional", "fact"]


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        state: `ok` works; `missing` is not installed or not set; `broken` is there and fails;
            `info` is a fact that cannot fail.
        found: version, size, name or reason, in one line.
        advice: what to do, in one line; empty if there is nothing to do.
    """

    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """Something that is looked at.

    Attributes:
        name: as `--require` takes it.
        role: `needed` by the main commands, `optional`, or a `fact` that cannot be required.
        needed_for: what does not work, or works slower, without it.
        look: finds out; may raise anything.
    """

    name: str
    role: Role
    needed_for: str
    look: Callable[[Machine], Outcome]


@dataclass(frozen=True)
class Finding:
    """One line of the result; all fields are JSON values.

    Attributes:
        name: of the check.
        state: as in `Outcome`.
        needed: whether the exit code depends on it.
        found: as in `Outcome`.
        needed_for: as in `Check`.
        advice: as in `Outcome`.
    """

    name: str
    state: State
    needed: bool
    found: str
    needed_for: str
    advice: str

    @property
    def fails(self) -> bool:
        """Whether something needed is missing or broken."""
        return self.needed and self.state in ("missing", "broken")


def perform(check: Check, machine: Machine) -> Finding:
    """Perform a check; an exception of any kind is its result and hides no other check."""
    try:
        outcome = check.look(machine)
    except Exception as error:
        outcome = Outcome("broken", f"the check failed: {type(error).__name__}: {error}")
    return Finding(
        name=check.name,
        state=outcome.state,
        needed=check.role == "needed" or check.name in machine.required,
        found=" ".join(outcome.found.split()),
        needed_for=check.needed_for,
        advice=outcome.advice,
    )
