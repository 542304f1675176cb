"""Mixers of the delta rule on the kernels: their convolution.

The delta rule itself is matrix products in its chunked form; the module computes it.

Shapes: B batch, L length, D model width, C convolution channels.
"""

import torch
from torch import Tensor

from aira_dsl.primitives.common.cpu_convolution import CONV_WIDTHS, silu_convolution
from aira_dsl.primitives.common.cpu_linear import linear
from aira_dsl.primitives.common.delta_net import DeltaMixer


def supports(mixer: DeltaMixer) -> bool:
    """Tell whether the kernels can run a mixer."""
    return mixer.conv1d.kernel_size[0] in CONV_WIDTHS


def run(mixer: DeltaMixer, x_BLD: Tensor) -> Tensor:
    """Return what the mixer returns, in the dtype of x."""
    qkv_BLC = silu_convolution(mixer.conv1d, linear(mixer.in_proj_qkv, x_BLD))
    with torch.autocast("cpu", x_BLD.dtype, enabled=x_BLD.dtype != torch.float32):
        return mixer.after_convolution(x_BLD, qkv_BLC).to(x_BLD.dtype)
