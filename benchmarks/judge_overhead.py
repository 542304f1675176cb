"""Measures what the sandbox and the judge add to a candidate.

    python benchmarks/judge_overhead.py

The candidate computes nothing: it answers every request with the same logits, for as many tokens
and as large a vocabulary as size `cpu` of the task autoresearch has. So the time of its judgement
is that of Python's start, the sandbox, the channel and the judge.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge import packages
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import load_task
from aira_dsl.sandbox import kinds

REPEATS = 7
VOCABULARY, LENGTH, BATCH, WINDOWS = 257, 256, 32, 1024

METADATA = f"""
name: overhead
title: A candidate that computes nothing
metric: bits per byte
direction: minimize
frameworks: [torch]
candidate: {{files: [train.py]}}
sizes:
  cpu:
    training_seconds: 10
    settings: {{vocabulary: {VOCABULARY}, length: {LENGTH}, batch: {BATCH}}}
"""
PREPARE = f"""
import numpy as np

def prepare(size, data):
    text = np.random.default_rng(0).integers(256, size={WINDOWS * LENGTH + 1}, dtype=np.uint16)
    for folder in (data.train, data.validation):
        (folder / "tokens.bin").write_bytes(text.tobytes())
"""
TRAIN = f"""
import numpy as np
import prepare

class Model:
    weights = {{"one": np.zeros(1, np.float32)}}
    logits = np.zeros(({BATCH}, {LENGTH}, {VOCABULARY}), np.float32)

    def __call__(self, tokens):
        return self.logits

run = prepare.start(Model())
run.finish()
"""


def main() -> None:
    """Measure and print one line for each kind of sandbox."""
    words = Path(__file__).parent.parent / "tests/design/tasks/words"
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        folder = place / "task"
        shutil.copytree(words, folder)
        (folder / "metadata.yaml").write_text(METADATA, encoding="utf-8")
        (folder / "prepare.py").write_text(PREPARE, encoding="utf-8")
        task = load_task(folder)
        data = prepare_data(task, "cpu", root=place / "data")
        candidate = Candidate({"train.py": TRAIN})
        print(f"python and numpy by themselves: start {_bare_start(place):.3f} s")
        for kind, obstacle in kinds.available_kinds().items():
            if obstacle is None:
                _measure(JudgeRequest(task, "cpu", candidate, data, kind))


def _bare_start(place: Path) -> float:
    library = place / "library"
    library.mkdir()
    packages.link("numpy", library)
    program = f"import sys; sys.path.append({str(library)!r}); import numpy"
    argv = [sys.executable, "-I", "-S", "-c", program]
    return median(_seconds(lambda: subprocess.run(argv, check=True)) for _ in range(REPEATS))


def _measure(request: JudgeRequest) -> None:
    judgements = [judge(request) for _ in range(REPEATS)]
    assert all(each.valid for each in judgements), judgements[0].message

    def middle(fact: str) -> float:
        return median(float(each.facts[fact] or 0) for each in judgements)

    start, total = middle("startup_seconds"), median(each.seconds for each in judgements)
    own = total - 3 * start
    print(
        f"{request.kind:10s} start {start:.3f} s; waiting for {WINDOWS * LENGTH:,} tokens "
        f"{middle('scoring_seconds'):.2f} s; all but three starts {own:.2f} s, "
        f"{100 * own / 60:.1f} % of a 60 s candidate"
    )


def _seconds(function) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
