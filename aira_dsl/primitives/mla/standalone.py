"""Multi-head latent attention, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def yarn_frequencies(
    size: int, theta: float, *, rope_factor: float, rope_original: int, rope_low: float,
    rope_high: float,
) -> Tensor:  # fmt: skip
    """Return the angle of each pair from one token to the next, stretched for long contexts."""
    first, last = (
        size * math.log(rope_original / (turns * 2 * math.pi)) / (2 * math.log(theta))
        for turns in (rope_high, rope_low)
    )
    first, last = max(math.floor(first), 0), min(math.ceil(last), size - 1)
    steps = torch.arange(size // 2, dtype=torch.float64)
    stretched = ((steps - first) / max(last - first, 0.001)).clamp(0, 1)
    return theta ** (-2 * steps / size) * (1 - stretched + stretched / rope_factor)


class MLA(nn.Module):
    """Attention whose keys and values are projections of one cached latent per token."""

    def __init__(
        self, width: int, eps: float, *, heads: int, q_rank: int | None, kv_rank: int,
        nope_dim: int, rope_dim: int, value_dim: int, rope: float | None, interleaved: bool,
        gate: str | None, norm_eps: float | None, scale: float | None = None,
        rope_scaling: str | None = None, rope_attention: float = 1.0, **scaling: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heads, self.rope, self.interleaved = heads, rope, interleaved
        self.scale, self.rope_scaling, self.scaling = scale, rope_scaling, scaling
        self.rope_attention = rope_attention
        self.q_sizes, self.kv_sizes = (nope_dim, rope_dim), (nope_dim, value_dim)
        self.latent_sizes, eps = (kv_rank, rope_dim), norm_eps or eps
        queries = heads * (nope_dim + rope_dim)
        if q_rank is None:
            self.q_proj = nn.Linear(width, queries, bias=False)
        else:
            self.q_a_proj = nn.Linear(width, q_rank, bias=False)
            self.q_a_layernorm = nn.RMSNorm(q_rank, eps)
            self.q_b_proj = nn.Linear(q_rank, queries, bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(width, kv_rank + rope_dim, bias=False)
        self.kv_a_layernorm = nn.RMSNorm(kv_rank, eps)
        self.kv_b_proj = nn.Linear(kv_rank, heads * (nope_dim + value_dim), bias=False)
        self.o_proj = nn.Linear(heads * value_dim, width, bias=False)
        self.g_proj = nn.Linear(width, heads, bias=False) if gate else None

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Attend to these tokens and to those in the cache, which then holds both."""
        past = cache["latent"].shape[1] if cache else 0
        latent, key = self.kv_a_proj_with_mqa(x_BLD).split(self.latent_sizes, dim=-1)
        latent, key = self.kv_a_layernorm(latent), self._turn(key[:, None], past)
        if cache:
            latent = torch.cat((cache["latent"], latent), dim=1)
            key = torch.cat((cache["key"], key), dim=2)
        cache.update(latent=latent, key=key)
        q_nope, q_rope = self._queries(x_BLD).split(self.q_sizes, dim=-1)
        k_nope, v = self._heads(self.kv_b_proj(latent)).split(self.kv_sizes, dim=-1)
        q = torch.cat((q_nope, self._turn(q_rope, past)), dim=-1)
        k = torch.cat((k_nope, key.expand(-1, self.heads, -1, -1)), dim=-1)
        mask = None
        if past:  # a new token sees all before it: the triangle stands at the right
            mask = q.new_ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(past)
        y = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=not past, scale=self.scale
        )
        y = y.transpose(1, 2)
        if self.g_proj is not None:
            y = y * self.g_proj(x_BLD).sigmoid()[..., None]
        return self.o_proj(y.flatten(2))

    def _queries(self, x_BLD: Tensor) -> Tensor:
        if hasattr(self, "q_proj"):
            return self._heads(self.q_proj(x_BLD))
        return self._heads(self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x_BLD))))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _turn(self, x: Tensor, past: int) -> Tensor:
        """Turn pairs of channels by their positions (RoPE).

        Interleaved pairs are brought into two halves first: queries and keys share that order.
        """
        if self.rope is None:
            return x
        if self.interleaved:
            x = x.unflatten(-1, (-1, 2)).mT.flatten(-2)
        length, size = x.shape[-2:]
        angle = self.rope ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)
        if self.rope_scaling == "yarn":
            angle = yarn_frequencies(size, self.rope, **self.scaling)
        positions = torch.arange(past, past + length, dtype=torch.float64, device=x.device)
        angles = torch.outer(positions, angle.to(x.device))
        cos, sin = ((self.rope_attention * part).to(x) for part in (angles.cos(), angles.sin()))
        left, right = x.chunk(2, dim=-1)
        return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)

    def init_weights(self, depth: int) -> None:
        """Draw the projection into the residual stream, smaller the deeper the model is."""
        nn.init.normal_(self.o_proj.weight, std=0.02 / math.sqrt(depth))
