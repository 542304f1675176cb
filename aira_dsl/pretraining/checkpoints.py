"""Checkpoints of a training, in the format of torch.distributed.checkpoint.

    checkpoints/step-00000100/checkpoint.json    position, design, and the checksum of every file
    checkpoints/step-00000100/…                  weights and optimizer state, in parts by process

A checkpoint is written under another name and renamed when it is complete and on the disk, so that
one with its proper name is whole. The last two are kept. Any number of processes reads what any
other number has written.
"""

import json
import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from aira_dsl.errors import InputError, RunError
from aira_dsl.models import LanguageModel
from aira_dsl.pretraining.optimizers import Optimizers
from aira_dsl.pretraining.position import Position
from aira_dsl.pretraining.processes import Processes
from aira_dsl.utils.files import TEMPORARY, replace_file

FORMAT = 1
RECORD = "checkpoint.json"
KEPT = 2


class Checkpoints:
    """The checkpoints of a run folder.

    Args:
        folder: the folder `checkpoints`.
        model: its parameters are saved and restored.
        optimizers: their state is, too.
        processes: all of them take part in every call.
        on_trouble: called in the first process with a sentence about a damaged checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        model: LanguageModel,
        optimizers: Optimizers,
        processes: Processes,
        on_trouble: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.model = model
        self.optimizers = optimizers
        self.processes = processes
        self.on_trouble = on_trouble

    @property
    def _is_alone(self) -> bool:
        return self.processes.size == 1

    def save(self, position: Position) -> None:
        """Write a checkpoint and remove all but the last two.

        Raises:
            RunError: E1509, it cannot be written; E1514, the processes do not share the folder;
                those before stay.
        """
        name = f"step-{position.step:08d}"
        made = self.folder / f"{TEMPORARY}{name}"
        try:
            self.processes.first_does(lambda: _begin(made))
            self.processes.all_do(lambda: self._write(made))
            self.processes.first_does(lambda: self._publish(made, name, position))
        except RunError:
            shutil.rmtree(made, ignore_errors=True)  # in all: each may have one of its own
            raise

    def restore(self) -> Position:
        """Load the last checkpoint that is whole; without one, return the beginning.

        Raises:
            InputError: E1506, it belongs to another design; E1508, there are some and all are
                damaged.
        """
        name, record = self.processes.first_does(self._last)
        if name is None:
            return Position()
        state = self._state()
        with _alone():
            load(state, checkpoint_id=self.folder / name, no_dist=self._is_alone)
        set_state_dict(
            self.model,
            self.optimizers.all,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizers"],
        )
        return Position.of(record)

    def latest(self) -> int | None:
        """Return the step of the last checkpoint; None without any."""
        return max((int(path.name[5:]) for path in self._all()), default=None)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-????????"))

    def _state(self) -> dict[str, Any]:
        weights, states = get_state_dict(self.model, self.optimizers.all)
        return {"model": weights, "optimizers": states}

    def _write(self, made: Path) -> None:
        try:
            with _alone():
                save(self._state(), checkpoint_id=made, no_dist=self._is_alone)
        except CheckpointException as error:
            raise _not_written(made, next(iter(error.failures.values()))[0]) from None
        except (OSError, RuntimeError) as error:
            raise _not_written(made, error) from None

    def _publish(self, made: Path, name: str, position: Position) -> None:
        _require_parts(made)
        record = {
            "format": FORMAT,
            "fingerprint": self.model.architecture.fingerprint,
            "processes": self.processes.size,
            "position": position.record(),
            "files": _sums(made),
        }
        try:
            replace_file(made / RECORD, json.dumps(record, indent=1).encode())
            shutil.rmtree(self.folder / name, ignore_errors=True)  # a damaged one
            made.rename(self.folder / name)
            _sync(self.folder)
        except OSError as error:
            raise _not_written(made, error) from None
        for old in self._all()[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def _last(self) -> tuple[str | None, dict[str, Any]]:
        """Return the name and the position of the last checkpoint that is whole."""
        found = self._all()
        for path in reversed(found):
            record, reason = _read(path)
            if record is None:
                self.on_trouble(f"{path.name} is left out: {reason}")
                continue
            if record["fingerprint"] != self.model.architecture.fingerprint:
                raise InputError(
                    "E1506",
                    f"{path} belongs to the architecture {record['fingerprint']}, this is "
                    f"{self.model.architecture.fingerprint}",
                    help="choose another folder with --out",
                )
            return path.name, record["position"]
        if found:
            raise InputError(
                "E1508",
                f"no checkpoint in {self.folder} can be read; the last: {reason}",
                help="restore one from a copy, or begin again with --force",
            )
        return None, {}


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process save by itself, which is meant, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _begin(made: Path) -> None:
    try:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
    except OSError as error:
        raise _not_written(made, error) from None


def _require_parts(made: Path) -> None:
    """Refuse a checkpoint of which a part is on another machine.

    Raises:
        RunError: E1514.
    """
    stored = FileSystemReader(made).read_metadata().storage_data
    parts = sorted({each.relative_path for each in stored.values()})
    missing = [name for name in parts if not (made / name).exists()]
    if missing:
        raise RunError(
            "E1514",
            f"the checkpoint {made.name.removeprefix(TEMPORARY)} lacks {missing[0]}, which another "
            f"process wrote; {made.parent} is not one folder for all processes",
            help="give an --out on a file system that all machines share, at the same path; the "
            "checkpoints before stay",
        )


def _read(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the record of a checkpoint, or None and what is wrong with it."""
    try:
        record = json.loads((path / RECORD).read_bytes())
        Position.of(record["position"])
        if record["format"] != FORMAT:
            return None, f"its format is {record['format']}"
        sums = _sums(path)
        damaged = [name for name, value in record["files"].items() if sums.get(name) != value]
    except OSError as error:
        return None, f"{Path(error.filename or path).name}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, f"{RECORD} is damaged"
    if damaged:
        state = "damaged" if damaged[0] in sums else "missing"
        return None, f"{damaged[0]} is {state}"
    return record, ""


def _sums(folder: Path) -> dict[str, list[int]]:
    """Return size and checksum of each file but the record."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name != RECORD:
            with path.open("rb") as file:
                total = 0
                while block := file.read(1 << 22):
                    total = zlib.crc32(block, total)
            found[path.name] = [path.stat().st_size, total]
    return found


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_written(made: Path, error: object) -> RunError:
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return RunError(
        "E1509",
        f"the checkpoint {made.name.removeprefix(TEMPORARY)} cannot be written: {reason}; "
        "those before it stay",
        help="free space or fix permissions; the same command continues from the last checkpoint",
    )
