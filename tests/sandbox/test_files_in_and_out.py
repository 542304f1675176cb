"""Files of foreign code: regular files of a limited size are taken, everything else is refused."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aira_dsl.errors import InputError
from aira_dsl.sandbox.files import collect, copy_tree


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path = tmp_path / "scratch"
    path.mkdir()
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    yield path, descriptor
    os.close(descriptor)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


def secret(folder: Path) -> Path:
    path = folder.parent / "secret"
    path.write_text("secret", encoding="utf-8")
    return path


def write(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 << 30)


HOSTILE = {
    "a symbolic link": lambda path: path.symlink_to(secret(path.parent)),
    "a broken link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a large file": lambda path: path.write_bytes(bytes(1001)),
    "a sparse file of 10 GiB": sparse,
}


def test_named_files_are_copied_and_others_are_left(folder, into) -> None:
    path, descriptor = folder
    write(path / "a", b"1" * 1000)
    write(path / "sub/b", b"2")
    write(path / "other")
    found = collect(descriptor, {"a": 1000, "sub/b": 10, "missing": 10}, into)
    assert found == {"a": into / "a", "sub/b": into / "sub/b"}
    assert (into / "a").read_bytes() == b"1" * 1000
    assert sorted(each.name for each in into.rglob("*")) == ["a", "b", "sub"]


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_anything_but_a_small_regular_file_is_refused(folder, into, make) -> None:
    path, descriptor = folder
    make(path / "result")
    with pytest.raises(InputError, match="'result' is refused") as caught:
        collect(descriptor, {"result": 1000}, into)
    assert caught.value.code == "E1103"
    assert list(into.iterdir()) == []


def test_a_link_in_the_middle_of_a_name_is_refused(folder, into) -> None:
    path, descriptor = folder
    secret(path)
    (path / "sub").symlink_to(path.parent)
    with pytest.raises(InputError, match="it is a link"):
        collect(descriptor, {"sub/secret": 1000}, into)


def test_a_file_that_is_replaced_while_it_is_read(folder, into) -> None:
    """A program swaps a file and a link to a secret as fast as it can; the secret never comes."""
    path, descriptor = folder
    target, done = secret(path), threading.Event()

    def swap() -> None:
        while not done.is_set():
            (path / "new").write_bytes(b"harmless")
            os.replace(path / "new", path / "result")
            (path / "new").symlink_to(target)
            os.replace(path / "new", path / "result")

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    for _ in range(20_000):
        try:
            found = collect(descriptor, {"result": 1000}, into)
        except InputError:
            outcomes.add("refused")
            continue
        for copy in found.values():
            outcomes.add(copy.read_bytes())
            copy.unlink()
        if {"refused", b"harmless"} <= outcomes:
            break
    done.set()
    thread.join()
    assert {"refused", b"harmless"} <= outcomes <= {"refused", b"harmless", b""}


def test_a_tree_is_copied(tmp_path: Path) -> None:
    write(tmp_path / "from/model.py", b"import x")
    write(tmp_path / "from/sub/b.py", b"y")
    assert copy_tree(tmp_path / "from", tmp_path / "to") == 9
    assert (tmp_path / "to/sub/b.py").read_bytes() == b"y"


@pytest.mark.parametrize("make", [HOSTILE[name] for name in HOSTILE if name != "a folder"])
def test_a_tree_with_anything_else_is_refused(tmp_path: Path, make) -> None:
    write(tmp_path / "from/model.py")
    make(tmp_path / "from/result")
    with pytest.raises(InputError, match="'result' is refused"):
        copy_tree(tmp_path / "from", tmp_path / "to", most_bytes=500)


def test_a_tree_of_too_many_files_or_levels_is_refused(tmp_path: Path) -> None:
    for number in range(11):
        write(tmp_path / f"many/{number}")
    (tmp_path / "deep/" / "/".join("d" * 20)).mkdir(parents=True)
    with pytest.raises(InputError, match="more than 10 files"):
        copy_tree(tmp_path / "many", tmp_path / "to", most_files=10)
    with pytest.raises(InputError, match="more than 16 levels"):
        copy_tree(tmp_path / "deep", tmp_path / "to2")
