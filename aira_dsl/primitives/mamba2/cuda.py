"""CUDA kernels of mamba_ssm and causal_conv1d, where they exist.

Both packages are optional (`pip install -e '.[cuda]'`) and often broken: they do not install
without CUDA, and an install without its compiled parts fails on import with whatever exception
(facts in docs/compiler.md). So they are looked for when the first CUDA tensor needs them, never on
import of this package; every failure means the plain PyTorch path, with one warning if a package
is there but cannot be used.

Shapes: B batch, L length, H heads, P head dimension, G groups, N state size, C channels.
"""

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from torch import Tensor

from aira_dsl.primitives.mamba2.ssd import Operands

Kernel = Callable[..., Any]

MAX_STATE = 256
CONV_WIDTHS = (2, 3, 4)  # what causal_conv1d is compiled for


_SCAN = ("mamba_ssm", "mamba_ssm.ops.triton.ssd_combined", "mamba_chunk_scan_combined")
_CONV = ("causal_conv1d", "causal_conv1d", "causal_conv1d_fn")


def is_available() -> bool:
    """Tell whether both kernels can be imported."""
    return probe(*_SCAN) is not None and probe(*_CONV) is not None


def scan_kernel(x_BLHP: Tensor, state_size: int) -> Kernel | None:
    """Return mamba_ssm's chunked scan if it can take this tensor, else None."""
    if not x_BLHP.is_cuda or state_size > MAX_STATE:
        return None
    return probe(*_SCAN)


def conv_kernel(x_BLC: Tensor, width: int) -> Kernel | None:
    """Return causal_conv1d's convolution if it can take this tensor, else None."""
    if not x_BLC.is_cuda or width not in CONV_WIDTHS:
        return None
    return probe(*_CONV)


@cache
def probe(package: str, module: str, name: str) -> Kernel | None:
    """Import one function, once a process; None if the package is absent or broken."""
    try:
        if importlib.util.find_spec(package) is None:
            return None
        kernel: Kernel = getattr(importlib.import_module(module), name)
    except Exception as error:  # a broken install raises anything: ImportError, OSError, ...
        warnings.warn(
            f"{package} is installed but cannot be used, plain PyTorch runs instead "
            f"({type(error).__name__}: {error})",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return kernel


def run_scan(
    kernel: Kernel, operands: Operands, *, chunk: int, state_BHPN: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Call mamba_ssm's scan with the operands and results of `ssd.ssd`."""
    y_BLHP, last_BHPN = kernel(
        *operands[:5],
        chunk_size=chunk,
        D=operands.D_H,
        initial_states=state_BHPN,
        return_final_states=True,
    )
    return y_BLHP, last_BHPN


def run_conv(kernel: Kernel, x_BLC: Tensor, weight_C1K: Tensor, bias_C: Tensor | None) -> Tensor:
    """Call causal_conv1d's convolution with silu, channels last as elsewhere in this package."""
    y_BCL: Tensor = kernel(x_BLC.transpose(1, 2), weight_C1K.squeeze(1), bias_C, activation="silu")
    return y_BCL.transpose(1, 2)
