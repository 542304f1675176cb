"""Corpora that a machine with this package already has: no download, the same call everywhere.

| name | text | size |
|---|---|---|
| `python-reference` | the prose of CPython's language reference (`pydoc_data.topics`) | 0.5 MB |
| `python-sources` | Python source files: the standard library, torch, scipy, sympy, numpy | 25 MB |
| `python-packages` | source files of packages that torch, JAX and Flax do not need | 24 MB |

The last one is text that no candidate of a design task can read: its sandbox holds Python, a
framework and what that framework needs, and nothing else. It is made of packages that every
installation of aira-dsl has, so that extras do not change it.

All differ a little between versions of Python and of these packages; a corpus is identified by the
hash of its text, so that scores on different texts are never mixed.
"""

import sysconfig
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from aira_dsl.data.text.files import read_documents
from aira_dsl.errors import InputError, UsageError

DEFAULT = "python-reference"

_SOURCES_BYTES = 24 << 20  # an evenly spread sample of about 90 MB: dividing it takes seconds
_PACKAGES = ("torch", "scipy", "sympy", "numpy")
_UNREACHABLE = (
    "alembic", "anthropic", "anyio", "click", "contourpy", "dateutil", "distro",
    "docstring_parser", "fontTools", "h11", "httpcore", "httpx", "idna", "lark", "mako",
    "matplotlib", "optuna", "PIL", "pydantic", "pyparsing", "sqlalchemy", "tqdm", "typer",
)  # fmt: skip
_LEFT_OUT = frozenset(("site-packages", "dist-packages", "test", "tests", "testing", "__pycache__"))


def _reference(max_bytes: int) -> Iterator[bytes]:
    """Yield the topics of Python's language reference, by name."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise UsageError(
            "E0618",
            "the default corpus, Python's own pydoc_data, is not part of this Python installation",
            help="name a corpus of .txt, .jsonl or .parquet files",
        ) from error
    for name in sorted(topics):
        yield topics[name].encode()


def _sources(max_bytes: int) -> Iterator[bytes]:
    """Yield source files of the standard library and of large packages."""
    yield from _sample([Path(sysconfig.get_path("stdlib")), *_folders(_PACKAGES)], max_bytes)


def _packages(max_bytes: int) -> Iterator[bytes]:
    """Yield source files of packages that the sandbox of a design task does not hold."""
    yield from _sample(_folders(_UNREACHABLE), max_bytes)


def package_documents(package: str, max_bytes: int) -> Iterator[bytes]:
    """Yield the source files of one package, none if it is not installed.

    Args:
        package: name of an import package.
        max_bytes: bytes of text to read at most.
    """
    yield from _sample(_folders([package]), max_bytes)


def _sample(folders: Iterable[Path], max_bytes: int) -> Iterator[bytes]:
    """Yield Python source files, each a document; what is not UTF-8 text is left out."""
    files = [file for folder in folders for file in sorted(_modules(folder))]
    total = sum(file.stat().st_size for file in files)
    share = min(1.0, min(max_bytes, _SOURCES_BYTES) / max(1, total))
    for file in files:
        try:
            yield from read_documents([file], max(1, int(share * file.stat().st_size)))
        except InputError:
            continue


def _folders(packages: Iterable[str]) -> Iterator[Path]:
    """Yield the folders of the packages that are installed."""
    for name in packages:
        found = find_spec(name)
        if found is not None and found.origin is not None:
            yield Path(found.origin).parent


def _modules(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*.py"):
        if not _LEFT_OUT & set(file.relative_to(folder).parts) and file.is_file():
            yield file


CORPORA: dict[str, Callable[[int], Iterator[bytes]]] = {
    "python-reference": _reference,
    "python-sources": _sources,
    "python-packages": _packages,
}
"""How to read each named corpus, given the bytes to read at most."""
