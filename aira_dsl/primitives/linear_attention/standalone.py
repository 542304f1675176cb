"""Linear attention, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinearAttention(nn.Module):
    """Sums of values, weighted by products of queries and keys and by their distance."""

    def __init__(
        self, width: int, eps: float, *, heads: int, head_dim: int, feature: str,
        decay: str | None, decay_scale: float, gate: str | None, output_norm: str | None,
        norm_eps: float | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heads, self.head_dim, self.feature = heads, head_dim, feature
        self.decay, self.decay_scale, self.gate = decay, decay_scale, gate
        self.output_norm = output_norm
        self.qkv_proj = nn.Linear(width, 3 * heads * head_dim, bias=False)
        self.out_proj = nn.Linear(heads * head_dim, width, bias=False)
        if gate:
            self.output_gate = nn.Linear(width, heads * head_dim, bias=False)
        if output_norm in ("width", "head"):
            channels = head_dim if output_norm == "head" else heads * head_dim
            self.norm = nn.RMSNorm(channels, norm_eps or eps)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Mix from the state in the cache on, or from zero; the cache then holds the new one."""
        q, k, v = self._features(self.qkv_proj(x_BLD).float().unflatten(-1, (self.heads, -1)))
        state = cache.get("state", v.new_zeros(len(v), self.heads, v.shape[-1], self.head_dim))
        y, cache["state"] = self._recur(q, k, v, state)
        y = self._normalize(y).to(x_BLD)
        if self.gate:
            gate = self.output_gate(x_BLD)
            y = y * (F.silu(gate) if self.gate == "silu" else gate.sigmoid())
        return self.out_proj(y)

    def _features(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (F.silu(qkv) if self.feature == "silu" else qkv).chunk(3, dim=-1)
        if self.feature == "elu1":
            q, k = F.elu(q) + 1, F.elu(k) + 1
        elif self.feature == "identity":
            q = q * self.head_dim**-0.5
        return q, k, F.pad(v, (0, 1), value=1.0) if self.output_norm == "sum" else v

    def _recur(
        self, q: Tensor, k: Tensor, v: Tensor, state: Tensor, chunk: int = 64
    ) -> tuple[Tensor, Tensor]:
        """Inside a chunk it is attention without softmax; between chunks only the state is."""
        outputs, rates = [], self._rates(q.device)[:, None]
        for qi, ki, vi in zip(*(t.split(chunk, dim=1) for t in (q, k, v)), strict=True):
            steps = torch.arange(1, qi.shape[1] + 1, device=q.device)
            left = torch.exp(-rates * steps).to(q)  # (H, L): of the state before the chunk
            distance = (steps[:, None] - steps).tril()
            decay = torch.exp(-rates[..., None] * distance).tril().to(q)  # (H, L, L)
            y = torch.einsum("blhp,bshp,hls,bshv->blhv", qi, ki, decay, vi)
            outputs.append(y + torch.einsum("blhp,hl,bhvp->blhv", qi, left, state))
            added = torch.einsum("bshp,hs,bshv->bhvp", ki, decay[:, -1], vi)
            state = left[:, -1, None, None] * state + added
        return torch.cat(outputs, dim=1), state

    def _rates(self, device: torch.device) -> Tensor:
        """Return how fast each head forgets."""
        heads = torch.arange(1, self.heads + 1, dtype=torch.float64, device=device)
        if self.decay == "lightning":
            return self.decay_scale * 2 ** (-8 * heads / self.heads)
        if self.decay == "retention":
            return -self.decay_scale * torch.log1p(-(2 ** (-4 - heads)))
        return torch.zeros_like(heads)

    def _normalize(self, y: Tensor) -> Tensor:
        if self.output_norm == "sum":
            y = y[..., :-1] / (y[..., -1:] + 1e-6)
        if self.output_norm == "head":
            y = self.norm(y)
        return self.norm(y.flatten(2)) if self.output_norm == "width" else y.flatten(2)

    def init_weights(self, depth: int) -> None:
        """Draw the projection into the residual stream, smaller the deeper the model is."""
        nn.init.normal_(self.out_proj.weight, std=0.02 / math.sqrt(depth))
