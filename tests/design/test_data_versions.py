"""Data that are kept are used for as long as the version of the code that makes them is the same.

A change that makes other data of the same settings and seed must raise the version, and record the
digest of the new data here.
"""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from aira_dsl.data.lra import settings as lra_settings
from aira_dsl.data.lra.image import ImageSettings
from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.pathfinder import PathfinderSettings
from aira_dsl.design import language_data, lra_data
from aira_dsl.design.data import DataFolder
from aira_dsl.design.task import load_task, task_names

COUNTS = {"train": 40, "validation": 20, "test": 20}
LRA = {
    "listops": ListOpsSettings(**COUNTS, max_depth=4, max_args=4, min_length=8, max_length=40),
    "pathfinder": PathfinderSettings(**COUNTS),
    "image": ImageSettings(**COUNTS, source="stand-in"),
}
LRA_RECORDED = {
    "listops": (1, "2e723b5a91d5957d"),
    "pathfinder": (1, "694ef9f0bfafaa76"),
    "image": (1, "ac18d85109ddf945"),
}
LANGUAGE_RECORDED = {"bytes": (1, "b7c643a40a26e2de"), "bpe": (1, "36373a2620f915e9")}


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "made", 3)
    for place in (folder.train, folder.validation, folder.test):
        place.mkdir(parents=True)
    return folder


def digest(data: DataFolder) -> str:
    """Return a hash of all files of a folder."""
    files = sorted(path for path in data.path.rglob("*") if path.is_file())
    parts = [path.name.encode() + path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


@pytest.mark.parametrize("name", LRA)
def test_examples_are_those_of_the_version(name: str, data: DataFolder) -> None:
    lra_data.write(LRA[name].model_copy(update={"seed": data.seed}), data, renumbered=True)
    assert (lra_settings.VERSION, digest(data)) == LRA_RECORDED[name], "see the top of this file"


@pytest.mark.parametrize("name", ["bytes", "bpe"])
def test_tokens_are_those_of_the_version(
    name: str, data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"Line {n * n} of a text about the number {n}, {n**3}." for n in range(600)]
    if name == "bytes":
        path = tmp_path / "text.txt"
        path.write_text("\n".join(texts), encoding="utf-8")
        settings = {"corpus": str(path), "max_seq_len": 16, "bos": 256, "eval_tokens": 160}
        language_data.write_bytes(settings, data)
    else:
        monkeypatch.setenv(language_data.SHARDS_VARIABLE, str(tmp_path))
        for number in (0, 1):
            table = pa.table({"text": texts[number::2]})
            parquet.write_table(table, tmp_path / f"shard_{number:05d}.parquet")
        settings = {"train_shards": 1, "validation_shard": 1, "vocab_size": 304, "bos": 300}
        language_data.write_shards({**settings, "max_seq_len": 32, "eval_tokens": 320}, data)
    assert (language_data.VERSION, digest(data)) == LANGUAGE_RECORDED[name], "see the top"


@pytest.mark.parametrize("name", task_names())
def test_the_data_of_every_task_depend_on_a_version(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_task(name)
    made_from = task.module("prepare.py").made_from
    before = made_from(task.size("cpu"))
    monkeypatch.setattr(lra_data, "VERSION", 1_000)
    monkeypatch.setattr(language_data, "VERSION", 1_000)
    assert made_from(task.size("cpu")) != before


def test_a_text_of_ones_own_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"tokenizer": "bytes", "corpus": str(tmp_path)}
    assert tmp_path in language_data.made_from(settings)
    monkeypatch.setenv(language_data.SHARDS_VARIABLE, str(tmp_path))
    shards = [tmp_path / "shard_00000.parquet", tmp_path / "shard_00007.parquet"]
    for path in shards:
        path.touch()
    settings = {"tokenizer": "bpe", "train_shards": 1, "validation_shard": 7}
    assert language_data.made_from(settings)[1:] == shards
