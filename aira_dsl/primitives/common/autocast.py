"""Computation in the dtype that a mixer chose, whatever autocast would choose."""

from contextlib import AbstractContextManager, nullcontext

import torch


def no_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context without autocast on a device; nothing on those that have none (meta)."""
    # Not `torch.amp.is_autocast_available`: torch.compile cannot trace it in every release.
    if device == "meta":
        return nullcontext()
    return torch.autocast(device, enabled=False)
