"""Presets as values: their identity, and what importing them costs."""

import subprocess
import sys
from pathlib import Path

from aira_dsl.evaluation.presets import preset_settings

LIGHT = ("evaluation.pool", "evaluation.table_evaluator", "jobs.local", "testing.evaluator")


def test_presets_differ_in_identity_and_a_corpus_counts_by_its_content(tmp_path: Path) -> None:
    identities = {preset_settings(name).identity() for name in ("smoke", "cpu", "paper")}
    assert len(identities) == 3

    def identity_of(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return preset_settings("smoke", objective="language", corpus=[tmp_path / name]).identity()

    sheep = "".join(f"{number} sheep\n" for number in range(900))
    assert identity_of("a.txt", sheep) == identity_of("b.txt", sheep)
    assert identity_of("a.txt", sheep) != identity_of("a.txt", sheep.replace("sheep", "goats"))


def test_a_new_task_does_not_change_the_presets() -> None:
    """Scores in stores and run folders belong to an identity; new sizes need a new preset."""
    presets = ("smoke", "cpu", "long", "paper")
    assert {name: preset_settings(name, precision="fp32").identity() for name in presets} == {
        "smoke": "593ab74592eb951e",
        "cpu": "486c280deb4780d6",
        "long": "aad3ca8f4cbf902b",
        "paper": "415d994c774527ed",
    }
    assert tuple(run.task.name for run in preset_settings("paper", precision="fp32").runs) == (
        "in-context-recall",
        "noisy-in-context-recall",
        "fuzzy-in-context-recall",
        "memorization",
        "compression",
        "selective-copying",
    )


def test_naming_a_preset_and_reading_a_result_need_no_torch() -> None:
    imports = "\n".join(f"import aira_dsl.{module}" for module in LIGHT)
    code = (
        f"import sys\n{imports}\n"
        "from aira_dsl.evaluation.evaluator import Evaluator, code_version\n"
        "from aira_dsl.evaluation.presets import preset_settings\n"
        "code_version(), Evaluator(preset_settings('cpu', precision='fp32')).identity\n"
        "print(sorted({'torch', 'optuna', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
