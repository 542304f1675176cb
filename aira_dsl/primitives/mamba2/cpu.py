"""Mamba-2 on the kernels: convolution, recurrence and gated norm between the two projections.

The recurrence is run token by token with its state in registers: on a CPU that is faster than the
chunked matrix form, which exists for matrix units. For the backward pass the state before every
chunk is kept, and the states inside a chunk are computed again.

Shapes: B batch, L length, D model width, E inner width, W in_proj's output, C convolution channels.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.common.cpu_convolution import CONV_WIDTHS
from aira_dsl.primitives.kernels.call import call
from aira_dsl.primitives.mamba2.module import Mamba2
from aira_dsl.primitives.mamba2.spec import Mamba2 as Block

CHUNK = 16
LANES = 16
"""Length of the longest vectors for which the kernels may be compiled."""


def supports(mixer: Mamba2) -> bool:
    """Tell whether the kernels can run a mixer: they have none of the mixer's own options."""
    options = mixer.block.used_options().keys() - Primitive.model_fields.keys()
    return mixer.block.conv in CONV_WIDTHS and not options


def run(mixer: Mamba2, x_BLD: Tensor) -> Tensor:
    """Return what the mixer returns, in the dtype of x."""
    projected_BLW = F.linear(x_BLD, mixer.in_proj.weight.to(x_BLD.dtype))
    parameters = (
        mixer.conv1d.weight, mixer.conv1d.bias, mixer.dt_bias, mixer.A_log, mixer.D,
        mixer.norm.weight,
    )  # fmt: skip
    options = (mixer.block, mixer.norm.eps)
    out_BLE = _Inner.apply(projected_BLW, *parameters, *options)  # type: ignore[no-untyped-call]
    return F.linear(out_BLE, mixer.out_proj.weight.to(x_BLD.dtype))


class _Inner(torch.autograd.Function):
    """All operations between in_proj and out_proj.

    The backward pass, in the order in which it runs; s(·) is the sigmoid, silu(a) = a·s(a) and
    silu'(a) = s(a)·(1 + a·(1 - s(a))). G is the gradient of a step's output.

    1. Gated norm, v = y·silu(z), out = w·v·q: grad_v and grad_w are those of RMSNorm
       (`common/cpu_norm.py`), then grad_y = grad_v·silu(z) and grad_z = grad_v·y·silu'(z).
    2. Recurrence, h_t = a_t·h_(t-1) + dt_t·x_t⊗B_t, a_t = exp(dt_t·A), y_t = h_t·C_t + D·x_t. The
       gradient of the state, H_t = G_t⊗C_t + a_(t+1)·H_(t+1), runs backwards in time, and gives
         grad_C_t = h_tᵀ·G_t,   grad_B_t = dt_t·H_tᵀ·x_t,   grad_x_t = dt_t·H_t·B_t + D·G_t,
         grad_D = sum_t G_t·x_t,   e_t = a_t·⟨H_t, h_(t-1)⟩ (the gradient of dt_t·A),
         grad_dt_t = x_t·H_t·B_t + e_t·A,   grad_A_log = A·sum_t e_t·dt_t, since A = -exp(A_log).
       dt = softplus(raw + dt_bias) has the derivative 1 - exp(-dt).
    3. Convolution, c_t = bias + sum_k w_k·x_(t-K+1+k), out = silu(c): with g_t = G_t·silu'(c_t),
         grad_x_t = sum_k w_k·g_(t+K-1-k),   grad_w_k = sum_t g_t·x_(t-K+1+k),
         grad_bias = sum_t g_t.
    """

    @staticmethod
    def forward(ctx: Any, projected_BLW: Tensor, *arguments: Any) -> Tensor:
        *parameters, block, eps = arguments
        conv, conv_bias, dt_bias, A_log, D, norm = parameters
        batch, length, stride = projected_BLW.shape
        dtype = projected_BLW.dtype
        rows, sizes = batch * length, _sizes(block, batch, length, stride)
        _, xBC, dt = _parts(projected_BLW, block)

        mixed_BLC = projected_BLW.new_empty(batch, length, block.conv_channels)
        conv_sizes = (batch, length, block.conv_channels, block.conv, stride)
        call("convolution_forward", dtype, *conv_sizes, xBC, conv, conv_bias, mixed_BLC)
        y_BLE = projected_BLW.new_empty(batch, length, block.inner)
        states = torch.empty(_states_shape(block, batch, length))
        call("scan_forward", dtype, *sizes, mixed_BLC, dt, dt_bias, A_log, D, y_BLE, states)
        out_BLE, rstd = torch.empty_like(y_BLE), torch.empty(rows, block.groups)
        norm_sizes = (rows, block.inner, block.groups, stride)
        call(
            "gated_norm_forward", dtype, *norm_sizes, eps, y_BLE, projected_BLW, norm, out_BLE, rstd
        )
        ctx.save_for_backward(projected_BLW, *parameters, mixed_BLC, y_BLE, states, rstd)
        ctx.block, ctx.sizes, ctx.conv_sizes, ctx.norm_sizes = block, sizes, conv_sizes, norm_sizes
        return out_BLE

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        projected_BLW, *parameters, mixed_BLC, y_BLE, states, rstd = ctx.saved_tensors
        conv, conv_bias, dt_bias, A_log, D, norm = parameters
        dtype = projected_BLW.dtype
        _, xBC, dt = _parts(projected_BLW, ctx.block)
        grad_BLW = torch.empty_like(projected_BLW)
        grad_z, grad_xBC, grad_dt = _parts(grad_BLW, ctx.block)
        sums = [torch.zeros_like(parameter) for parameter in parameters]
        grad_conv, grad_conv_bias, grad_dt_bias, grad_A_log, grad_D, grad_norm = sums

        grad_y_BLE = torch.empty_like(y_BLE)
        call(
            "gated_norm_backward", dtype, *ctx.norm_sizes, grads[0].contiguous(), y_BLE,
            projected_BLW, norm, rstd, grad_y_BLE, grad_z, grad_norm,
        )  # fmt: skip
        grad_mixed_BLC = torch.empty_like(mixed_BLC)
        call(
            "scan_backward", dtype, *ctx.sizes, grad_y_BLE, mixed_BLC, dt, dt_bias, A_log, D,
            states, grad_mixed_BLC, grad_dt, grad_dt_bias, grad_A_log, grad_D,
        )  # fmt: skip
        call(
            "convolution_backward", dtype, *ctx.conv_sizes, grad_mixed_BLC, xBC, conv, conv_bias,
            grad_xBC, grad_conv, grad_conv_bias,
        )  # fmt: skip
        return grad_BLW, *sums, None, None


def _parts(projected_BLW: Tensor, block: Block) -> tuple[Tensor, ...]:
    """Return z, xBC and dt as views; a kernel starts at their first elements."""
    return torch.split(projected_BLW, [block.inner, block.conv_channels, block.heads], dim=-1)


def _sizes(block: Block, batch: int, length: int, stride: int) -> tuple[int, ...]:
    return (
        batch, length, block.heads, block.head_dim, block.groups, block.state, stride, CHUNK
    )  # fmt: skip


def _states_shape(block: Block, batch: int, length: int) -> tuple[int, ...]:
    blocks, chunks = -(-block.head_dim // LANES), -(-length // CHUNK)
    return (batch, block.heads, blocks, chunks, block.state, LANES)
