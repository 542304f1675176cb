"""Computation in the dtype that a mixer chose, whatever autocast would choose."""

from contextlib import AbstractContextManager, nullcontext

import torch


def no_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context without autocast on a device; nothing on those that have none (meta)."""
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)
