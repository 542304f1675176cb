"""Which sandboxes this machine offers; each is tried once."""

import platform
import shutil
from functools import cache
from os import geteuid

from aira_dsl.errors import RunError, UsageError
from aira_dsl.sandbox import landlock, seccomp
from aira_dsl.sandbox.process import run
from aira_dsl.sandbox.spec import Kind, KindChoice, Limits, Spec

SAFE: tuple[Kind, ...] = ("bubblewrap", "landlock")
"""The kinds that `auto` chooses from, the stronger one first."""


@cache
def obstacle(kind: Kind) -> str | None:
    """Return why a kind does not work here; None if a program has run in it."""
    if (reason := _missing(kind)) is not None:
        return reason
    try:
        result = run(Spec(("true",), limits=Limits(wall_seconds=10.0)), kind)
    except RunError as error:
        return error.message
    return None if result.exit_code == 0 else f"a program fails in it: {result.stderr.decode()}"


def available_kinds() -> dict[Kind, str | None]:
    """Return every kind, with what stops it here or None; the order is that of `auto`."""
    return {kind: obstacle(kind) for kind in (*SAFE, "none")}


def choose(wish: KindChoice) -> Kind:
    """Return the kind to use.

    Raises:
        UsageError: E1101, it does not work here; with `auto`, no safe one does.
    """
    if wish != "auto":
        if (reason := obstacle(wish)) is not None:
            raise UsageError(
                "E1101", f"the sandbox {wish} does not work here: {reason}", help=_HELP
            )
        return wish
    reasons = {kind: obstacle(kind) for kind in SAFE}
    for kind, reason in reasons.items():
        if reason is None:
            return kind
    text = "; ".join(f"{kind}: {reason}" for kind, reason in reasons.items())
    raise UsageError("E1101", f"no sandbox works here ({text})", help=_HELP)


_HELP = (
    "install bubblewrap (Debian, Ubuntu: apt install bubblewrap; it needs user namespaces) or use "
    "Linux 6.12 or later; --sandbox none runs the code without protection"
)


def _missing(kind: Kind) -> str | None:
    """Return what a kind lacks, as far as that is known without trying it."""
    if kind == "none":
        return None
    if platform.machine() not in seccomp.MACHINES:
        return f"its system calls are known on {' and '.join(seccomp.MACHINES)} only"
    if kind == "bubblewrap":
        return None if shutil.which("bwrap") else "bubblewrap is not installed"
    needed = landlock.NEEDED_BY_ROOT if geteuid() == 0 else landlock.NEEDED
    if (here := landlock.version()) < needed:
        return f"the kernel has Landlock {here}, and {needed} is needed"
    return None
