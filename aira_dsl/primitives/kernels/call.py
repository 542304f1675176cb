"""Call a kernel with tensors."""

import ctypes

import torch
from torch import Tensor

from aira_dsl.primitives.kernels.build import load_kernels

_SUFFIX = {torch.float32: "f", torch.bfloat16: "h"}

Argument = Tensor | int | float | None


def call(name: str, dtype: torch.dtype, *arguments: Argument) -> None:
    """Call a kernel of `kernels.cpp` for activations of `dtype`, float32 or bfloat16.

    A tensor is passed as the address of its first element, None as a null pointer. The caller sees
    to sizes, dtypes and strides: a kernel trusts them.
    """
    function = getattr(load_kernels(), f"{name}_{_SUFFIX[dtype]}")
    refused = function(*(_as_c(argument) for argument in arguments))
    assert not refused, f"{name} was not compiled for these sizes"


def _as_c(argument: Argument) -> "ctypes._SimpleCData[int] | ctypes._SimpleCData[float]":
    match argument:
        case None:
            return ctypes.c_void_p(None)  # type: ignore[return-value]
        case Tensor():
            return ctypes.c_void_p(argument.data_ptr())  # type: ignore[return-value]
        case int():
            return ctypes.c_long(argument)
        case float():
            return ctypes.c_float(argument)
