"""Attention, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rotate(x_BHLP: Tensor, start: int, theta: float) -> Tensor:
    """Turn channel pairs (i, i + P/2) by position · theta^(-2i/P): rotary positions (RoPE)."""
    length, head_dim = x_BHLP.shape[-2:]
    positions = torch.arange(start, start + length, dtype=torch.float64, device=x_BHLP.device)
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float64, device=x_BHLP.device) / head_dim
    angles_LP = torch.outer(positions, theta**-exponents).repeat(1, 2)
    left, right = x_BHLP.chunk(2, dim=-1)
    turned = torch.cat((-right, left), dim=-1)
    return x_BHLP * angles_LP.cos().to(x_BHLP) + turned * angles_LP.sin().to(x_BHLP)


class Attention(nn.Module):
    """Causal self-attention; groups of query heads share a key and a value head."""

    def __init__(
        self, width: int, eps: float, *, heads: int, kv_heads: int, head_dim: int,
        rope: float | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.head_dim, self.rope = head_dim, rope
        self.q_proj = nn.Linear(width, heads * head_dim, bias=False)
        self.k_proj = nn.Linear(width, kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(width, kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(heads * head_dim, width, bias=False)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Attend to these tokens and to those in the cache, which then holds both."""
        q, k, v = (
            projection(x_BLD).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        past = cache["k"].shape[2] if cache else 0
        if self.rope is not None:
            q, k = rotate(q, past, self.rope), rotate(k, past, self.rope)
        if cache:
            k, v = torch.cat((cache["k"], k), dim=2), torch.cat((cache["v"], v), dim=2)
        cache.update(k=k, v=v)
        mask = None
        if past:  # a new token sees all before it: the triangle stands at the right
            mask = q.new_ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(past)
        y = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=not past, enable_gqa=q.shape[1] != k.shape[1]
        )
        return self.o_proj(y.transpose(1, 2).flatten(2))

    def init_weights(self, depth: int) -> None:
        """Draw the projection into the residual stream, smaller the deeper the model is."""
        nn.init.normal_(self.o_proj.weight, std=0.02 / math.sqrt(depth))
