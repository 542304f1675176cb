"""External CUDA kernels: how they are looked for, and causal_conv1d's convolution.

The packages are optional (`pip install -e '.[cuda]'`) and often broken: they do not install
without CUDA, and an install without its compiled parts fails on import with whatever exception
(facts in docs/compiler.md). So they are looked for when the first CUDA tensor needs them, never on
import of this package; every failure means the plain PyTorch path, with one warning if a package
is there but cannot be used.

Shapes: B batch, L length, C channels, K kernel.
"""

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

Kernel = Callable[..., Any]

CONVOLUTION = ("causal_conv1d", "causal_conv1d", "causal_conv1d_fn")
CONV_WIDTHS = (2, 3, 4)  # what causal_conv1d is compiled for
CONV_STRIDE = 8
"""causal_conv1d reads 8 channels at a time: distances between tokens are multiples of it."""


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


def conv_kernel(x_BLC: Tensor, width: int) -> Kernel | None:
    """Return causal_conv1d's convolution if it can take this tensor, else None."""
    if is_tracing() or not x_BLC.is_cuda:
        return None
    if width not in CONV_WIDTHS or x_BLC.shape[-1] % CONV_STRIDE:
        return None
    return probe(*CONVOLUTION)


def is_tracing() -> bool:
    """Tell whether torch.compile traces: layers with external kernels are not compiled.

    The search for kernels cannot be traced; it would cut the layer in pieces that are compiled
    again in every step.
    """
    return torch.compiler.is_compiling()


def run_conv(
    kernel: Kernel,
    x_BLC: Tensor,
    weight_C1K: Tensor,
    bias_C: Tensor | None,
    activation: Literal["silu"] | None,
) -> Tensor:
    """Call causal_conv1d's convolution, channels last as elsewhere in this package."""
    if any(stride % CONV_STRIDE for stride in x_BLC.stride()[:2]):  # a slice of a projection
        x_BLC = x_BLC.contiguous()
    y_BCL: Tensor = kernel(
        x_BLC.transpose(1, 2), weight_C1K.squeeze(1), bias_C, activation=activation
    )
    return y_BCL.transpose(1, 2)
