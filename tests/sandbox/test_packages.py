"""Installed packages can be hidden, except those that are listed."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from aira_dsl.sandbox import kinds, system
from aira_dsl.sandbox.process import run
from aira_dsl.sandbox.spec import Spec

NUMPY, YAML = (Path(module.__file__).parent for module in (np, yaml))
PROGRAM = """
import sys
for path in sys.argv[1:]:
    try:
        open(path).close()
        print("read")
    except OSError:
        print("refused")
"""


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
def test_only_listed_packages_can_be_read(kind):
    if (reason := kinds.obstacle(kind)) is not None:
        pytest.skip(reason)
    shown = [NUMPY / "__init__.py", YAML / "__init__.py", Path(json_path()), *of_the_system()]
    paths = [*shown, *by_another_name(YAML / "__init__.py")]
    argv = (str(system.PYTHON), "-I", "-S", "-c", PROGRAM)
    program = (*argv, *map(str, paths))
    result = run(Spec(program, read=(NUMPY,), all_packages=False), kind)
    expected = ["read", "refused", "read", *["refused"] * (len(paths) - 3)]
    assert result.stdout.decode().split() == expected
    result = run(Spec((*argv, *map(str, shown))), kind)
    assert result.stdout.decode().split() == ["read"] * len(shown)


def of_the_system():
    """Return a file of a package of the system's Python by two paths, if there is one."""
    found = next(Path("/usr/lib/python3/dist-packages").glob("*/__init__.py"), None)
    return [] if found is None else [found, Path("/lib") / found.relative_to("/usr/lib")]


def by_another_name(path):
    """Return the same file by the link `lib64` of a virtual environment, if there is one."""
    other = Path(str(path).replace("/lib/", "/lib64/", 1))
    return [other] if other.exists() else []


def json_path():
    return sys.modules["json"].__file__


def test_what_is_left_of_a_folder(tmp_path):
    for name in ("lib/python3/site-packages/a", "lib/python3/json", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib/python3/os.py").touch()
    (tmp_path / "lib64").symlink_to("lib")
    (tmp_path / "packages").symlink_to("lib/python3/site-packages/a")
    shown = list(system.without(tmp_path, [tmp_path / "lib/python3/site-packages"]))
    assert [(path.relative_to(tmp_path).as_posix(), whole) for path, whole in shown] == [
        (".", False),
        ("bin", True),
        ("lib", False),
        ("lib/python3", False),
        ("lib/python3/json", True),
        ("lib/python3/os.py", True),
    ]
