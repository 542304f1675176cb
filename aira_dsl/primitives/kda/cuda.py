"""The CUDA kernel of flash-linear-attention, where it exists (`common/cuda.py`)."""

from torch import Tensor

from aira_dsl.primitives.common.cuda import CONVOLUTION, Kernel, probe
from aira_dsl.primitives.common.delta_net import KERNEL_DTYPES

_RULE = ("fla", "fla.ops.kda", "chunk_kda")


def is_available() -> bool:
    """Tell whether the kernels of rule and convolution can be imported."""
    return probe(*_RULE) is not None and probe(*CONVOLUTION) is not None


def rule_kernel(x: Tensor) -> Kernel | None:
    """Return the chunked delta rule if it can take tensors like this one, else None."""
    return probe(*_RULE) if x.is_cuda and x.dtype in KERNEL_DTYPES else None
