"""Prepared data: what a candidate may see, what is found again, and what is damaged."""

import json
from pathlib import Path

import numpy as np
import pytest

from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.prepared import prepare, read_prepared
from aira_dsl.errors import AiraError, InputError, RunError

SMALL = ListOpsSettings(
    train=30, validation=20, test=10, max_depth=6, max_args=5, min_length=20, max_length=100
)


def refused(folder: Path) -> AiraError:
    with pytest.raises(AiraError) as caught:
        read_prepared(folder)
    return caught.value


def test_splits_come_back_as_they_were_made(tmp_path):
    data = prepare(SMALL, root=tmp_path)
    for name, made in SMALL.splits():
        read = data.split(name)
        assert np.array_equal(read.inputs, made.inputs)
        assert np.array_equal(read.lengths, made.lengths)
        assert np.array_equal(read.labels, made.labels)


def test_folders_for_candidates_hold_no_label_that_is_scored(tmp_path):
    data = prepare(SMALL, root=tmp_path)
    names = {s: {p.name for p in data.shown(s).rglob("*")} for s in ("train", "validation", "test")}
    assert names["train"] == {"inputs.npy", "lengths.npy", "labels.npy"}
    assert names["validation"] == names["test"] == {"inputs.npy", "lengths.npy"}


def test_the_manifest_says_what_the_data_are(tmp_path):
    manifest = prepare(SMALL, root=tmp_path).manifest
    assert (manifest.task, manifest.source, manifest.seed) == ("listops", "generated", 0)
    assert (manifest.vocabulary, manifest.classes, manifest.positions) == (16, 10, 99)
    assert manifest.examples == {"train": 30, "validation": 20, "test": 10}
    assert manifest.identity["max_args"] == 5


def test_data_are_made_once(tmp_path):
    folder = prepare(SMALL, root=tmp_path).folder
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert prepare(SMALL, root=tmp_path).folder == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    other = prepare(SMALL.model_copy(update={"seed": 1}), root=tmp_path)
    assert other.folder != folder
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "name", ["train/inputs.npy", "test/lengths.npy", "answers/validation/labels.npy"]
)
def test_a_damaged_file_is_named(tmp_path, name):
    folder = prepare(SMALL, root=tmp_path).folder
    path = folder / name
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert (
        f"{path}: it has {len(data) - 1:,} bytes instead of {len(data):,}"
        in refused(folder).message
    )
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    error = refused(folder)
    assert (error.code, error.message[-21:]) == ("E0651", "its checksum is wrong")
    assert str(folder) in str(error.help)
    path.unlink()
    assert "No such file" in refused(folder).message


def test_a_damaged_manifest_is_refused(tmp_path):
    folder = prepare(SMALL, root=tmp_path).folder
    path = folder / "manifest.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["content"]["classes"] = 2
    path.write_text(json.dumps(record), encoding="utf-8")
    assert refused(folder).code == "E0641"
    path.unlink()
    assert refused(folder).code == "E0644"


def test_nothing_remains_of_data_that_could_not_be_made(tmp_path):
    tiny = {"max_depth": 2, "max_args": 2, "min_length": 3, "max_length": 5}
    with pytest.raises(InputError):
        prepare(ListOpsSettings(train=500, validation=1, test=1, **tiny), root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError) as caught:
        prepare(SMALL, root=tmp_path / "file")
    assert caught.value.code == "E0904"
