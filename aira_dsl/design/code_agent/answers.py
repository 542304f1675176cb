"""Reads the files in an answer: whole files, and edits of the parent's files.

    <hypothesis>why the score should be better</hypothesis>
    <file path="model.py">
    the whole text
    </file>
    <edit path="model.py">
    <<<<<<< SEARCH
    lines of the parent's file, exactly, which occur once
    =======
    lines that replace them
    >>>>>>> REPLACE
    </edit>

Files that an answer does not mention are those of the parent; without a parent, those that the task
starts with. Several edits are applied one after the other. Nothing in an answer is executed here.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aira_dsl.agents.answer import MAX_HYPOTHESIS, Proposal, Rejection
from aira_dsl.agents.text import clean
from aira_dsl.design.candidate import MAX_BYTES, Candidate
from aira_dsl.errors import InputError

MAX_ANSWER = 2 * MAX_BYTES
"""Characters; a longer answer is rejected."""

_HYPOTHESIS = re.compile(r"<hypothesis>(.*?)</hypothesis>", re.DOTALL)
_PART = re.compile(
    r'^<(file|edit) path="([^"\n]*)">[ \t]*\n(.*?)^</\1>[ \t]*$', re.DOTALL | re.MULTILINE
)
_CHANGE = re.compile(
    r"^<{7} SEARCH[ \t]*\n(.*?)^={7}[ \t]*\n(.*?)^>{7} REPLACE[ \t]*$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class _Unusable(Exception):
    reason: str


def read_files(text: str, parent: Candidate) -> Proposal[Candidate] | Rejection:
    """Return the candidate in an answer, or why there is none.

    Args:
        text: what the model wrote.
        parent: what edits refer to, and where files come from that are not mentioned.
    """
    if len(text) > MAX_ANSWER:
        return Rejection("invalid", f"the answer has {len(text):,} characters; be brief")
    found = _HYPOTHESIS.search(text)
    hypothesis = clean(found[1], MAX_HYPOTHESIS) if found else ""
    try:
        return Proposal(_candidate(text, parent), hypothesis)
    except _Unusable as error:
        return Rejection("invalid", error.reason, hypothesis)
    except InputError as error:
        return Rejection("invalid", error.message, hypothesis)


def written(files: Mapping[str, str]) -> str:
    """Return files in the form of an answer, as a model gets to read them."""
    return "\n".join(
        f'<file path="{path}">\n{_with_newline(text)}</file>' for path, text in files.items()
    )


def files_of(text: str) -> dict[str, str]:
    """Return the whole files in a text; of several with one name the first."""
    found: dict[str, str] = {}
    for kind, path, content in _PART.findall(text):
        if kind == "file":
            found.setdefault(path, content)
    return found


def changes(parent: Mapping[str, str], child: Mapping[str, str]) -> str:
    """Return the difference of two candidates as a unified diff; empty if they are equal."""
    parts: list[str] = []
    for path in sorted({*parent, *child}):
        before, after = (side.get(path, "").splitlines() for side in (parent, child))
        parts += difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", n=2, lineterm="")
    return "\n".join(parts)


def summary(parent: Mapping[str, str], child: Mapping[str, str]) -> str:
    """Return how many lines of which files differ, such as `train.py +12 -3`."""
    told = []
    for path in sorted({*parent, *child}):
        difference = changes({path: parent.get(path, "")}, {path: child.get(path, "")})
        lines = difference.splitlines()[2:]
        added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
        if lines:
            told.append(f"{path} +{added} -{removed}")
    return ", ".join(told) or "no change"


def _candidate(text: str, parent: Candidate) -> Candidate:
    parts = _PART.findall(text)
    if not parts:
        raise _Unusable(
            'the answer has no complete <file path="…"> … </file> or <edit path="…"> … </edit>, '
            "each tag in a line of its own"
        )
    files = dict(parent.files)
    for kind, path, content in parts:
        files[path] = content if kind == "file" else _edited(files, path, content)
    return Candidate(files)


def _edited(files: Mapping[str, str], path: str, content: str) -> str:
    if path not in files:
        raise _Unusable(f"{path} is edited, but the parent has only {', '.join(sorted(files))}")
    changes = _CHANGE.findall(content)
    if not changes:
        raise _Unusable(f"the edit of {path} has no SEARCH … ======= … REPLACE block")
    text = _with_newline(files[path])
    for searched, replacement in changes:
        text = _replace_once(text, searched, replacement, path)
    return text


def _replace_once(text: str, searched: str, replacement: str, path: str) -> str:
    if not searched.strip():
        raise _Unusable(f"an edit of {path} searches for nothing; give the lines that it replaces")
    starts = [at for at in _line_starts(text) if text.startswith(searched, at)]
    if len(starts) == 1:
        return text[: starts[0]] + replacement + text[starts[0] + len(searched) :]
    first = searched.splitlines()[0]
    if starts:
        raise _Unusable(
            f"the lines that an edit of {path} searches for occur {len(starts)} times, the first "
            f"of them is {first!r}: give more lines around them"
        )
    near = difflib.get_close_matches(first, text.splitlines(), n=1, cutoff=0.6)
    hint = f"; a similar line in it is {near[0]!r}" if near else ""
    raise _Unusable(
        f"the lines that an edit of {path} searches for are not in it, the first of them is "
        f"{first!r}{hint}. They must be exactly those of the parent's file"
    )


def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer("\n", text))]


def _with_newline(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"
