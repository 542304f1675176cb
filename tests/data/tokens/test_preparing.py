"""Preparing a corpus: what is kept, what continues, and what is said when something is wrong."""

import json
import multiprocessing
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from aira_dsl.data.tokens import building
from aira_dsl.data.tokens.corpus import Split, TokenCorpus, open_corpus
from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.errors import AiraError, InputError, RunError, UsageError

STORIES = [
    f"Story {n}: once there was a number {n * n}, and it grew. " * (n % 7) for n in range(90)
]


def write_jsonl(path: Path, texts: list[str]) -> Path:
    lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def documents(split: Split) -> list[bytes]:
    """Return the documents of a split from its tokens and their places."""
    tokens = split.read(0, split.tokens)
    starts = [*split.document_starts(0, split.tokens).tolist(), split.tokens]
    parts = [tokens[a:b] for a, b in pairwise(starts)]
    assert all(part[0] == 0 for part in parts)
    return [part[1:].astype(np.uint8).tobytes() for part in parts]


def everything(corpus: TokenCorpus) -> list[bytes]:
    return documents(corpus.train) + documents(corpus.validation)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(*paths: Path | str, **options: object) -> AiraError:
    with pytest.raises(AiraError) as caught:
        prepare(paths, **options)
    return caught.value


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "SHARD_BYTES", 500)
    monkeypatch.setattr(building, "_BATCH_BYTES", 100)


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    folder = tmp_path / "stories"
    folder.mkdir()
    for part in range(3):
        write_jsonl(folder / f"{part}.jsonl", STORIES[part * 30 : part * 30 + 30])
    return folder


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=60), min_size=1
    ),
    st.sampled_from([1, 40, 1 << 20]),
)
@settings(max_examples=15)
def test_every_document_with_text_is_kept_whole(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], shard: int
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    path = write_jsonl(folder / "a.jsonl", texts)
    kept = [text.encode() for text in texts if text.encode().strip()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "SHARD_BYTES", shard)
        patch.setattr(building, "_BATCH_BYTES", shard)
        if not kept:
            assert refused(path, cache=folder, validation=0).code == "E1407"
            return
        corpus = prepare([path], cache=folder, validation=0)
    assert documents(corpus.train) == kept
    assert corpus.validation.tokens == 0
    assert corpus.train.tokens == sum(map(len, kept)) + len(kept)
    assert corpus.train.text_bytes == sum(map(len, kept))
    assert corpus.train.documents == len(kept)
    assert corpus.manifest.blank == len(texts) - len(kept)
    corpus.check()


def test_all_kinds_of_files_give_the_same_documents(tmp_path: Path) -> None:
    texts = [text for text in STORIES if text]
    parquet.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", 10)
    (tmp_path / "b.txt").write_text("<end>\n".join(texts), encoding="utf-8")
    (tmp_path / "c").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "c" / f"{number:03d}.c").write_text(text, encoding="utf-8")
    kinds = [
        write_jsonl(tmp_path / "a.jsonl", texts),
        tmp_path / "a.parquet",
        tmp_path / "b.txt",
        tmp_path / "c",
    ]
    found = [
        prepare([kind], cache=tmp_path / "cache", include=["*.c", "a.*", "b.*"], split_at="<end>")
        for kind in kinds
    ]
    assert len({corpus.identity for corpus in found}) == 1
    assert len({corpus.folder for corpus in found}) == len(kinds)
    assert sorted(everything(found[0])) == sorted(text.encode() for text in texts)


def test_documents_are_held_out_by_their_text(stories: Path, tmp_path: Path) -> None:
    """The same document is on the same side whatever surrounds it; a larger share adds to it."""
    alone = write_jsonl(tmp_path / "some.jsonl", STORIES[40:])
    held = [
        set(documents(prepare([path], cache=tmp_path / "cache", validation=share).validation))
        for path, share in ((stories, 0.2), (alone, 0.2), (stories, 0.4))
    ]
    some = {text.encode() for text in STORIES[40:]}
    assert held[1] == held[0] & some
    assert held[0] < held[2]
    assert 5 <= len(held[0]) <= 26  # of 77 with text, a fifth is expected


def test_the_second_call_opens(stories: Path, tmp_path: Path) -> None:
    first = prepare([stories], cache=tmp_path / "cache")
    before = content(tmp_path / "cache")
    calls: list[tuple[int, int]] = []
    again = prepare([stories], cache=tmp_path / "cache", progress=lambda *call: calls.append(call))
    assert calls == []
    assert again.folder == first.folder
    assert again.identity == first.identity
    assert content(tmp_path / "cache") == before


def test_the_cache_goes_by_content(stories: Path, tmp_path: Path) -> None:
    first = prepare([stories], cache=tmp_path / "cache")
    copy = tmp_path / "copy"
    shutil.copytree(stories, copy)
    assert prepare([copy], cache=tmp_path / "cache").folder == first.folder
    with (copy / "2.jsonl").open("a") as file:
        file.write('{"text": "one more"}\n')
    changed = prepare([copy], cache=tmp_path / "cache")
    assert changed.folder != first.folder
    assert changed.identity != first.identity
    assert len(everything(changed)) == len(everything(first)) + 1


def test_a_prepared_folder_is_opened_without_its_text(stories: Path, tmp_path: Path) -> None:
    corpus = prepare([stories], cache=tmp_path / "cache", validation=0.1)
    moved = tmp_path / "moved"
    shutil.move(corpus.folder, moved)
    shutil.rmtree(stories)
    again = prepare([moved])
    assert again.identity == corpus.identity
    assert again.folder == moved
    assert prepare([moved], tokenizer="bytes", validation=0.1).identity == corpus.identity
    error = refused(moved, validation=0.2)
    assert error.code == "E1405"
    assert "validation 0.1, not 0.2" in error.message


def test_named_corpora_need_no_files(tmp_path: Path) -> None:
    corpus = prepare(["python-reference"], cache=tmp_path, validation=0.1)
    assert corpus.train.text_bytes > 300_000
    assert any(b"expression" in text for text in documents(corpus.validation))
    assert prepare(["python-reference"], cache=tmp_path, validation=0.1).folder == corpus.folder


class Stop(BaseException):
    """Stands for Ctrl-C."""


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("two")
    return [write_jsonl(folder / f"{n}.jsonl", STORIES[n * 45 : n * 45 + 45]) for n in range(2)]


@given(st.lists(st.integers(1, 92), min_size=1, max_size=4))
@settings(max_examples=6)
def test_an_interrupted_preparation_continues(
    tmp_path_factory: pytest.TempPathFactory, two_files: list[Path], moments: list[int]
) -> None:
    """Stopped at any document, any number of times: the folder is that of a whole run."""
    folder = tmp_path_factory.mktemp("corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "SHARD_BYTES", 4000)
        patch.setattr(building, "_BATCH_BYTES", 300)
        whole = prepare(two_files, cache=folder / "whole")
        for moment in moments:
            countdown = iter(range(moment))

            def stop(done: int, total: int, left: Iterator[int] = countdown) -> None:
                if next(left, None) is None:
                    raise Stop

            with suppress(Stop):
                prepare(two_files, cache=folder / "cache", progress=stop)
        corpus = prepare(two_files, cache=folder / "cache")
    assert content(corpus.folder) == content(whole.folder)


def whole_shards(corpus: TokenCorpus) -> int:
    return len(corpus.manifest.splits["train"])


def shards_done(cache: Path) -> int:
    return len(list(cache.glob("*/train/*.tokens.bin")))


def kill_itself(path: Path, cache: Path, moment: int) -> None:
    calls = 0

    def progress(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    prepare([path], cache=cache, progress=progress)


@pytest.mark.usefixtures("small_shards")
def test_a_killed_preparation_continues_after_its_last_shard(stories: Path, tmp_path: Path) -> None:
    whole = prepare([stories], cache=tmp_path / "whole")
    context = multiprocessing.get_context("fork")  # keeps the small shards
    process = context.Process(target=kill_itself, args=(stories, tmp_path / "cache", 70))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert 0 < shards_done(tmp_path / "cache") < whole_shards(whole)
    calls: list[int] = []
    corpus = prepare([stories], cache=tmp_path / "cache", progress=lambda *call: calls.append(0))
    assert len(calls) < 40  # of 93: what is in shards is not read again
    assert content(corpus.folder) == content(whole.folder)


@pytest.mark.usefixtures("small_shards")
def test_half_written_shards_of_an_interrupted_preparation_are_made_again(
    stories: Path, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        if shards_done(tmp_path) > 2:
            raise Stop

    with pytest.raises(Stop):
        prepare([stories], cache=tmp_path, progress=stop)
    shard = next(tmp_path.glob("*/train/00001.tokens.bin"))
    shard.write_bytes(shard.read_bytes()[:100])
    corpus = prepare([stories], cache=tmp_path)
    corpus.check()
    assert sorted(everything(corpus)) == sorted(text.encode() for text in STORIES if text)


@pytest.mark.usefixtures("small_shards")
def test_a_full_disk_keeps_what_is_finished(tmp_path: Path) -> None:
    """The kernel cuts the write off half way, by a limit on file size."""
    path = write_jsonl(tmp_path / "a.jsonl", [*STORIES, "long " * 4000, *STORIES])
    whole = prepare([path], cache=tmp_path / "whole")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, hard))
    try:
        with pytest.raises(RunError, match="File too large") as caught:
            prepare([path], cache=tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "E0904"
    assert shards_done(tmp_path / "cache") > 10
    assert not list((tmp_path / "cache").rglob(".aira-dsl-*"))
    calls: list[int] = []
    corpus = prepare([path], cache=tmp_path / "cache", progress=lambda *call: calls.append(0))
    assert len(calls) < 110  # of 183
    assert content(corpus.folder) == content(whole.folder)


def prepared_in(path: Path, cache: Path, queue: "multiprocessing.Queue[str]") -> None:
    queue.put(prepare([path], cache=cache).identity)


def test_processes_that_ask_at_once_make_it_once(stories: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [
        context.Process(target=prepared_in, args=(stories, tmp_path / "cache", queue))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    found = {queue.get(timeout=900) for _ in processes}
    for process in processes:
        process.join()
    assert found == {prepare([stories], cache=tmp_path / "other").identity}


@pytest.mark.parametrize(
    "file", ["train/00000.tokens.bin", "train/00000.ends.bin", "manifest.json"]
)
def test_damaged_files_are_refused_with_what_to_do(
    stories: Path, tmp_path: Path, file: str
) -> None:
    folder = prepare([stories], cache=tmp_path / "cache").folder
    good = (folder / file).read_bytes()
    for bad in (good[: len(good) // 2], None):
        (folder / file).unlink() if bad is None else (folder / file).write_bytes(bad)
        error = refused(folder)
        assert (error.code, error.exit_code) == ("E1404", 1)
        assert file in error.message
        assert error.help == "delete the folder of the corpus; it is made again from the text"
    flipped = bytes([good[0] ^ 1]) + good[1:]
    (folder / file).write_bytes(flipped)
    with pytest.raises(InputError, match=r"checksum is wrong|is damaged") as caught:
        open_corpus(folder).check()
    assert caught.value.code == "E1404"


@pytest.mark.usefixtures("small_shards")
def test_an_unfinished_corpus_is_not_opened(stories: Path, tmp_path: Path) -> None:
    folder = prepare([stories], cache=tmp_path / "cache").folder
    (folder / "manifest.json").unlink()
    assert "the preparation was not finished" in refused(folder).message


def test_missing_and_empty_text(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere", cache=tmp_path / "c").code == "E0613"
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty", cache=tmp_path / "c").code == "E0614"
    error = refused(tmp_path / "empty", include=["*.c", "*.h"], cache=tmp_path / "c")
    assert error.message.endswith("holds no file that matches *.c or *.h")
    for name, data in (("none.txt", b""), ("blank.txt", b" \n\n"), ("bom.txt", b"\xef\xbb\xbf")):
        (tmp_path / name).write_bytes(data)
        error = refused(tmp_path / name, cache=tmp_path / "c")
        assert (error.code, error.message) == ("E1407", f"{tmp_path / name} has no text")


def test_a_named_or_prepared_corpus_is_given_alone(stories: Path, tmp_path: Path) -> None:
    folder = prepare([stories], cache=tmp_path / "cache").folder
    for path, kind in ((folder, "prepared"), ("python-reference", "named")):
        for paths in ([path, stories], [stories, path]):
            with pytest.raises(InputError, match=f"{path} is a {kind} corpus, which cannot be"):
                prepare(paths, cache=tmp_path / "cache")


def test_nothing_is_left_of_text_that_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "nul.txt").write_bytes(b"a\0b")
    error = refused(tmp_path / "nul.txt", cache=tmp_path / "c", not_text="skip")
    assert error.message.endswith("has no text: 1 file left out, not UTF-8 text")


def test_one_document_cannot_be_divided(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("\n\n".join(f"Passage {number}." for number in range(100)), encoding="utf-8")
    error = refused(path, cache=tmp_path / "c")
    assert error.code == "E1407"
    assert (
        "has 1 document; with a share of 0.01 held out, none is left to validate" in error.message
    )
    assert "--split-at" in (error.help or "")
    assert prepare([path], cache=tmp_path / "c", validation=0).train.documents == 1
    cut = prepare([path], cache=tmp_path / "c", validation=0.5, split_at="\n\n")
    assert cut.train.documents + cut.validation.documents == 100


def test_text_that_is_not_utf_8_is_named_or_left_out(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text(f"good text {number}", encoding="utf-8")
    for name, data in (("latin.txt", "Café".encode("latin-1")), ("nul.txt", b"a\0b")):
        (tmp_path / name).write_bytes(data)
    error = refused(tmp_path, cache=tmp_path / "c")
    assert error.code == "E0616"
    assert "latin.txt is not text: byte 0xe9 is not UTF-8" in error.message
    corpus = prepare([tmp_path], cache=tmp_path / "c", validation=0, not_text="skip")
    assert (corpus.manifest.files, corpus.manifest.skipped) == (22, 2)
    assert sorted(everything(corpus)) == sorted(f"good text {n}".encode() for n in range(20))


def test_a_file_that_changes_meanwhile_is_refused(stories: Path, tmp_path: Path) -> None:
    def change(done: int, total: int) -> None:
        if done == total:
            (stories / "0.jsonl").write_text('{"text": "other"}\n', encoding="utf-8")

    error = refused(stories, cache=tmp_path / "cache", progress=change)
    assert error.code == "E1408"
    assert "0.jsonl changed" in error.message
    assert prepare([stories], cache=tmp_path / "cache").train.documents > 0


def test_a_model_needs_every_token_id(stories: Path, tmp_path: Path) -> None:
    corpus = prepare([stories], cache=tmp_path / "cache")
    corpus.require_vocabulary(256)
    with pytest.raises(InputError, match="has 255 token ids, the corpus needs 256") as caught:
        corpus.require_vocabulary(255)
    assert caught.value.code == "E1406"


def test_options_that_are_not_valid(stories: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"validation must be at most 0.5, not 0.6"):
        prepare([stories], cache=tmp_path, validation=0.6)
    with pytest.raises(TypeError, match="unexpected option 'held_out'"):
        prepare([stories], held_out=0.1)


def test_a_folder_that_cannot_be_written(stories: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    error = refused(stories, cache=tmp_path / "file")
    assert (error.code, error.exit_code) == ("E0503", 1)
    assert refused(stories, cache=tmp_path / "file" / "below").code == "E0904"


def test_bytes_of_text_are_counted_exactly(stories: Path, tmp_path: Path) -> None:
    train = prepare([stories], cache=tmp_path / "cache").train
    assert train.text_bytes_of(train.read(0, train.tokens)) == train.text_bytes
    assert train.text_bytes_of(np.array([[0, 65], [66, 0]])) == 2
    assert train.bytes_per_token == train.text_bytes / (train.text_bytes + train.documents)
