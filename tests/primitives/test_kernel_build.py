"""The kernels' library: built once, kept, rebuilt when damaged; and life without a compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aira_dsl.errors import UsageError
from aira_dsl.models.accelerate import Unavailable, missing_kernels
from aira_dsl.primitives.kernels import build as kernel_build
from aira_dsl.primitives.kernels.build import build, load

FLAGS = ("-O0",)

needs_compiler = pytest.mark.skipif(missing_kernels() is not None, reason=str(missing_kernels()))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of our own, for a library that compiles at once; test_kernels builds ours."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = 'extern "C" int answer() { return 42; }\n'
    monkeypatch.setattr(kernel_build, "_sources", lambda: {"kernels.cpp": source})
    return tmp_path / "aira-dsl" / "kernels"


def compiler(folder: Path, script: str) -> str:
    """Return a compiler that does what a shell script says."""
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@needs_compiler
def test_built_once_and_rebuilt_when_damaged(cache: Path) -> None:
    path = build(FLAGS)
    first = path.stat().st_mtime_ns
    assert build(FLAGS) == path
    assert path.stat().st_mtime_ns == first
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])  # loading this would kill the process
    assert load(build(FLAGS)).answer() == 42
    assert path.read_bytes() == content
    path.with_suffix(".sha256").unlink()
    load(build(FLAGS))


@needs_compiler
def test_another_processor_compiler_or_source_gets_its_own(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {build(FLAGS), build((*FLAGS, "-DAIRA_PORTABLE=8"))}
    with monkeypatch.context() as patch:
        patch.setattr(kernel_build, "_processor", lambda: "another machine on the same home folder")
        paths.add(build(FLAGS))
    with monkeypatch.context() as patch:
        real = kernel_build._sources()
        patch.setattr(kernel_build, "_sources", lambda: {**real, "note.hpp": "// new version"})
        paths.add(build(FLAGS))
    real_compiler = kernel_build._find_compiler()
    wrapper = f'[ "$1" = --version ] && echo other && exit; exec {real_compiler} "$@"'
    monkeypatch.setenv("CXX", compiler(tmp_path, wrapper))
    paths.add(build(FLAGS))
    assert len(paths) == 5
    assert {path for path in cache.iterdir() if path.suffix == ".so"} == paths


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "failed: exit code 3"),
        ('[ "$1" = --version ] || { echo "x.cpp:1: error: bad day" >&2; exit 1; }', "bad day"),
        ('[ "$1" = --version ] || kill -9 $$', "failed: exit code -9"),
    ],
)
def test_a_compiler_that_fails(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    monkeypatch.setenv("CXX", compiler(tmp_path, script))
    with pytest.raises(Unavailable, match=words):
        build(FLAGS)
    assert not cache.exists() or not list(cache.iterdir())


def test_no_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match=r"no C\+\+ compiler"):
        build(FLAGS)


@needs_compiler
def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aira-dsl").write_text("a file where the folder should be", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(Unavailable, match="cannot be written"):
        build(FLAGS)


def test_file_that_is_not_a_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(b"not ELF")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        load(tmp_path / "x.so")


@pytest.mark.slow
def test_without_a_compiler_models_run_as_they_are(tmp_path: Path) -> None:
    """In a process of its own, since the kernels are looked for once a process."""
    program = """
import torch
from aira_dsl import Architecture
from aira_dsl.models import LanguageModel, build
from aira_dsl.models.accelerate import accelerate, choose_precision, missing_kernels
from aira_dsl.errors import UsageError
from aira_dsl.primitives import MLP

assert "no C++ compiler" in missing_kernels()
assert choose_precision() == "fp32"
model = build(Architecture(width=16, vocab=8, blocks={"M": MLP(hidden=8)}, layers=("M",)))
assert accelerate(model, "fp32") is model
try:
    choose_precision("bf16")
except UsageError as error:
    print(error.code)
"""
    environment = {**os.environ, "PATH": "/nowhere", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "E0631\n"


def test_kernels_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from aira_dsl.models.accelerate import choose_precision

    monkeypatch.setenv("AIRA_DSL_KERNELS", "off")
    assert choose_precision() == "fp32"
    with pytest.raises(UsageError, match="switched off by AIRA_DSL_KERNELS"):
        choose_precision("bf16")
