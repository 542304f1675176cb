"""Architecture files, read with a limit.

Whatever the path names (a directory, a pipe, an endless device, a disk image), the answer comes at
once and is a diagnostic.
"""

import os
import stat
from pathlib import Path

from aira_dsl.language.diagnostics.diagnostic import ArchitectureError, Diagnostic
from aira_dsl.language.syntax.scan import MAX_BYTES


def read_text(path: str | Path) -> str:
    """Read an architecture file.

    Raises:
        ArchitectureError: the file is missing, not regular, above 1 MiB, unreadable or not UTF-8.
    """
    name = str(path)
    try:
        # A pipe without a writer would block an ordinary open; the check comes after the open, so
        # that what is checked is what is read.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None
    try:
        _check_kind(name, os.fstat(handle))
        with open(handle, "rb", closefd=False) as file:
            return decode(file.read(MAX_BYTES + 1), name)
    except OSError as error:
        raise _unreadable(name, error) from None
    finally:
        os.close(handle)


def decode(data: bytes, filename: str) -> str:
    """Turn the bytes of a file into text; raises ArchitectureError (too large, not UTF-8)."""
    if len(data) > MAX_BYTES:
        raise _refusal("E0303", filename, "the file is larger than 1 MiB", "is it the right file?")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error.start, filename) from None


def _check_kind(name: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _refusal("E0302", name, "this is a directory", "name a file")
    if not stat.S_ISREG(status.st_mode):
        help_text = "read a pipe or a device as the standard input: `aira-dsl check - < FILE`"
        raise _refusal("E0302", name, "this is not a regular file", help_text)
    if status.st_size > MAX_BYTES:
        message = f"the file has {status.st_size:,} bytes, the limit is {MAX_BYTES:,}"
        raise _refusal("E0303", name, message, "is it the right file?")


def _unreadable(name: str, error: OSError | ValueError) -> ArchitectureError:
    if isinstance(error, FileNotFoundError):
        return _refusal("E0301", name, "no such file", None)
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return _refusal("E0304", name, f"the file cannot be read: {reason}", None)


def _not_utf8(data: bytes, offset: int, filename: str) -> ArchitectureError:
    """Point at the first byte that is not UTF-8."""
    line_start = data.rfind(b"\n", 0, offset) + 1
    line = data.count(b"\n", 0, offset) + 1
    column = len(data[line_start:offset].decode("utf-8", "replace")) + 1
    message = f"byte 0x{data[offset]:02x} at offset {offset} (line {line}) is not UTF-8"
    help_text = "save the file as UTF-8"
    place = (line, column, line, column + 1)
    return ArchitectureError([Diagnostic("E0305", message, filename, *place, help_text)])


def _refusal(code: str, filename: str, message: str, help_text: str | None) -> ArchitectureError:
    return ArchitectureError([Diagnostic(code, message, filename, help=help_text)])
