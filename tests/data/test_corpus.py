"""Corpora: what is read, how it is divided, and what is said when a file is wrong."""

import json
import os
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyarrow import parquet

from aira_dsl.data.tasks import LanguageTask, SplitSizes, make_splits
from aira_dsl.data.text import files
from aira_dsl.data.text.corpus import Corpus, divide, load_corpus
from aira_dsl.data.text.files import read_documents
from aira_dsl.data.text.named import _UNREACHABLE
from aira_dsl.errors import AiraError, InputError, UsageError

STORIES = [f"Story {n}: once there was a number {n * n}, and it grew." * 4 for n in range(400)]


def everything(corpus: Corpus) -> bytes:
    return corpus.train + corpus.validation + corpus.test


def write_jsonl(path: Path, texts: list[str]) -> Path:
    path.write_text(
        "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in texts), encoding="utf-8"
    )
    return path


def write_parquet(path: Path, texts: list[str], column: str = "text", group: int = 50) -> Path:
    parquet.write_table(pa.table({column: texts, "id": range(len(texts))}), path, group)
    return path


def refused(*paths: Path | str, **options: int) -> AiraError:
    with pytest.raises(AiraError) as caught:
        load_corpus(paths, **options)
    assert str(paths[0]) in caught.value.message
    return caught.value


def test_default_corpus_is_offline_prose_divided_80_10_10() -> None:
    corpus = load_corpus()
    total = len(everything(corpus))
    assert total > 300_000
    assert len(corpus.train) / total == pytest.approx(0.8, abs=0.03)
    assert len(corpus.validation) / total == pytest.approx(0.1, abs=0.03)
    assert b"expression" in corpus.test
    assert corpus.sha256 == load_corpus().sha256


def windows(text: bytes) -> set[bytes]:
    return {text[start : start + 50] for start in range(len(text) - 49)}


def assert_separate(corpus: Corpus) -> None:
    train, validation, test = map(windows, (corpus.train, corpus.validation, corpus.test))
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_default_corpus_shares_no_50_bytes_between_splits() -> None:
    assert_separate(load_corpus())


@given(
    st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=300),
    st.sampled_from([1, 20, 700]),
)
@settings(max_examples=60)
def test_division_loses_no_text_that_only_one_split_has(blobs: list[bytes], times: int) -> None:
    """Documents of digests, so that no two share a passage: every byte comes out once."""
    documents = [
        b"".join(sha256(b"%d %d %b" % (n, part, blob)).digest() for part in range(times))
        for n, blob in enumerate(blobs)
    ]
    assume(sum(map(len, documents)) >= 600)
    corpus = divide(documents, name="x")
    assert min(map(len, (corpus.train, corpus.validation, corpus.test))) > 0
    whole = everything(corpus).replace(b"\n\n", b"")
    assert sorted(whole) == sorted(b"".join(documents).replace(b"\n\n", b""))


@given(st.data(), st.integers(0, 9))
@settings(max_examples=60)
def test_splits_share_no_50_bytes(data: st.DataObject, seed: int) -> None:
    """Documents made of a few sentences, so that most of the text is repeated somewhere."""
    phrases = [sha256(b"%d %d" % (seed, n)).hexdigest().encode() for n in range(40)]
    length = st.integers(20, 64)
    documents = []
    for number in range(data.draw(st.integers(20, 60))):
        chosen = data.draw(st.lists(st.tuples(st.sampled_from(phrases), length), max_size=6))
        own = sha256(b"own %d" % number).hexdigest().encode() * 2
        documents.append(own + b" ".join(phrase[:size] for phrase, size in chosen))
    corpus = divide(documents, name="x")
    assert_separate(corpus)
    assert windows(corpus.test) <= windows(b"\n\n".join(documents)) | {
        window for window in windows(corpus.test) if b"\n\n" in window
    }


def test_a_shared_passage_is_cut_from_train_and_nothing_else_is() -> None:
    own = [sha256(b"%d" % n).hexdigest().encode() * 8 for n in range(200)]
    licence = b"Permission is granted to anyone who reads this sentence to the end. " * 2
    corpus = divide([text + licence for text in own], name="x")
    assert licence in corpus.test
    assert b"to anyone who reads this sentence" not in corpus.train + corpus.validation
    # The characters beside a licence may be those beside another one by chance.
    assert all(text[4:-4] in everything(corpus) for text in own)


def test_python_sources_are_a_larger_corpus_that_every_machine_has() -> None:
    small = load_corpus(["python-sources"], max_bytes=400_000)
    assert small.name == "python-sources"
    assert b"import " in small.validation
    assert_separate(small)


@pytest.mark.slow
def test_python_sources_hold_20_megabytes() -> None:
    assert len(everything(load_corpus(["python-sources"]))) > 20_000_000


def test_python_packages_are_text_that_no_candidate_can_read() -> None:
    small = load_corpus(["python-packages"], max_bytes=400_000)
    assert b"import " in small.validation
    assert_separate(small)
    frameworks = required("torch", "numpy", "safetensors", "jax", "flax", "optax")
    distributions = packages_distributions()
    assert {"torch", "scipy", "jinja2"} <= frameworks  # the closure is what it should be
    for name in _UNREACHABLE:
        assert not {each.lower() for each in distributions.get(name, ())} & frameworks, name


def required(*names: str) -> set[str]:
    """Return distributions and all that they require, extras left out, in small letters."""
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = canonicalize_name(queue.pop())
        if name in found:
            continue
        found.add(name)
        try:
            requirements = map(Requirement, requires(name) or ())
        except PackageNotFoundError:  # of another platform
            continue
        queue += [
            each.name
            for each in requirements
            if each.marker is None or "extra" not in str(each.marker)
        ]
    return found


@pytest.mark.slow
def test_python_packages_hold_15_megabytes_of_training_text() -> None:
    assert len(load_corpus(["python-packages"]).train) > 15_000_000


def test_documents_are_divided_by_a_seed_if_one_is_given() -> None:
    documents = [text.encode() for text in STORIES]
    first, again, other = (divide(documents, name="stories", seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.test != other.test
    assert_separate(other)


def test_a_file_comes_before_a_named_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "stories.jsonl", STORIES)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "python-sources").mkdir()
    (tmp_path / "python-sources" / "a.txt").write_text("".join(STORIES), encoding="utf-8")
    assert b"once there was a number" in load_corpus(["python-sources"]).train


def test_every_document_lies_in_one_split() -> None:
    corpus = divide([text.encode() for text in STORIES], name="stories")
    for text in STORIES:
        assert sum(text.encode() in corpus.text(s) for s in ("train", "validation", "test")) == 1
    assert min(map(len, (corpus.validation, corpus.test))) > 0.05 * len(everything(corpus))


def test_equal_documents_are_kept_once() -> None:
    texts = [text.encode() for text in STORIES]
    assert divide(texts * 3, name="x") == divide(texts, name="x")


def test_division_of_one_long_document() -> None:
    text = "".join(STORIES).encode()
    corpus = divide([text], name="x")
    assert len(corpus.test) == pytest.approx(len(text) / 10, rel=0.2)
    assert all(part in text for part in corpus.test.split(b"\n\n"))


def test_all_formats_and_folders_hold_the_same_text(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for n, text in enumerate(STORIES):
        (tmp_path / "many" / f"{n:03}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "many" / "README.md").write_text("not read", encoding="utf-8")
    jsonl = write_jsonl(tmp_path / "stories.jsonl", STORIES)
    table = write_parquet(tmp_path / "stories.PARQUET", STORIES)
    corpora = [load_corpus([path]) for path in (tmp_path / "many", jsonl, table)]
    assert {corpus.sha256 for corpus in corpora} == {divide_of(STORIES).sha256}


def divide_of(texts: list[str]) -> Corpus:
    return divide([text.encode() for text in texts], name="x")


def test_hash_follows_content_not_path(tmp_path: Path) -> None:
    first = write_jsonl(tmp_path / "a.jsonl", STORIES)
    moved = write_jsonl(tmp_path / "b.jsonl", STORIES)
    changed = write_jsonl(tmp_path / "c.jsonl", [*STORIES[:-1], "another end"])
    a, b, c = (LanguageTask(corpus=(str(p),)).identity() for p in (first, moved, changed))
    assert a == b != c
    assert a["length"] == 256


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(STORIES), encoding="utf-8")
    (tmp_path / "link.txt").symlink_to(path)
    assert load_corpus([tmp_path, path]).sha256 == load_corpus([path]).sha256


def test_byte_order_mark_and_blank_lines_are_no_text(tmp_path: Path) -> None:
    plain = write_jsonl(tmp_path / "a.jsonl", STORIES)
    marked = tmp_path / "b.jsonl"
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes().replace(b"\n", b"\r\n\n"))
    assert load_corpus([marked]).sha256 == load_corpus([plain]).sha256


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(files, "_PIECE", 1000)
    return 10_000


@pytest.mark.parametrize("kind", ["txt", "jsonl", "parquet"])
def test_large_files_are_sampled_evenly_and_the_same_each_time(
    tmp_path: Path, small_pieces: int, kind: str
) -> None:
    texts = [f"[{n}]" + "äöü€𝄞 and so on " * 8 for n in range(3000)]
    path = tmp_path / f"big.{kind}"
    if kind == "txt":
        path.write_text("".join(texts), encoding="utf-8")
    elif kind == "jsonl":
        path.write_text(
            "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts),
            encoding="utf-8",
        )
    else:
        write_parquet(path, texts, group=100)
    documents = list(read_documents([path], small_pieces))
    text = "".join(document.decode() for document in documents)  # no piece cuts a character
    assert len(text.encode()) < 1.5 * small_pieces
    numbers = [int(part.split("]")[0]) for part in text.split("[")[1:]]
    assert max(numbers) > 2400, "the end of the file is sampled, too"
    assert min(numbers) < 600
    assert list(read_documents([path], small_pieces)) == documents
    corpus = load_corpus([path], max_bytes=small_pieces)
    assert len(everything(corpus)) < 1.5 * small_pieces


def test_a_line_that_begins_exactly_where_a_piece_begins_is_read(
    tmp_path: Path, small_pieces: int
) -> None:
    """200 lines of 100 bytes; ten pieces of ten lines, beginning at every twentieth line."""
    path = write_jsonl(tmp_path / "a.jsonl", [f"{n:03}".ljust(78) for n in range(200)])
    assert path.stat().st_size == 2 * small_pieces
    numbers = [int(document) for document in read_documents([path], small_pieces)]
    assert set(range(0, 200, 20)) <= set(numbers)
    assert len(numbers) == len(set(numbers))


def test_memory_is_shared_between_files_by_size(tmp_path: Path, small_pieces: int) -> None:
    for name, letter, size in (("a", "a", 90_000), ("b", "b", 10_000)):
        text = "\n".join(f"{letter}{n:09}" for n in range(size // 11))
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    whole = everything(load_corpus([tmp_path], max_bytes=small_pieces))
    assert whole.count(b"a") / whole.count(b"b") == pytest.approx(9, rel=0.2)


def test_missing_path(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.txt").code == "E0613"
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    assert refused(tmp_path / "file.txt" / "below.txt").code == "E0613"


def test_unknown_suffix_and_folder_without_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x", encoding="utf-8")
    error = refused(tmp_path / "a.csv")
    assert error.code == "E0614"
    assert "'.csv'" in error.message
    assert ".jsonl, .parquet, .txt" in error.message
    assert refused(tmp_path).code == "E0614"
    (tmp_path / "Makefile").write_text("x", encoding="utf-8")
    assert (
        "Makefile has no ending; it is none of the kinds" in refused(tmp_path / "Makefile").message
    )


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert refused(tmp_path / "pipe.txt").code == "E0615"
    assert refused(str(tmp_path / "a\0b.txt")).code == "E0615"
    assert refused("x" * 5000 + ".txt").code == "E0615"


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text", encoding="utf-8")

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    error = refused(path)
    assert error.code == "E0615"
    assert "Permission denied" in error.message


@pytest.mark.parametrize(
    "data", [b"good text\0more", b"caf\xe9 latin-1", "text".encode("utf-16"), b"cut \xe2\x82"]
)
def test_binary_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    assert refused(tmp_path / "a.txt").code == "E0616"


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ('{"text": "x"', "E0617", "not JSON"),
        ("[" * 100_000, "E0617", "not JSON"),
        ('{"body": "x"}', "E0617", 'string "text"'),
        ('{"text": null}', "E0617", 'string "text"'),
        ('["text"]', "E0617", 'string "text"'),
        ('{"text": "a\\u0000b"}', "E0616", "NUL"),
        ('{"text": "\\ud800"}', "E0616", "surrogate"),
    ],
)
def test_bad_jsonl_lines_are_named_by_number(
    tmp_path: Path, line: str, code: str, reason: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n\n' + line + "\n", encoding="utf-8")
    error = refused(path)
    assert error.code == code
    assert f"{path}:3 " in error.message
    assert reason in error.message


def test_endless_jsonl_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_LINE", 1000)
    path = write_jsonl(tmp_path / "a.jsonl", ["x" * 2000])
    error = refused(path)
    assert error.code == "E0617"
    assert "longer than 1,000 bytes" in error.message


def test_bad_parquet(tmp_path: Path) -> None:
    good = write_parquet(tmp_path / "good.parquet", STORIES).read_bytes()
    for name, data in (("cut", good[:-100]), ("text", b"hello"), ("empty", b"")):
        (tmp_path / f"{name}.parquet").write_bytes(data)
        assert refused(tmp_path / f"{name}.parquet").code == "E0619"
    other = write_parquet(tmp_path / "other.parquet", STORIES, column="body")
    assert 'no column "text"' in refused(other).message
    parquet.write_table(pa.table({"text": [1, 2]}), other)
    assert "holds a int, not a string" in refused(other).message
    damaged = bytearray(good)
    damaged[100:2000] = bytes(1900)
    other.write_bytes(damaged)
    assert refused(other).code in ("E0615", "E0619")  # pyarrow calls it an OSError at times


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "a.parquet", STORIES)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    error = refused(path)
    assert (error.code, type(error)) == ("E0618", UsageError)
    assert error.help is not None
    assert "pip install" in error.help


def test_default_corpus_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydoc_data.topics", None)
    with pytest.raises(UsageError) as caught:
        load_corpus(max_bytes=4_096)  # not one that an earlier test has read
    assert caught.value.code == "E0618"


@pytest.mark.parametrize("text", ["", " \n\n ", "few"])
def test_empty_and_tiny_corpora(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert refused(tmp_path / "a.txt").code == "E0620"


def test_too_short_for_the_window_or_the_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{n} " for n in range(500)), encoding="utf-8")
    sizes = SplitSizes(train=10, validation=10, test=10)
    path = str(tmp_path / "a.txt")
    assert len(make_splits(LanguageTask(length=64, corpus=(path,)), sizes, 0).test) == 10
    for length, count, code in ((1024, 10, "E0620"), (64, 5000, "E0611")):
        task = LanguageTask(length=length, corpus=(path,))
        with pytest.raises(InputError) as caught:
            make_splits(task, sizes.model_copy(update={"test": count}), 0)
        assert caught.value.code == code


def test_windows_of_train_and_test_never_overlap_even_with_other_seeds(tmp_path: Path) -> None:
    """Every 8 bytes of this text are unique, so a shared stretch would show."""
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{n:06}" for n in range(20_000)), encoding="utf-8")
    task = LanguageTask(length=60, corpus=(str(path),))
    sizes = SplitSizes(train=300, validation=100, test=100)
    stretches: dict[str, set[bytes]] = {"train": set(), "validation": set(), "test": set()}
    for seed in (0, 1):
        for split, part in vars(make_splits(task, sizes, seed)).items():
            for row in part.inputs.astype("uint8"):
                data = row.tobytes()
                stretches[split].update(data[i : i + 12] for i in range(len(data) - 12))
    assert not stretches["train"] & stretches["test"]
    assert not stretches["train"] & stretches["validation"]
    assert not stretches["validation"] & stretches["test"]
