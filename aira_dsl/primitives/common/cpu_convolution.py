"""The causal depthwise convolution with silu on the kernels.

Shapes: B batch, L length, C channels, K kernel.
"""

from typing import Any

import torch
from torch import Tensor, nn

from aira_dsl.primitives.kernels.call import call

CONV_WIDTHS = (2, 3, 4)
"""Kernel sizes for which `convolution.hpp` and `short_conv.hpp` are compiled."""


def silu_convolution(conv: nn.Conv1d, x_BLC: Tensor) -> Tensor:
    """Convolve, then silu; x may be some columns of a wider tensor."""
    y_BLC: Tensor = _Convolution.apply(x_BLC, conv.weight, conv.bias)  # type: ignore[no-untyped-call]
    return y_BLC


class _Convolution(torch.autograd.Function):
    """The derivatives are in `mamba2/cpu.py`, step 3."""

    @staticmethod
    def forward(ctx: Any, x_BLC: Tensor, weight_C1K: Tensor, bias_C: Tensor | None) -> Tensor:
        ctx.sizes = (*x_BLC.shape, weight_C1K.shape[-1], x_BLC.stride(1))
        ctx.save_for_backward(x_BLC, weight_C1K, bias_C)
        y_BLC = x_BLC.new_empty(x_BLC.shape)
        call("convolution_forward", x_BLC.dtype, *ctx.sizes, x_BLC, weight_C1K, bias_C, y_BLC)
        return y_BLC

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x_BLC, weight_C1K, bias_C = ctx.saved_tensors
        batch, length, channels, _, stride = ctx.sizes
        # The kernel writes rows as far apart as those of x.
        grad_BLC = x_BLC.new_empty(batch, length, stride)[..., :channels]
        grad_weight_C1K = torch.zeros_like(weight_C1K)
        grad_bias_C = None if bias_C is None else torch.zeros_like(bias_C)
        call(
            "convolution_backward", x_BLC.dtype, *ctx.sizes, grads[0].contiguous(), x_BLC,
            weight_C1K, bias_C, grad_BLC, grad_weight_C1K, grad_bias_C,
        )  # fmt: skip
        return grad_BLC, grad_weight_C1K, grad_bias_C
