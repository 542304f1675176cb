"""Checks of cores, memory, and of what torch and a compiler make of them."""

import os
import shutil
import sysconfig
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path

from aira_dsl.doctor.check import Check, Outcome
from aira_dsl.doctor.machine import Failed, Machine
from aira_dsl.utils.formatting import gib
from aira_dsl.utils.machine import available_cores, free_memory

_HEADERS = "and the headers of Python (Debian, Ubuntu: apt install g++ python3-dev)"


def _cores(machine: Machine) -> Outcome:
    found = f"{available_cores()} of {os.cpu_count()} (by affinity and container quota)"
    return Outcome("info", found)


def _memory(machine: Machine) -> Outcome:
    free = free_memory()
    return Outcome("info", "unknown" if free is None else f"{gib(free)} free")


def _torch(machine: Machine) -> Outcome:
    try:
        facts = machine.torch("torch")
    except Failed as failure:
        advice = "reinstall it: pip install --force-reinstall -c constraints.txt torch"
        return Outcome("broken", f"it cannot be imported: {failure}", advice)
    build = f"built for CUDA {facts['cuda']}" if facts["cuda"] else "built for CPUs"
    return Outcome("ok", f"torch {facts['version']}, {build}")


def _with_torch(look: Callable[[Machine], Outcome]) -> Callable[[Machine], Outcome]:
    """Report a part that depends on torch as unknown where torch does not work."""

    @wraps(look)
    def checked(machine: Machine) -> Outcome:
        try:
            machine.torch("torch")
        except Failed:
            return Outcome("broken", "unknown, since torch cannot be imported")
        return look(machine)

    return checked


@_with_torch
def _processor(machine: Machine) -> Outcome:
    facts = machine.torch("processor")
    units = ", ".join(facts["abilities"]) or "no vector unit known"
    return Outcome("info", f"{facts['processor']}: {units}")


@_with_torch
def _kernels(machine: Machine) -> Outcome:
    reason = machine.torch("missing kernels")
    if reason is None:
        return Outcome("ok", "built, and loaded")
    advice = "install a C++ compiler (Debian, Ubuntu: apt install g++), or name it in CXX"
    return Outcome("missing", reason, advice)


@_with_torch
def _precision(machine: Machine) -> Outcome:
    facts = machine.torch("precision")
    return Outcome("info", f"{facts['precision']} on {facts['device']}, which `auto` takes")


@_with_torch
def _gpu(machine: Machine) -> Outcome:
    if gpus := machine.torch("gpus"):
        names = ", ".join(f"{each['name']} ({gib(each['memory'])})" for each in gpus)
        return Outcome("ok", f"{names}, CUDA {machine.torch('torch')['cuda']}")
    if any(Path("/dev").glob("nvidia[0-9]*")):
        advice = "install a PyTorch with CUDA, and a driver that is new enough for it"
        return Outcome("broken", "there is one, and torch cannot use it", advice)
    return Outcome("missing", "none")


@_with_torch
def _compile(machine: Machine) -> Outcome:
    """Look for what torch.compile needs; it compiles nothing, which would take 20 seconds."""
    cuda = machine.torch("precision")["device"] == "cuda"
    given, usual = ("CC", ("gcc", "clang")) if cuda else ("CXX", ("g++",))
    compilers = [os.environ[given]] if os.environ.get(given) else usual
    lacking = [] if any(map(shutil.which, compilers)) else [f"a compiler ({', '.join(compilers)})"]
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        lacking.append("Python.h")
    if cuda and find_spec("triton") is None:
        lacking.append("triton")
    if lacking:
        advice = f"install {'triton, ' if 'triton' in lacking else ''}a C++ compiler {_HEADERS}"
        return Outcome("missing", f"torch.compile needs {', '.join(lacking)}", advice)
    return Outcome("ok", "its compiler and headers are there")


FACTS = (
    Check("cores", "fact", "the number of workers", _cores),
    Check("memory", "fact", "the number of workers", _memory),
)
CHECKS = (
    Check("torch", "needed", "everything but text and costs", _torch),
    Check("processor", "fact", "kernels and precision", _processor),
    Check("kernels", "optional", "training on CPUs, several times faster", _kernels),
    Check("precision", "fact", "scores: each precision has its own", _precision),
    Check("gpu", "optional", "training on a GPU", _gpu),
    Check("torch-compile", "optional", "training on a GPU, and code that uses it", _compile),
)
