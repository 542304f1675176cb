"""The wheel: one import package, complete, and it works from another folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_every_folder_with_an_init_file_is_in_the_list_of_packages() -> None:
    """A folder that is missing there works in a clone, and not where the package is installed."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        setuptools = tomllib.load(file)["tool"]["setuptools"]
    listed, places = setuptools["packages"], setuptools["package-dir"]
    inside = {name: path for name, path in places.items() if "." in name}
    folders = [path.parent.relative_to(ROOT) for path in ROOT.glob("aira_dsl/**/__init__.py")]
    expected = {".".join(folder.parts) for folder in folders} | inside.keys()
    missing, surplus = sorted(expected - set(listed)), sorted(set(listed) - expected)
    assert not missing, f"add to [tool.setuptools] packages in pyproject.toml: {missing}"
    assert not surplus, f"no folder with an __init__.py for these packages: {surplus}"
    assert listed == sorted(listed), "sort [tool.setuptools] packages in pyproject.toml"


@pytest.mark.slow
def test_the_wheel_installs_one_package_and_works_elsewhere(tmp_path: Path) -> None:
    source = tmp_path / "source"
    names = ("aira_dsl", "cli", "grammar", "pyproject.toml", "README.md", "LICENSE")
    for name in names:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name) if source.mkdir(exist_ok=True) is None else None
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    files = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in files if ".dist-info/" not in name}
    assert tops == {"aira_dsl"}
    expected = {
        f"aira_dsl/{path.relative_to(ROOT / 'aira_dsl')}" for path in ROOT.glob("aira_dsl/**/*.py")
    } | {f"aira_dsl/cli/{path.name}" for path in ROOT.glob("cli/*.py")}
    assert expected <= files
    assert {"aira_dsl/grammar/arch.lark", "aira_dsl/py.typed"} <= files

    # A clean environment, to which only the dependencies of this one are lent.
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "lent.pth").write_text(
        sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8"
    )

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(ROOT / "examples/airaformer_d.arch", elsewhere / "model.arch")
    (elsewhere / "tiny.arch").write_text(
        "space tiny { width 16; block M = mlp; block A = attention { heads 2 }; slots 2 }",
        encoding="utf-8",
    )
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {
        "AIRA_DSL_STORE": "store.db",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [environment / "bin/aira-dsl", *arguments], cwd=elsewhere, env=clean,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import aira_dsl, aira_dsl.cli; print(aira_dsl.__file__, aira_dsl.cli.__file__)"
    found = subprocess.run(
        [python, "-c", where], cwd=elsewhere, env=clean, capture_output=True, text=True, check=True
    ).stdout.split()
    assert all(Path(path).is_relative_to(site_packages) for path in found)

    assert "16 layers" in run("check", "model.arch")
    run("fmt", "--check", "model.arch")
    assert "43,046,721" in run("space")
    assert "load_model" in run("compile", "model.arch")
    assert "best" in run(
        "search", "tiny.arch", "--preset", "smoke", "--budget", "2", "--out", "run"
    )
    assert (elsewhere / "run/best.arch").exists()
