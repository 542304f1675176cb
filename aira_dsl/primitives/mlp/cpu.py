"""MLPs on kernels: matrix products are PyTorch's; of the activations only SwiGLU needs a kernel.

Shapes: B batch, L length, D model width, F hidden units.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.primitives.kernels.call import call
from aira_dsl.primitives.mlp.module import MLP


def supports(mixer: MLP) -> bool:
    """Return True: the kernels run every MLP."""
    return True


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
        case "relu":
            return F.relu(up_BLF)
        case "relu2":
            return F.relu(up_BLF).square()
        case "gelu":
            return F.gelu(up_BLF)


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
