"""Processes of a training as torchrun starts them, forked so that they need not import torch."""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path


def in_child(action: Callable[[], object]) -> int:
    """Run something in a forked process; return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    with contextlib.suppress(BaseException):
        action()
        code = 0
    os._exit(code)


def on_several(count: int, action: Callable[[int], object], messages: Path) -> list[int]:
    """Call a function with the rank in processes of one training; return their exit codes.

    Args:
        count: number of processes.
        action: what each does.
        messages: folder for what each raised, in files named after the rank.
    """
    messages.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(count):
        environment = {
            "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test",
        }  # fmt: skip

        def run(rank: int = rank, environment: dict[str, object] = environment) -> None:
            os.environ |= {name: str(value) for name, value in environment.items()}
            try:
                action(rank)
            except BaseException as error:
                (messages / f"{rank}").write_text(f"{error}", encoding="utf-8")
                raise

        children.append(in_child(run))
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return [os.waitstatus_to_exitcode(status) for status in statuses]
