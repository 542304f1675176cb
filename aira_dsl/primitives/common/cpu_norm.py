"""The addition to the residual stream and the norm after it, in one pass.

Shapes: B batch, L length, D model width.
"""

from typing import Any

import torch
from torch import Tensor, nn

from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.kernels.call import call


def add_norm(norm: nn.Module, x_BLD: Tensor, y_BLD: Tensor | None, dtype: torch.dtype) -> Any:
    """Return x + y, the stream in float32, and its norm in `dtype`; without y, x and its norm.

    Only RMSNorm has a kernel. The sum is a tensor of its own, since a sharded layer must not return
    a view of its input.
    """
    if isinstance(norm, RMSNorm):
        return _AddNorm.apply(x_BLD, y_BLD, norm.weight, norm.eps, dtype)  # type: ignore[no-untyped-call]
    total_BLD = x_BLD.clone() if y_BLD is None else x_BLD + y_BLD
    return total_BLD, norm(total_BLD).to(dtype)


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_BLD: Tensor, y_BLD: Tensor | None, weight_D: Tensor, *options: Any
    ) -> tuple[Tensor, Tensor]:
        eps, dtype = options
        width = x_BLD.shape[-1]
        rows = x_BLD.numel() // width
        total_BLD = torch.empty_like(x_BLD)
        out_BLD = torch.empty_like(x_BLD, dtype=dtype)
        rstd_R = torch.empty(rows)
        call(
            "add_norm_forward", dtype, rows, width, eps, x_BLD, y_BLD, weight_D, total_BLD, out_BLD,
            rstd_R,
        )  # fmt: skip
        ctx.save_for_backward(total_BLD, weight_D, rstd_R)
        ctx.has_y = y_BLD is not None
        return total_BLD, out_BLD

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        # t = x + y, q = (mean(t²) + eps)^(-1/2), out = w·t·q (arXiv 1910.07467). dq/dt = -q³·t / D,
        # so with g the gradient of out and e that of the sum itself:
        #   grad_x = grad_y = w·g·q - t·q³·sum(w·g·t) / D + e,   grad_w = sum over rows of g·t·q.
        grad_total_BLD, grad_out_BLD = grads
        assert grad_out_BLD is not None
        total_BLD, weight_D, rstd_R = ctx.saved_tensors
        width = total_BLD.shape[-1]
        grad_out_BLD = grad_out_BLD.contiguous()
        if grad_total_BLD is not None:
            grad_total_BLD = grad_total_BLD.contiguous()
        grad_x_BLD = torch.empty_like(total_BLD)
        grad_y_BLD = torch.empty_like(grad_out_BLD) if ctx.has_y else None
        grad_weight_D = torch.zeros_like(weight_D)
        call(
            "add_norm_backward", grad_out_BLD.dtype, len(rstd_R), width, grad_total_BLD,
            grad_out_BLD, total_BLD, weight_D, rstd_R, grad_x_BLD, grad_y_BLD, grad_weight_D,
        )  # fmt: skip
        return grad_x_BLD, grad_y_BLD, grad_weight_D, None, None
