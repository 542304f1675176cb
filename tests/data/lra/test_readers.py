"""Data sets in the layouts that people have: read, missing, cut short, of another layout."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from pydantic import ValidationError

from aira_dsl.data.lra.image import ImageSettings
from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.listops_trees import TEXTS
from aira_dsl.data.lra.pathfinder import PathfinderSettings
from aira_dsl.data.lra.retrieval import RetrievalSettings
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.split import Split
from aira_dsl.data.lra.text import TextSettings
from aira_dsl.errors import AiraError

COUNTS = {"train": 4, "validation": 2, "test": 3}


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRA_DSL_LRA", str(tmp_path))


def splits(settings: LraSettings) -> dict[str, Split]:
    return dict(settings.splits())


def refused(settings: LraSettings) -> AiraError:
    with pytest.raises(AiraError) as caught:
        splits(settings)
    return caught.value


def texts(split: Split) -> list[str]:
    return [
        bytes(row[:length]).decode()
        for row, length in zip(split.inputs, split.lengths, strict=True)
    ]


def write_imdb(root: Path) -> Path:
    for half in ("train", "test"):
        for sentiment in ("pos", "neg"):
            folder = root / "aclImdb" / half / sentiment
            folder.mkdir(parents=True)
            for number in range(4):
                (folder / f"{number}_7.txt").write_text(f"{half} {sentiment} {number}\0", "utf-8")
    return root / "aclImdb"


def write_parquet(root: Path) -> Path:
    (root / "plain_text").mkdir()
    for half in ("train", "test"):
        rows = {
            "text": [f"{half} {('neg', 'pos')[n % 2]} {n}\0" for n in range(8)],
            "label": [n % 2 for n in range(8)],
        }
        parquet.write_table(pa.table(rows), root / "plain_text" / f"{half}-00000-of-00001.parquet")
    return root / "plain_text"


@pytest.mark.parametrize("write", [write_imdb, write_parquet])
def test_imdb_is_read_from_both_layouts(tmp_path, write):
    write(tmp_path)
    read = splits(TextSettings(**COUNTS, length=32))
    every = [text for split in read.values() for text in texts(split)]
    assert len(set(every)) == 9
    for name, split in read.items():
        half = "test" if name == "test" else "train"
        for text, label in zip(texts(split), split.labels, strict=True):
            assert text.startswith(f"{half} {('neg', 'pos')[label]} ")
            assert text.endswith(" ")  # a NUL would be padding
    assert texts(splits(TextSettings(**COUNTS, length=16, seed=1))["train"]) != every[:4]


def test_imdb_that_is_missing_says_where_to_put_it(tmp_path):
    error = refused(TextSettings(**COUNTS))
    assert (error.code, error.exit_code) == ("E0652", 2)
    assert f"{tmp_path}/aclImdb or {tmp_path}/plain_text is missing" in error.message
    (tmp_path / "aclImdb/train").mkdir(parents=True)
    assert f"{tmp_path}/aclImdb/train/neg is missing" in refused(TextSettings(**COUNTS)).message


def test_imdb_with_too_few_or_empty_reviews_is_refused(tmp_path):
    folder = write_imdb(tmp_path)
    error = refused(TextSettings(train=8, validation=1, test=1))
    assert (error.code, "8 examples, fewer than the 9" in error.message) == ("E0611", True)
    (folder / "train/pos/0_7.txt").write_bytes(b"")
    error = refused(TextSettings(**COUNTS))
    assert (error.code, "0_7.txt cannot be used: it is empty" in error.message) == ("E0653", True)


def test_parquet_of_another_kind_is_refused(tmp_path):
    file = write_parquet(tmp_path) / "train-00000-of-00001.parquet"
    parquet.write_table(pa.table({"text": ["a"], "label": [7]}), file)
    assert "the label 0 or 1" in refused(TextSettings(**COUNTS)).message
    parquet.write_table(pa.table({"words": ["a"]}), file)
    assert refused(TextSettings(**COUNTS)).code == "E0653"
    file.write_bytes(b"PAR1")
    assert str(file) in refused(TextSettings(**COUNTS)).message


def write_aan(root: Path) -> None:
    for part in ("train", "eval", "test"):
        lines = [f"{n % 2}.0\tA{n}\tB{n}\tfirst {part} {n}\tsecond {part} {n}\n" for n in range(5)]
        (root / f"new_aan_pairs.{part}.tsv").write_text("".join(lines), encoding="utf-8")


def test_pairs_of_papers_are_read(tmp_path):
    write_aan(tmp_path)
    read = splits(RetrievalSettings(**COUNTS, length=20))
    assert read["train"].inputs.shape == (4, 2, 20)
    for name, split in read.items():
        part = "eval" if name == "validation" else name
        for pair, lengths, label in zip(split.inputs, split.lengths, split.labels, strict=True):
            first, second = (bytes(row[:n]).decode() for row, n in zip(pair, lengths, strict=True))
            assert first.removeprefix("first ") == second.removeprefix("second ")
            assert first.startswith(f"first {part} ")
            assert int(first[-1]) % 2 == label


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\tA\tB\tfirst", "line 6 has 4 fields instead of 5"),
        ("2\tA\tB\tx\ty", "line 6 has the label '2'"),
        ("1\tA\tB\tx\t", "line 6 has an empty text"),
    ],
)
def test_a_line_that_is_not_a_pair_is_named(tmp_path, line, message):
    write_aan(tmp_path)
    with (tmp_path / "new_aan_pairs.train.tsv").open("a", encoding="utf-8") as file:
        file.write(line)
    assert message in refused(RetrievalSettings(**COUNTS, length=20)).message


def write_cifar(root: Path) -> Path:
    folder = root / "cifar-10-batches-bin"
    folder.mkdir()
    records = np.zeros((10_000, 3073), dtype=np.uint8)
    records[:, 0] = np.arange(10_000) % 10
    records[:, 1:1025], records[:, 1025:2049], records[:, 2049:] = 200, 100, 50
    records[:, 1] = records[:, 1025] = records[:, 2049] = 255
    records[:, 2] = records[:, 1026] = records[:, 2050] = records[:, 0]  # grey: the label
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return folder


def test_cifar_is_read_as_grey_rows(tmp_path):
    write_cifar(tmp_path)
    read = splits(ImageSettings(**COUNTS))
    for split in read.values():
        assert split.inputs.shape[1] == 1024
        assert (split.lengths == 1024).all()
        assert (split.inputs[:, 2:] == 124).all()  # 0.2989 200 + 0.587 100 + 0.114 50 = 124.2
        assert (split.inputs[:, 0] >= 254).all()
        assert (np.abs(split.inputs[:, 1] - split.labels.astype(int)) <= 1).all()


def test_cifar_that_is_cut_short_or_pickled_is_refused(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    error = refused(ImageSettings(**COUNTS))
    assert (error.code, "pickled" in error.message) == ("E0653", True)
    folder = write_cifar(tmp_path)
    file = folder / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    assert (
        f"{file} cannot be used: it has 30,729,999 bytes"
        in refused(ImageSettings(**COUNTS)).message
    )
    file.write_bytes(b"\xff" * 30_730_000)
    assert "record 0 has the label 255" in refused(ImageSettings(**COUNTS)).message
    file.unlink()
    assert refused(ImageSettings(**COUNTS)).code == "E0652"
    with pytest.raises(ValidationError, match="a side of 32"):
        ImageSettings(**COUNTS, side=16)


def write_listops(root: Path) -> Path:
    (root / "listops-1000").mkdir()
    for part in ("train", "val", "test"):
        lines = [f"( ( ( [MAX {n} ) 4 ) ] )\t{max(n, 4)}\n" for n in range(8)]
        path = root / "listops-1000" / f"basic_{part}.tsv"
        path.write_text("Source\tTarget\n" + "".join(lines), encoding="utf-8")
    return root / "listops-1000"


def test_released_listops_are_read(tmp_path):
    write_listops(tmp_path)
    settings = ListOpsSettings(**COUNTS, source="release")
    assert settings.origin == "listops of the LRA release"
    for split in splits(settings).values():
        assert split.inputs.shape[1] == 1999
        for row, length, label in zip(split.inputs, split.lengths, split.labels, strict=True):
            words = [TEXTS[token] for token in row[:length]]
            assert [words[0], *words[2:]] == ["[MAX", "4", "]"]
            assert max(int(words[1]), 4) == label


def test_released_listops_that_are_damaged_are_refused(tmp_path):
    path = write_listops(tmp_path) / "basic_val.tsv"
    settings = ListOpsSettings(**COUNTS, source="release")
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[:-2], encoding="utf-8")
    assert f"{path} cannot be used: line 9 is not an expression" in refused(settings).message
    path.write_text(whole.replace("[MAX 3", "[AVG 3"), encoding="utf-8")
    assert "line 5 has the unknown symbol '[AVG'" in refused(settings).message
    path.write_text("", encoding="utf-8")
    assert "first line" in refused(settings).message


def write_pathfinder(root: Path) -> Path:
    folder = root / "pathfinder32/curv_contour_length_14"
    (folder / "imgs/0").mkdir(parents=True)
    (folder / "metadata").mkdir()
    lines = []
    for number in range(10):
        file = folder / f"imgs/0/sample_{number}.png"
        Image.fromarray(np.full((32, 32), 10 * number + number % 2, dtype=np.uint8)).save(file)
        lines.append(f"imgs/0 sample_{number}.png {number} {number % 2} 1.0 14 4 2 0.5 1 1\n")
    (folder / "imgs/0/sample_4.png").write_bytes(b"")  # as in the release
    (folder / "metadata/0.npy").write_text("".join(lines), encoding="utf-8")
    return folder


def test_released_pathfinder_images_are_read(tmp_path):
    write_pathfinder(tmp_path)
    read = splits(PathfinderSettings(**COUNTS, source="release"))
    seen = np.concatenate([split.inputs[:, 0] for split in read.values()])
    assert sorted(seen // 10) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert np.array_equal(seen % 10, np.concatenate([split.labels for split in read.values()]))


def test_released_pathfinder_images_that_are_damaged_are_refused(tmp_path):
    folder = write_pathfinder(tmp_path)
    settings = PathfinderSettings(**COUNTS, source="release")
    image, metadata = folder / "imgs/0/sample_3.png", folder / "metadata/0.npy"
    whole = image.read_bytes()
    image.write_bytes(whole[:50])
    assert f"{image} cannot be used: it is not a PNG image" in refused(settings).message
    Image.fromarray(np.zeros((16, 16), dtype=np.uint8)).save(image)
    assert "16 x 16 pixels" in refused(settings).message
    image.unlink()
    assert refused(settings).code == "E0652"
    metadata.write_text("../../../etc passwd 0 1\n", encoding="utf-8")
    assert "line 1 is not the metadata of an image" in refused(settings).message


@pytest.mark.parametrize(
    ("write", "settings", "files"),
    [
        (write_imdb, TextSettings(**COUNTS), "aclImdb/*/*/*.txt"),
        (write_parquet, TextSettings(**COUNTS), "plain_text/*.parquet"),
        (write_aan, RetrievalSettings(**COUNTS), "*.tsv"),
        (write_cifar, ImageSettings(**COUNTS), "cifar-10-batches-bin/*.bin"),
        (write_listops, ListOpsSettings(**COUNTS, source="release"), "listops-1000/*.tsv"),
        (write_pathfinder, PathfinderSettings(**COUNTS, source="release"), "*/*/metadata/*"),
    ],
)
def test_the_files_of_a_data_set_are_known(tmp_path, write, settings, files):
    write(tmp_path)
    assert sorted(settings.files) == sorted(tmp_path.glob(files)) != []


def test_examples_that_are_generated_are_read_from_no_file():
    kinds = (TextSettings, RetrievalSettings, ImageSettings)
    assert all(kind(**COUNTS, source="stand-in").files == [] for kind in kinds)
    assert all(kind(**COUNTS).files == [] for kind in (ListOpsSettings, PathfinderSettings))
