"""Data of the Long Range Arena as design tasks have them."""

from pathlib import Path

import numpy as np
import pytest

from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.listops_trees import CLOSE
from aira_dsl.design import lra_data
from aira_dsl.design.data import DataFolder
from aira_dsl.design.task import load_task

SETTINGS = ListOpsSettings(
    train=50, validation=20, test=20, max_depth=4, max_args=4, min_length=8, max_length=40
)


def written(root: Path, *, seed: int, renumbered: bool) -> dict[str, np.ndarray]:
    data = DataFolder(root, seed)
    for place in (data.train, data.validation, data.test):
        place.mkdir(parents=True)
    lra_data.write(SETTINGS, data, renumbered=renumbered)
    return {split: np.load(root / split / "inputs.npy") for split in ("train", "validation")}


def test_renumbered_tokens_are_the_same_text_in_every_split(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain", seed=5, renumbered=False)
    shuffled = written(tmp_path / "shuffled", seed=5, renumbered=True)
    pairs = {
        (before, after)
        for split, inputs in plain.items()
        for before, after in zip(inputs.flat, shuffled[split].flat, strict=True)
    }
    assert (0, 0) in pairs
    assert len({before for before, _ in pairs}) == len({after for _, after in pairs}) == len(pairs)
    assert any(before != after for before, after in pairs)


def test_numbers_of_listops_tokens_depend_on_the_seed_of_the_data(tmp_path: Path) -> None:
    last = []
    for seed in (1, 2, 3):
        inputs = written(tmp_path / str(seed), seed=seed, renumbered=True)["train"]
        last.append({int(row[row > 0][-1]) for row in inputs})
    assert all(len(numbers) == 1 for numbers in last)  # every expression ends with a bracket
    assert last != [{CLOSE}] * 3


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_task_renumbers(split: str, tmp_path: Path) -> None:
    task = load_task("lra_listops")
    cpu = task.size("cpu")
    few = {**cpu.settings["data"], "train": 20, "validation": 20, "test": 20}
    data = DataFolder(tmp_path, 3)
    for place in (data.train, data.validation, data.test):
        place.mkdir()
    short = cpu.model_copy(update={"settings": {**cpu.settings, "data": few}})
    task.function("prepare.py", "prepare")(short, data)
    inputs = np.load(data.split(split) / "inputs.npy")
    assert {int(row[row > 0][-1]) for row in inputs} != {CLOSE}
