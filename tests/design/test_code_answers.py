"""Answers with files: whole files and edits, what is rejected and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.answers import changes, read_files, summary, written

PARENT = Candidate({"model.py": "a = 1\nb = 2\na = 1\n", "notes.txt": "none"})


def edit(search: str, replace: str, path: str = "model.py") -> str:
    return (
        f'<edit path="{path}">\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n</edit>'
    )


def files_in(text: str) -> dict[str, str]:
    found = read_files(text, PARENT)
    assert isinstance(found, Proposal), found
    return dict(found.candidate.files)


def complaint(text: str) -> str:
    found = read_files(text, PARENT)
    assert isinstance(found, Rejection), found
    return found.text


def test_a_whole_file_replaces_one_and_the_others_stay() -> None:
    text = (
        'Sure:\n<hypothesis>two\nlines</hypothesis>\n<file path="model.py">\nc = 3\n</file>\nDone.'
    )
    found = read_files(text, PARENT)
    assert found == Proposal(Candidate({"model.py": "c = 3\n", "notes.txt": "none"}), "two lines")


def test_edits_are_applied_one_after_the_other() -> None:
    text = edit("b = 2\n", "b = 3\n") + "\n" + edit("b = 3\n", "b = 4\nc = 5\n")
    assert files_in(text)["model.py"] == "a = 1\nb = 4\nc = 5\na = 1\n"
    assert files_in(edit("none\n", "some\n", "notes.txt"))["notes.txt"] == "some\n"


def test_an_edit_can_remove_lines_and_reach_several_places() -> None:
    both = (
        '<edit path="model.py">\n<<<<<<< SEARCH\na = 1\nb = 2\n=======\n>>>>>>> REPLACE\n'
        "<<<<<<< SEARCH\na = 1\n=======\na = 9\n>>>>>>> REPLACE\n</edit>"
    )
    assert files_in(both)["model.py"] == "a = 9\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I cannot do that", "no complete <file"),
        ('<file path="model.py">\nunfinished', "no complete <file"),
        ('<file path="../x.py">\n1\n</file>', "paths are relative"),
        ('<file path="/etc/passwd">\n1\n</file>', "paths are relative"),
        (edit("a = 1\n", "a = 2\n"), "occur 2 times"),
        (edit("b = 22\n", "b = 3\n"), "a similar line in it is 'b = 2'"),
        (edit("", "b = 3\n"), "searches for nothing"),
        (edit("b = 2\n", "b = 3\n", "train.py"), "the parent has only model.py, notes.txt"),
        ('<edit path="model.py">\nb = 3\n</edit>', "no SEARCH"),
        ('<file path="model.py">\n' + "x" * 600_000 + "\n</file>", "bytes"),
        ("".join(f'<file path="f{n}.py">\n1\n</file>\n' for n in range(30)), "32 files"),
        ("x" * 2_000_000, "be brief"),
    ],
)
def test_an_unusable_answer_is_rejected_with_its_reason(text: str, reason: str) -> None:
    assert reason in complaint(text)


_LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r<")), max_size=6)


@given(st.dictionaries(st.sampled_from(["a.py", "b/c.py", "d.txt"]), _LINES, min_size=1))
def test_written_files_are_read_back(lines: dict[str, list[str]]) -> None:
    files = {path: "".join(f"{line}\n" for line in each) for path, each in lines.items()}
    found = read_files(written(files), Candidate({"other": ""}))
    assert isinstance(found, Proposal)
    assert dict(found.candidate.files) == {"other": "", **files}


@given(st.text(max_size=300))
def test_no_text_ends_in_an_exception(text: str) -> None:
    read_files(text, PARENT)
    read_files(f'<edit path="model.py">\n<<<<<<< SEARCH\n{text}\n=======\n', PARENT)


def test_changes_are_told_by_file() -> None:
    child = {"model.py": "a = 1\nb = 3\na = 1\n", "notes.txt": "none", "new.py": "1\n2\n"}
    assert summary(PARENT.files, child) == "model.py +1 -1, new.py +2 -0"
    assert "-b = 2" in changes(PARENT.files, child)
    assert summary(PARENT.files, PARENT.files) == "no change"
