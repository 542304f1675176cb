"""Measured data as files with a checksum: what was cut or edited is refused, never guessed at."""

import hashlib
import json
from pathlib import Path
from typing import Any

from aira_dsl.errors import InputError, UsageError
from aira_dsl.utils.files import write_atomically

FORMAT = 1


def write_sealed(
    path: str | Path, kind: str, content: dict[str, Any], *, indent: int | None = 1
) -> None:
    """Write a file in one step.

    Args:
        path: where to.
        kind: what it is, such as `calibration`.
        content: what JSON can hold.
        indent: of the file's JSON; None for one long line.

    Raises:
        RunError: E0904, if it can not be written.
    """
    record = {"format": FORMAT, "kind": kind, "sha256": checksum(content), "content": content}
    write_atomically(path, json.dumps(record, indent=indent, ensure_ascii=False) + "\n")


def read_bytes(path: str | Path) -> bytes:
    """Return what a file holds.

    Raises:
        UsageError: E0644, if it can not be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            "E0644", f"{path} can not be read: {error.strerror}", help="check the path"
        ) from None


def read_sealed(name: str, data: bytes, kind: str) -> dict[str, Any]:
    """Return the content of a file of this kind.

    Raises:
        InputError: E0641, if it is damaged, edited, of another kind or of another format.
    """
    try:
        record = json.loads(data)
        found, content = (record["format"], record["kind"]), record["content"]
        if found != (FORMAT, kind):
            reason = f"it is a {found[1]} of format {found[0]}"
        elif record["sha256"] != checksum(content):
            reason = "its checksum is wrong: it was edited"
        else:
            return dict(content)
    except (ValueError, KeyError, TypeError):
        reason = "it is damaged"
    raise unusable(name, kind, reason)


def unusable(name: str, kind: str, reason: str) -> InputError:
    """Describe a file that can not be used."""
    return InputError(
        "E0641",
        f"{name} is no {kind} that can be used: {reason}",
        help="get the file again, or make it anew with the command that makes it",
    )


def checksum(content: Any) -> str:
    """Hash what JSON can hold, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
