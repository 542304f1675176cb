"""All checks in the order of the output, and the function that performs them."""

from collections.abc import Collection
from contextlib import suppress
from functools import partial

from aira_dsl.doctor import files, hardware, packages, services
from aira_dsl.doctor.check import Check, Finding, perform
from aira_dsl.doctor.machine import Machine

CHECKS: tuple[Check, ...] = (
    # These run while torch and the packages are imported in other processes.
    packages.PYTHON,
    *hardware.FACTS,
    *files.CHECKS,
    *services.SANDBOXES,
    # These wait for what is imported.
    packages.NEEDED,
    *hardware.CHECKS,
    *packages.OPTIONAL,
    *services.CHECKS,
)
"""Every check, in the order of the output."""

PARTS = tuple(check.name for check in CHECKS if check.role != "fact")
"""The names that can be required."""


def diagnose(required: Collection[str] = ()) -> list[Finding]:
    """Perform all checks.

    Takes about three seconds, and 20 more where the kernels have to be compiled.

    Args:
        required: names from `PARTS` that are needed too; their packages are imported.
    """
    with Machine(required, partial(packages.modules, required)) as machine:
        with suppress(Exception):  # the checks that need the processes report it
            machine.start()
        return [perform(check, machine) for check in CHECKS]
