"""What a candidate may import: the standard library, one framework with all it needs, the harness.

The sandbox shows no folder of installed packages as a whole. Those that are allowed are listed
here, and a folder of links to them becomes the candidate's `sys.path`.
"""

import re
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from aira_dsl.design import harness
from aira_dsl.design.metadata import Framework
from aira_dsl.errors import UsageError

_ROOTS: dict[Framework, tuple[str, ...]] = {
    "numpy": ("numpy", "safetensors"),
    "torch": ("torch", "numpy", "safetensors"),
    "jax": ("jax", "flax", "optax", "numpy", "safetensors"),
}
_HARNESS = Path(*harness.__name__.split("."))
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@lru_cache
def allowed(framework: Framework) -> tuple[Path, ...]:
    """Return the files and folders of all packages that a candidate may import.

    Raises:
        UsageError: E1209, the framework is not installed.
    """
    found: dict[str, Distribution] = {}
    pending = list(_ROOTS[framework])
    try:
        for name in _ROOTS[framework]:
            distribution(name)
    except PackageNotFoundError as error:
        raise UsageError(
            "E1209",
            f"the candidate needs {framework}, and the package {error.name} is not installed",
            help="install jax, flax and optax" if framework == "jax" else "install it",
        ) from None
    while pending:
        name = pending.pop()
        if name not in found and (package := _installed(name)) is not None:
            found[name] = package
            pending += _required(package)
    return tuple(sorted(path for package in found.values() for path in _places(package)))


def link(framework: Framework, folder: Path) -> tuple[Path, ...]:
    """Fill a folder with links to what a candidate may import; return where they lead."""
    packages = allowed(framework)
    for path in packages:
        (folder / path.name).symlink_to(path)
    ours = Path(*harness.__path__).resolve()
    (folder / _HARNESS.parent).mkdir(parents=True)
    (folder / _HARNESS).symlink_to(ours)
    return (*packages, ours)


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:  # for another platform, or for an extra
        return None


def _required(package: Distribution) -> list[str]:
    """Return the names of what a package needs; those for its extras are left out."""
    lines = [line for line in package.requires or () if "extra ==" not in line]
    return [match.group().lower() for line in lines if (match := _NAME.match(line)) is not None]


def _places(package: Distribution) -> set[Path]:
    """Return what a package has in the folder where it is installed."""
    top = {
        file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")
    }
    places = {Path(str(package.locate_file(name))).resolve() for name in top}
    return {place for place in places if place.exists() and place.suffix != ".pth"}
