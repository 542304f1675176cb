"""The fuzzer runs; how long it is let run is up to a person (see fuzz_language.py)."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "fuzz_language.py"


@pytest.mark.slow
def test_a_few_hundred_inputs(tmp_path):
    pytest.importorskip("atheris")
    done = subprocess.run(
        [sys.executable, PROGRAM, "-runs=800", "-seed=1"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(tmp_path.glob("crash-*"))
