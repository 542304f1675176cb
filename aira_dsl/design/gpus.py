"""GPUs of this machine, compared with what a size of a task needs."""

import re
from pathlib import Path

from aira_dsl.design.task import Task
from aira_dsl.errors import UsageError
from aira_dsl.utils.formatting import plural

_GPU = re.compile(r"nvidia\d+")


def check_gpus(task: Task, size: str, devices: Path = Path("/dev")) -> None:
    """Refuse a size that needs more GPUs than this machine has.

    They are counted by their device files, which are what the sandbox gives to a candidate: the
    answer does not depend on the framework of the candidate, and takes no time.

    Args:
        task: the task.
        size: name of a size.
        devices: folder of device files.

    Raises:
        UsageError: E0632.
    """
    if not (needed := task.size(size).gpus):
        return
    found = sum(1 for path in devices.glob("nvidia*") if _GPU.fullmatch(path.name))
    if found < needed:
        others = [name for name, each in task.metadata.sizes.items() if not each.gpus]
        raise UsageError(
            "E0632",
            f"{task.name} at size {size} needs {plural(needed, 'NVIDIA GPU')}; this machine has "
            f"{found or 'none'}",
            help=f"sizes without one: {', '.join(others) or 'none'}",
        )
