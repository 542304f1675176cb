"""Attention on the kernels: one call from the projections' output to o_proj's input.

Shapes: B batch, L length, D model width, H heads, K key/value heads, P head dimension,
W = (H + 2 K)·P.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.primitives.attention.module import Attention
from aira_dsl.primitives.common.rope import rotate
from aira_dsl.primitives.kernels.call import call

HEAD_DIMS = (8, 16, 32, 64)
"""Head dimensions for which `attention.hpp` is compiled."""

OPTIONS = {"window"}
"""Options that the kernels know."""


def supports(mixer: Attention) -> bool:
    """Tell whether the kernels can run a mixer."""
    return mixer.head_dim in HEAD_DIMS and mixer.block.used_options().keys() <= OPTIONS


def run(mixer: Attention, x_BLD: Tensor) -> Tensor:
    """Return what the mixer returns, in the dtype of x."""
    assert mixer.v_proj is not None, "supported"
    projections = (mixer.q_proj, mixer.k_proj, mixer.v_proj)
    weight_WD = torch.cat([projection.weight for projection in projections]).to(x_BLD.dtype)
    qkv_BLW = F.linear(x_BLD, weight_WD)
    window = min(mixer.block.window or x_BLD.shape[1], x_BLD.shape[1])
    sizes = (mixer.kv_heads, mixer.head_dim, window)
    out_BLD = _Attention.apply(qkv_BLW, sizes, mixer.rope)  # type: ignore[no-untyped-call]
    return F.linear(out_BLD, mixer.o_proj.weight.to(x_BLD.dtype))


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, qkv_BLW: Tensor, sizes: tuple[int, int, int], rope: float | None
    ) -> Tensor:
        kv_heads, head_dim, window = sizes
        batch, length, channels = qkv_BLW.shape
        heads = channels // head_dim - 2 * kv_heads
        shape = (batch, length, heads, kv_heads, head_dim, window)
        turns = (None, None) if rope is None else _angles(length, head_dim, rope)
        out_BLD = qkv_BLW.new_empty(batch, length, heads * head_dim)
        log_sums_BHL = torch.empty(batch, heads, length)
        call("attention_forward", qkv_BLW.dtype, *shape, qkv_BLW, *turns, out_BLD, log_sums_BHL)
        ctx.save_for_backward(qkv_BLW, out_BLD, log_sums_BHL)
        ctx.shape, ctx.turns = shape, turns
        return out_BLD

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        # FlashAttention's backward pass (arXiv 2205.14135, §B.2). For one head, with scores
        # S = Q·Kᵀ / sqrt(P), weights W = softmax(S), computed again from the stored log sums,
        # out O = W·V, and G the gradient of O:
        #   grad_V = Wᵀ·G,   grad_S = W ∘ (G·Vᵀ - rowsum(G ∘ O)),
        #   grad_Q = grad_S·K / sqrt(P),   grad_K = grad_Sᵀ·Q / sqrt(P).
        # Key and value heads sum over their group. RoPE is a rotation: gradients are rotated back.
        qkv_BLW, out_BLD, log_sums_BHL = ctx.saved_tensors
        grad_qkv_BLW = torch.empty_like(qkv_BLW)
        call(
            "attention_backward", qkv_BLW.dtype, *ctx.shape, grads[0].contiguous(), qkv_BLW,
            *ctx.turns, out_BLD, log_sums_BHL, grad_qkv_BLW,
        )  # fmt: skip
        return grad_qkv_BLW, None, None


@lru_cache(maxsize=32)
def _angles(length: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (L, P / 2): the reference's rotation of the vectors (1, 0)."""
    with torch.inference_mode(False), torch.no_grad():
        half = torch.ones(length, head_dim // 2)
        unit_LP = torch.cat([half, torch.zeros_like(half)], dim=1)
        cosines_LI, sines_LI = rotate(unit_LP[None, None], start=0, theta=theta)[0, 0].chunk(2, 1)
        return cosines_LI.contiguous(), sines_LI.contiguous()
