"""What a training writes while it runs: metrics.jsonl and TensorBoard's log."""

import json
from pathlib import Path
from typing import Any

from aira_dsl.errors import UsageError
from aira_dsl.utils.extras import install_command
from aira_dsl.utils.files import replace_file, reporting

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"


class Records:
    """The records of the first process.

    Args:
        folder: the run folder.
        step: steps done; lines of later steps, which a killed process wrote, are removed.
        tensorboard: whether TensorBoard's log is written, too.

    Raises:
        UsageError: E1512, the package tensorboard is missing.
        RunError: E0904, the files cannot be written.
    """

    def __init__(self, folder: Path, step: int, *, tensorboard: bool) -> None:
        self.path = folder / METRICS
        self._board = _board(folder / TENSORBOARD, step) if tensorboard else None
        with reporting(f"{self.path} cannot be written"):
            replace_file(self.path, _lines_until(self.path, step))
            self._file = self.path.open("a", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        """Add one line; its number `step` is the place in TensorBoard.

        Raises:
            RunError: E0904, it cannot be written.
        """
        with reporting(f"{self.path} cannot be written"):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            if self._board is not None:
                for name, value in line.items():
                    self._board.add_scalar(name, value, line["step"])

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def _lines_until(path: Path, step: int) -> bytes:
    """Return the whole lines of steps up to this one."""
    if not path.exists():
        return b""
    kept = []
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            is_old = json.loads(line)["step"] <= step and line.endswith(b"\n")
        except (ValueError, KeyError, TypeError):
            break  # the line that was being written
        if is_old:
            kept.append(line)
    return b"".join(kept)


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError(
            "E1512",
            "TensorBoard's log needs the package tensorboard, which is not installed",
            help=install_command("train"),
        ) from None
    return SummaryWriter(str(folder), purge_step=step + 1)
