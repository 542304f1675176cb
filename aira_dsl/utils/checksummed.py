"""JSON files with a checksum: measured data that was cut or edited is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

from aira_dsl.errors import InputError, UsageError
from aira_dsl.utils.files import write_atomically

FORMAT = 1


def write_checksummed_json(
    path: str | Path, kind: str, content: dict[str, Any], *, indent: int | None = 1
) -> None:
    """Write a file in one step.

    Args:
        path: the file.
        kind: kind of the content, such as `calibration`.
        content: a JSON object.
        indent: indentation of the JSON; None for one long line.

    Raises:
        RunError: E0904 if it cannot be written.
    """
    record = {"format": FORMAT, "kind": kind, "sha256": checksum(content), "content": content}
    write_atomically(path, json.dumps(record, indent=indent, ensure_ascii=False) + "\n")


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file.

    Raises:
        UsageError: E0644 if it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            "E0644", f"{path} cannot be read: {error.strerror}", help="check the path"
        ) from None


def read_checksummed_json(name: str, data: bytes, kind: str) -> dict[str, Any]:
    """Return the content of a file of this kind.

    Raises:
        InputError: E0641 if it is damaged, edited, of another kind or of another format.
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
    raise not_valid(name, kind, reason)


def not_valid(name: str, kind: str, reason: str) -> InputError:
    """Return the error for a file that is not of this kind."""
    return InputError(
        "E0641",
        f"{name} is not a valid {kind} file: {reason}",
        help="get the file again, or make it again with the command that makes it",
    )


def checksum(content: Any) -> str:
    """Hash a JSON value; the order of keys does not count."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
