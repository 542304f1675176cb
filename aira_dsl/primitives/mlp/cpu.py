"""MLPs on kernels: matrix products are PyTorch's; SwiGLU and relu² have kernels.

Shapes: B batch, L length, D model width, F hidden units.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.primitives.kernels.call import call
from aira_dsl.primitives.mlp.activation import plain
from aira_dsl.primitives.mlp.module import MLP

_ACTIVATIONS = {"swiglu", "relu", "relu2", "gelu"}


def supports(mixer: MLP) -> bool:
    """Return whether the kernels know the activation; they have no biases and no limits."""
    has_options = mixer.up_proj.bias is not None or mixer.clamp is not None
    return mixer.activation in _ACTIVATIONS and not has_options


def run(mixer: MLP, x_BLD: Tensor) -> Tensor:
    """Return what the mixer returns, in the dtype of x."""
    return F.linear(_hidden(mixer, x_BLD), mixer.down_proj.weight.to(x_BLD.dtype))


def _hidden(mixer: MLP, x_BLD: Tensor) -> Tensor:
    weight_FD = mixer.up_proj.weight
    if mixer.activation == "swiglu":
        weight_FD = torch.cat([mixer.gate_proj.weight, weight_FD])
    up_BLF = F.linear(x_BLD, weight_FD.to(x_BLD.dtype))
    match mixer.activation:
        case "swiglu":
            return _SwiGLU.apply(up_BLF)  # type: ignore[no-any-return,no-untyped-call]
        case "relu2":
            return _ReLU2.apply(up_BLF)  # type: ignore[no-any-return,no-untyped-call]
        case _:
            return plain(mixer.activation, up_BLF)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up_BL2F: Tensor) -> Tensor:
        hidden = gate_up_BL2F.shape[-1] // 2
        out_BLF = gate_up_BL2F.new_empty(*gate_up_BL2F.shape[:-1], hidden)
        ctx.save_for_backward(gate_up_BL2F)
        ctx.sizes = out_BLF.numel() // hidden, hidden
        call("swiglu_forward", out_BLF.dtype, *ctx.sizes, gate_up_BL2F, out_BLF)
        return out_BLF

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # out = u·g·s with s = sigmoid(g), s' = s·(1 - s). With o the gradient of out:
        #   grad_g = o·u·s·(1 + g·(1 - s)),   grad_u = o·g·s.
        (gate_up_BL2F,) = ctx.saved_tensors
        grad_BL2F = torch.empty_like(gate_up_BL2F)
        call(
            "swiglu_backward", grad_BL2F.dtype, *ctx.sizes, grads[0].contiguous(), gate_up_BL2F,
            grad_BL2F,
        )  # fmt: skip
        return grad_BL2F


class _ReLU2(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, up_BLF: Tensor) -> Tensor:
        out_BLF = torch.empty_like(up_BLF)
        ctx.save_for_backward(up_BLF)
        ctx.sizes = up_BLF.numel() // up_BLF.shape[-1], up_BLF.shape[-1]
        call("relu2_forward", up_BLF.dtype, *ctx.sizes, up_BLF, out_BLF)
        return out_BLF

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # out = relu(u)²; with o the gradient of out: grad_u = 2·o·relu(u).
        (up_BLF,) = ctx.saved_tensors
        grad_BLF = torch.empty_like(up_BLF)
        call("relu2_backward", grad_BLF.dtype, *ctx.sizes, grads[0].contiguous(), up_BLF, grad_BLF)
        return grad_BLF
