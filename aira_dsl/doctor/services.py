"""Checks of sandboxes, of a PostgreSQL server, and of API keys: their names, never a value."""

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from aira_dsl.doctor.check import Check, Outcome
from aira_dsl.doctor.machine import Machine
from aira_dsl.sandbox.spec import Kind

KEYS = {
    "anthropic-key": (("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), "--proposer anthropic"),
    "openai-key": (("OPENAI_API_KEY",), "--model openai:…"),
    "google-key": (("GOOGLE_API_KEY", "GEMINI_API_KEY"), "--model google:…"),
    "openrouter-key": (("OPENROUTER_API_KEY",), "--model openrouter:…"),
}
"""Checks of API keys: the variables of which one is enough, and what it is needed for."""

_SANDBOX_ADVICE: dict[Kind, str] = {
    "bubblewrap": "install bubblewrap (Debian, Ubuntu: apt install bubblewrap); user namespaces "
    "must be allowed, in a container by those who start it",
    "landlock": "use Linux 6.12 or later (as root 5.19) with Landlock among its security modules",
}


def _sandbox(machine: Machine) -> Outcome:
    from aira_dsl.errors import UsageError
    from aira_dsl.sandbox.kinds import choose

    try:
        return Outcome("ok", f"{choose('auto')}, which `auto` takes")
    except UsageError as error:
        return Outcome("missing", error.message, error.help or "")


def _sandbox_kind(kind: Kind, machine: Machine) -> Outcome:
    from aira_dsl.sandbox.kinds import obstacle

    reason = obstacle(kind)
    if reason is None:
        return Outcome("ok", "a program has run in it")
    return Outcome("missing", reason, _SANDBOX_ADVICE[kind])


def _server(machine: Machine) -> Outcome:
    found = shutil.which("postgres") or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)), None
    )
    return Outcome("info", found or "not on this machine; a search needs one that it can reach")


def _key(variables: Sequence[str], machine: Machine) -> Outcome:
    present = [name for name in variables if os.environ.get(name)]
    if present:
        return Outcome("ok", " and ".join(f"{name} is set" for name in present))
    missing = " and ".join(f"{name} is not set" for name in variables)
    return Outcome("missing", missing, f"export {variables[0]}=…")


_KIND = "a choice of sandbox"
SANDBOXES = (
    Check("sandbox", "optional", "foreign code: what a language model wrote", _sandbox),
    Check("bubblewrap", "optional", _KIND, partial(_sandbox_kind, "bubblewrap")),
    Check("landlock", "optional", _KIND, partial(_sandbox_kind, "landlock")),
)
CHECKS = (
    Check("postgresql-server", "fact", "searches on several machines", _server),
    *(
        Check(name, "optional", needed_for, partial(_key, variables))
        for name, (variables, needed_for) in KEYS.items()
    ),
)
