"""What messages tell users to install."""

import re
import shlex
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from aira_dsl.utils import extras

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!]", each)[0] for each in requirements}


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"test"}))
def test_the_command_names_the_packages_of_the_extra(extra: str) -> None:
    words = shlex.split(extras.install_command(extra))
    assert words[:2] == ["pip", "install"]
    assert names(words[2:]) == names(EXTRAS[extra])


def test_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "requires", missing)
    assert extras.install_command("lsp") == "pip install -e '.[lsp]' in the checkout of aira-dsl"


def test_nothing_tells_users_to_install_from_an_index() -> None:
    """aira-dsl is not on PyPI; another package could take its name."""
    folders = ("aira_dsl", "cli", "docs", "grammar", "README.md")
    pages = [path for each in folders for path in [ROOT / each, *(ROOT / each).rglob("*.*")]]
    texts = [path for path in pages if path.suffix in {".py", ".md", ".toml", ".json"}]
    wrong = [
        path.name
        for path in texts
        if re.search(r"install '?aira-dsl", path.read_text(encoding="utf-8"))
    ]
    assert texts
    assert wrong == []
