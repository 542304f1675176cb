"""CPU seconds of reading: the command, large files, a thousand texts.

python benchmarks/language.py
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aira_dsl.language import check, parse, render_all
from aira_dsl.space import Space

LINES = 2000
TEXT = """
architecture candidate {{
  width 128
  block A  = attention {{ heads 16, kv_heads 16, rope 10_000 }}
  block M  = mlp       {{ hidden 258, activation relu }}
  block Mb = mamba2    {{ inner 160, state 4, head_dim 32, conv 4 }}
  layers {}
}}
"""
HEAD = "architecture large {\n  block A = attention\n  block M = mlp\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        of_the_command(Path(folder))
    in_the_process()
    thousands()


def of_the_command(folder: Path) -> None:
    """Measure `aira-dsl check` from start to end, the least of five runs."""
    small = command(folder, "small", lambda i: "", last="layers 5×(2A-M)-A")
    print(f"aira-dsl check, a small file: {small:.2f} s")
    for name, line in LARGE.items():
        taken = command(folder, name, line)
        print(f"aira-dsl check, {LINES:,} lines, {name}: {taken:.2f} s ({taken - small:+.2f} s)")
    (folder / "base.arch").write_text(large(LARGE["definitions"]), encoding="utf-8")
    taken = command(
        folder, "extends", lambda i: "", head='architecture x {\n  extends "base.arch"\n'
    )
    print(
        f"aira-dsl check, extends a file of {LINES:,} lines: {taken:.2f} s ({taken - small:+.2f} s)"
    )
    text = HEAD + "  layers A-M\n}\n"
    text += "".join(f"scale s{i} {{\n  width {i * 32}\n}}\n" for i in range(1, LINES // 3))
    taken = timed(folder, "scales", text)
    print(f"aira-dsl check, {LINES:,} lines of scales: {taken:.2f} s ({taken - small:+.2f} s)")


LARGE: dict[str, Callable[[int], str]] = {
    "definitions": lambda i: f"  block B{i} = mlp {{ hidden {i + 1} }}\n",
    "overrides": lambda i: f"  layer {i + 1} {{ heads 8 }}\n",
    "one error a line": lambda i: f"  block B{i} = mlp {{ hiden {i} }}\n",
    "one syntax error a line": lambda i: f"  block B{i} = mlp {{ hidden = {i} }}\n",
    "undefined names": lambda i: f"  pattern P{i} = A-X{i}\n",
    "brackets never closed": lambda i: f"  block B{i} = mlp {{ hidden {i}{' }' * (i > 60)}\n",
    "warnings": lambda i: f"  pattern P{i} = A-M\n",
}


def large(line: Callable[[int], str], head: str = HEAD, last: str = f"layers {LINES}×A") -> str:
    return head + "".join(map(line, range(LINES))) + f"  {last}\n}}\n"


def command(folder: Path, name: str, line: Callable[[int], str], **parts: str) -> float:
    return timed(folder, name, large(line, **parts))


def timed(folder: Path, name: str, text: str) -> float:
    path = folder / f"{name.replace(' ', '_')}.arch"
    path.write_text(text, encoding="utf-8")
    runs = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "aira_dsl", "check", path],
            env={**os.environ, "AIRA_DSL_ROOT": str(folder)}, capture_output=True, check=False,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        runs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(runs)


def in_the_process() -> None:
    """Measure finding 1,000 diagnostics and drawing them."""
    text = large(LARGE["one error a line"])
    check(text)
    started = time.process_time()
    found = check(text)
    checked = time.process_time()
    render_all(found, text)
    print(f"{len(found):,} diagnostics found: {checked - started:.2f} s of CPU")
    print(f"20 of them drawn: {time.process_time() - checked:.3f} s of CPU")


def thousands() -> None:
    """Measure a thousand texts, and a million arrangements."""
    space = Space.default()
    texts = [TEXT.format("-".join(layers)) for layers in space.sample(1000, seed=0)]
    parse(texts[0])  # the parser is built once

    started = time.process_time()
    for text in texts:
        check(text)
    fingerprints = {parse(text).fingerprint for text in texts}
    print(
        f"1,000 texts checked, parsed, fingerprinted: {time.process_time() - started:.2f} s of CPU"
    )
    assert len(fingerprints) == 1000

    indices = np.random.default_rng(0).integers(space.size, size=1_000_000)
    started = time.process_time()
    digits = space.digits(indices)
    unranked = time.process_time()
    assert (space.indices(digits) == indices).all()
    ranked = time.process_time()
    print(f"1,000,000 arrangements unranked: {unranked - started:.2f} s of CPU")
    print(f"1,000,000 arrangements ranked: {ranked - unranked:.2f} s of CPU")


if __name__ == "__main__":
    main()
