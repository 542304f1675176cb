"""Mamba-2 on the kernels: convolution, recurrence and gated norm between the two projections.

The recurrence is run token by token with its state in registers: on a CPU that beats the chunked
matrix form, which exists to feed matrix units. For the way back the state before every chunk is
kept, and a chunk's states are computed again.

Shapes: B batch, L length, D model width, E inner width, W in_proj's output, C convolution channels.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.primitives.kernels.call import call
from aira_dsl.primitives.mamba2.module import Mamba2
from aira_dsl.primitives.mamba2.spec import Mamba2 as Block

CONV_WIDTHS = (2, 3, 4)
"""What `mamba2.hpp` is compiled for."""

CHUNK = 16
LANES = 16
"""The longest vectors that the kernels may have been compiled for."""


def supports(mixer: Mamba2) -> bool:
    """Tell whether the kernels can run a mixer."""
    return mixer.block.conv in CONV_WIDTHS


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
    """All between in_proj and out_proj."""

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
