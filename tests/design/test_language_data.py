"""Data of language-modelling tasks: what is written, from bytes and from shards."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from aira_dsl.design.data import DataFolder
from aira_dsl.design.language_data import SHARDS_VARIABLE, write_bytes, write_shards
from aira_dsl.errors import InputError, UsageError

SHARDS = {
    "train_shards": 2,
    "validation_shard": 9,
    "vocab_size": 304,
    "bos": 300,
    "max_seq_len": 32,
    "eval_tokens": 320,
}


def folder(path: Path, seed: int = 0) -> DataFolder:
    data = DataFolder(path, seed)
    for place in (data.train, data.validation, data.test):
        place.mkdir(parents=True)
    return data


def documents(data: DataFolder) -> list[list[int]]:
    tokens = np.fromfile(data.train / "tokens.bin", np.uint16)
    ends = np.fromfile(data.train / "ends.bin", np.uint64).astype(int)
    assert ends[-1] == len(tokens)
    return [part.tolist() for part in np.split(tokens, ends[:-1])]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    lines = [
        f'{{"text": "Line {n * n} of a text about the number {n}, {n**3}."}}' for n in range(900)
    ]
    path = tmp_path / "text.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def bytes_of(text: Path, path: Path, seed: int) -> DataFolder:
    data = folder(path, seed)
    settings = {"corpus": text, "max_seq_len": 16, "bos": 256, "eval_tokens": 160}
    write_bytes(settings, data)
    return data


def test_bytes_are_rows_that_begin_with_bos(text: Path, tmp_path: Path) -> None:
    data = bytes_of(text, tmp_path / "data", 1)
    rows = documents(data)
    assert all(len(row) == 17 and row[0] == 256 and max(row[1:]) < 256 for row in rows)
    windows = np.load(data.validation / "windows.npy")
    assert windows.shape == (10, 17)
    assert (windows[:, 0] == 256).all()
    assert np.load(data.validation / "bytes.npy").tolist() == [1] * 256 + [0]
    together = b"".join(bytes(row[1:]) for row in rows)
    assert together.count(b"Line ") > 300


def test_the_seed_decides_which_text_is_scored(text: Path, tmp_path: Path) -> None:
    one, again, other = (
        bytes_of(text, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert documents(one) == documents(again)
    scored = [np.load(data.validation / "windows.npy").tolist() for data in (one, again, other)]
    assert scored[0] == scored[1] != scored[2]
    assert scored[0] != np.load(one.test / "windows.npy").tolist()


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write three shards of text with characters of one to four bytes."""
    random = np.random.default_rng(0)
    words = ["model", "naïve", "Zürich", "数据", "🙂", "the", "of", "1234", "größer", "data"]
    for number in (0, 1, 9):
        texts = [" ".join(random.choice(words, 40)) for _ in range(60)]
        parquet.write_table(pa.table({"text": texts}), tmp_path / f"shard_{number:05d}.parquet")
    monkeypatch.setenv(SHARDS_VARIABLE, str(tmp_path))
    return tmp_path


def test_tokens_count_with_their_raw_bytes(shards: Path, tmp_path: Path) -> None:
    data = folder(tmp_path / "data")
    write_shards(SHARDS, data)
    table = np.load(data.validation / "bytes.npy")
    texts = parquet.read_table(shards / "shard_00000.parquet")["text"].to_pylist()
    first = documents(data)[: len(texts)]
    assert [row[0] for row in first] == [300] * len(texts)
    assert [int(table[row].sum()) for row in first] == [len(each.encode()) for each in texts]
    assert table.shape == (304,)
    assert table[300:].tolist() == [0] * 4
    assert sorted(table[:300])[:256] == [1] * 256
    assert table[:300].max() > 3


def test_validation_and_test_are_different_rows_of_the_last_shard(
    shards: Path, tmp_path: Path
) -> None:
    data = folder(tmp_path / "data")
    write_shards(SHARDS, data)
    validation, test = (np.load(place / "windows.npy") for place in (data.validation, data.test))
    assert validation.shape == test.shape == (10, 33)
    assert (validation[:, 0] == 300).all()
    assert not {row.tobytes() for row in validation} & {row.tobytes() for row in test}


def test_missing_shards_are_named_with_the_folder_for_them(shards: Path, tmp_path: Path) -> None:
    (shards / "shard_00001.parquet").unlink()
    with pytest.raises(UsageError, match=r"lacks 1 of 3 shards: shard_00001.parquet") as caught:
        write_shards(SHARDS, folder(tmp_path / "data"))
    assert caught.value.code == "E1241"
    assert str(shards) in str(caught.value)
    assert SHARDS_VARIABLE in (caught.value.help or "")


def test_too_little_text_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tokens, not 5,000") as caught:
        write_shards({**SHARDS, "bos": 5_000}, folder(tmp_path / "vocabulary"))
    assert caught.value.code == "E1242"
    with pytest.raises(InputError, match="too little text for test"):
        write_shards({**SHARDS, "eval_tokens": 1 << 20}, folder(tmp_path / "windows"))
