"""The worked example: its script runs, and its page shows the commands of the script."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "examples/worked_example.sh"
PAGE = ROOT / "docs/worked_example.md"


def test_the_page_shows_the_space_of_the_example() -> None:
    (shown,) = re.findall(r"^```arch\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert (ROOT / "examples/worked_example.arch").read_text(encoding="utf-8").endswith(shown)


def test_the_page_shows_the_commands_of_the_script() -> None:
    commands = re.findall(r"^aira-dsl .*", SCRIPT.read_text(encoding="utf-8"), re.M)
    defaults = [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", command) for command in commands]
    plain = [each.replace('"', "").replace("$OUT", "runs/example") for each in defaults]
    text = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"^    \$ (aira-dsl .*)", text, re.M)
    assert [each for each in shown if each in plain] == plain


@pytest.mark.slow
@pytest.mark.skipif(find_spec("lm_eval") is None, reason="needs the extra lm-eval")
def test_the_script_goes_from_a_search_to_an_evaluation(tmp_path: Path) -> None:
    budgets = {
        "TRIALS": "6",
        "TRAIN": "--steps 4 --batch 2 --validation-tokens 2k",
        "QUESTIONS": "8",
    }
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([SCRIPT, tmp_path], check=True, env={**os.environ, **budgets, "PATH": commands})
    trained = json.loads((tmp_path / "trained/result.json").read_text(encoding="utf-8"))
    results = json.loads((tmp_path / "results/results.json").read_text(encoding="utf-8"))
    assert trained["steps"] == 4
    (task,) = results["tasks"]
    assert task["questions"] == 8
    assert results["fingerprint"] == trained["fingerprint"]
    assert results["check"]["difference"] < 1e-4
