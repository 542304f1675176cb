"""metadata.yaml of a task: what is wrong is said with its place."""

import shutil
from pathlib import Path

import pytest

from aira_dsl.design.task import load_task
from aira_dsl.errors import InputError

WORDS = Path(__file__).parent / "tasks" / "words"


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the test task that can be changed."""
    return Path(shutil.copytree(WORDS, tmp_path / "task"))


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("direction: minimize", "direction: down", "direction"),
        ("training_seconds: 60.0", "training_seconds: -1", "sizes.tiny.training_seconds"),
        ("training_seconds: 60.0", "train_seconds: 1", "sizes.tiny.training_seconds"),
        ("memory_mib: 512", "memory_mib: 99999999999", "sizes.tiny.memory_mib"),
        ("vocabulary: 16", "vocabulary: 2026-01-01", "sizes.tiny.settings"),
        ("[train.py]", "[../train.py]", "candidate.files.0"),
        ("name: words", "name: Two words", "name"),
        ("name: words", "name: [", "not YAML"),
        ("name: words", "name: 2026-02-30", "not YAML"),
        ("name: words", "name: words\nname: other", "not YAML: `name` twice, in lines 1 and 2"),
        ("name: words", "name: " + "9" * 5000, "not YAML"),
        ("vocabulary: 16", "vocabulary: .nan", "sizes.tiny.settings"),
        ("vocabulary: 16", "vocabulary: " + "x" * 40_000, "the limit is 32,768"),
        ("optimum: 0.0", "optimum: .nan", "optimum"),
        ("chance: 4.0", "chance: .inf", "chance"),
    ],
)
def test_wrong_metadata_are_refused_with_their_place(folder, old, new, place):
    path = folder / "metadata.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_task(folder)
    assert caught.value.code == "E1203"
    assert place in caught.value.message


@pytest.mark.parametrize("text", ["", "- a", "[" * 20_000])
def test_metadata_that_are_not_fields_are_refused(folder, text):
    (folder / "metadata.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_task(folder)
    assert caught.value.code == "E1203"
    assert "metadata.yaml" in caught.value.message
