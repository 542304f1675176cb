"""The gated short convolution on the kernels: all between its two projections in one pass.

Shapes: B batch, L length, D model width, E inner width, K kernel, W = 3·E.
"""

from typing import Any

import torch
from torch import Tensor

from aira_dsl.primitives.common.cpu_convolution import CONV_WIDTHS
from aira_dsl.primitives.common.cpu_linear import linear
from aira_dsl.primitives.kernels.call import call
from aira_dsl.primitives.short_conv.module import ShortConv


def supports(mixer: ShortConv) -> bool:
    """Tell whether the kernels can run a mixer."""
    return mixer.block.conv in CONV_WIDTHS


def run(mixer: ShortConv, x_BLD: Tensor) -> Tensor:
    """Return what the mixer returns, in the dtype of x."""
    bcx_BLW, conv = linear(mixer.in_proj, x_BLD), mixer.conv
    y_BLE = _Gated.apply(bcx_BLW, conv.weight, conv.bias)  # type: ignore[no-untyped-call]
    return linear(mixer.out_proj, y_BLE)


class _Gated(torch.autograd.Function):
    """y = c ⊙ s, s_t = bias + sum_k w_k·p_(t-K+1+k), p = b ⊙ x.

    With G the gradient of y and g = G ⊙ c that of the sums s, the backward pass gives
      grad_c = G ⊙ s,   P_t = sum_k w_k·g_(t+K-1-k) (the gradient of p),   grad_b = P ⊙ x,
      grad_x = P ⊙ b,   grad_w_k = sum_t g_t·p_(t-K+1+k),   grad_bias = sum_t g_t.
    """

    @staticmethod
    def forward(ctx: Any, bcx_BLW: Tensor, weight_E1K: Tensor, bias_E: Tensor | None) -> Tensor:
        ctx.sizes = (*bcx_BLW.shape[:2], len(weight_E1K), weight_E1K.shape[-1])
        ctx.save_for_backward(bcx_BLW, weight_E1K, bias_E)
        y_BLE = bcx_BLW.new_empty(ctx.sizes[:3])
        call("short_conv_forward", bcx_BLW.dtype, *ctx.sizes, bcx_BLW, weight_E1K, bias_E, y_BLE)
        return y_BLE

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        bcx_BLW, weight_E1K, bias_E = ctx.saved_tensors
        grad_BLW, grad_weight_E1K = torch.empty_like(bcx_BLW), torch.zeros_like(weight_E1K)
        grad_bias_E = None if bias_E is None else torch.zeros_like(bias_E)
        call(
            "short_conv_backward", bcx_BLW.dtype, *ctx.sizes, grads[0].contiguous(), bcx_BLW,
            weight_E1K, bias_E, grad_BLW, grad_weight_E1K, grad_bias_E,
        )  # fmt: skip
        return grad_BLW, grad_weight_E1K, grad_bias_E
