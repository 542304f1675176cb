"""Mamba-1 on the kernels: the convolution, and the scan with its step sizes and its gate.

The scan is run token by token with its states in registers, sixteen channels at a time. For the
backward pass the states before every chunk are kept, and those inside a chunk are computed again.

Shapes: B batch, L length, D model width, E inner width, N state size, R rank of the steps.
"""

from typing import Any

import torch
from torch import Tensor

from aira_dsl.primitives.common.cpu_convolution import CONV_WIDTHS, silu_convolution
from aira_dsl.primitives.common.cpu_linear import linear
from aira_dsl.primitives.kernels.call import call
from aira_dsl.primitives.mamba1.module import Mamba1

CHUNK = 16
LANES = 16
"""Length of the longest vectors for which the kernels may be compiled."""


def supports(mixer: Mamba1) -> bool:
    """Tell whether the kernels can run a mixer."""
    return mixer.block.conv in CONV_WIDTHS


def run(mixer: Mamba1, x_BLD: Tensor) -> Tensor:
    """Return what the mixer returns, in the dtype of x."""
    block = mixer.block
    x_BLE, z_BLE = linear(mixer.in_proj, x_BLD).chunk(2, dim=-1)
    x_BLE = silu_convolution(mixer.conv1d, x_BLE)
    selected = torch.split(linear(mixer.x_proj, x_BLE), [block.rank, block.state, block.state], -1)
    norms = (mixer.dt_layernorm, mixer.b_layernorm, mixer.c_layernorm)
    r_BLR, B_BLN, C_BLN = (
        norm(each).to(x_BLD.dtype) for norm, each in zip(norms, selected, strict=True)
    )
    raw_BLE = torch.nn.functional.linear(r_BLR, mixer.dt_proj.weight.to(x_BLD.dtype))
    parameters = (mixer.dt_proj.bias, mixer.A_log, mixer.D)
    inputs = (x_BLE, raw_BLE, B_BLN, C_BLN, z_BLE)
    return linear(mixer.out_proj, _Scan.apply(*inputs, *parameters))  # type: ignore[no-untyped-call]


class _Scan(torch.autograd.Function):
    """out = y ⊙ silu(z), y_t = C_t·h_t + D·x_t, h_t = a_t ⊙ h_(t-1) + dt_t·x_t·B_t.

    Here a_t = exp(dt_t·A).
    The backward pass; q(·) is the sigmoid, silu'(a) = q(a)·(1 + a·(1 - q(a))), g the gradient of
    out and G = g ⊙ silu(z) that of y. The gradient of the state, H_t = G_t·C_t + a_(t+1)·H_(t+1),
    runs backwards in time, and gives, summed over the channels for B and C, over n for the others,
      grad_z = g ⊙ y ⊙ silu'(z),   grad_C_t = G_t·h_t,   grad_B_t = dt_t·x_t·H_t,
      grad_x_t = dt_t·H_t·B_t + D·G_t,   grad_D = sum_t G_t·x_t,
      e_t = a_t ⊙ H_t ⊙ h_(t-1) (the gradient of dt_t·A),   grad_A_log = A ⊙ sum_t dt_t·e_t,
      grad_dt_t = x_t·H_t·B_t + e_t·A,   grad_raw = grad_dt·q(raw + bias), since dt is its softplus.
    """

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        x_BLE, _, B_BLN, _, z_BLE, _, _, _ = tensors
        batch, length, inner = x_BLE.shape
        state, dtype = B_BLN.shape[2], x_BLE.dtype
        ctx.sizes = (batch, length, inner, state, z_BLE.stride(1), B_BLN.stride(1), CHUNK)
        ctx.dtype = dtype
        out_BLE = torch.empty_like(x_BLE)
        # Enough for vectors of every length.
        states = torch.empty(batch, -(-inner // LANES) * LANES, -(-length // CHUNK), state)
        call("selective_scan_forward", dtype, *ctx.sizes, *tensors, out_BLE, states)
        ctx.save_for_backward(*tensors, states)
        return out_BLE

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        *tensors, states = ctx.saved_tensors
        inputs, parameters = tensors[:5], tensors[5:]
        written = [each.new_empty(each.shape) for each in inputs]
        added = [torch.zeros_like(each) for each in parameters]
        call(
            "selective_scan_backward", ctx.dtype, *ctx.sizes, grads[0].contiguous(), *tensors,
            states, *written, *added,
        )  # fmt: skip
        return (*written, *added)
