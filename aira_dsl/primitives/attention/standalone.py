"""Attention, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rope_frequencies(
    channels: int, theta: float, rotary: float, scaling: str | None, options: dict[str, float]
) -> Tensor:
    """Return the angle of each pair from one token to the next (RoPE), scaled for long contexts."""
    plain = theta ** -(torch.arange(0, channels, 2, dtype=torch.float64) / channels)
    factor = options["rope_factor"]
    low, high, original = (options.get(f"rope_{name}") for name in ("low", "high", "original"))
    if scaling == "proportional":  # the other pairs stand still
        plain = plain * (torch.arange(len(plain)) < int(rotary * channels // 2))
    if scaling == "llama3":
        turns = original * plain / (2 * math.pi)
        kept = (turns - low) / (high - low)
    elif scaling == "yarn":
        first, last = (
            channels * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))
            for turns in (high, low)
        )
        if options["rope_truncate"]:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, channels - 1)
        kept = 1 - (torch.arange(len(plain)) - first) / max(last - first, 0.001)
    else:
        return plain / factor
    kept = kept.clamp(0, 1)
    return plain * kept + plain / factor * (1 - kept)


class Attention(nn.Module):
    """Causal self-attention; groups of query heads share a key and a value head."""

    def __init__(
        self, width: int, eps: float, *, heads: int, kv_heads: int, head_dim: int,
        rope: float | None, window: int | None = None, chunk: int | None = None,
        value_dim: int | None = None, rotary: float = 1.0, rope_scaling: str | None = None,
        rope_attention: float | None = None, interleaved: bool = False,
        qk_norm: str | None = None, value_norm: bool = False, bias: str | None = None,
        gate: str | None = None, gate_activation: str = "sigmoid", sinks: bool = False,
        softcap: float | None = None, scale: float | None = None, keys_are_values: bool = False,
        value_scale: float | None = None, **scaling: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.eps, self.head_dim, self.value_dim = eps, head_dim, value_dim or head_dim
        self.window, self.chunk, self.softcap = window, chunk, softcap
        self.scale, self.value_scale = scale or head_dim**-0.5, value_scale
        self.qk_norm, self.value_norm = qk_norm, value_norm
        self.gate, self.gate_activation = gate, gate_activation
        self.rope, self.rotary, self.interleaved = rope, rotary, interleaved
        self.rope_scaling, self.rope_attention = rope_scaling, rope_attention or 1.0
        self.scaling = {"rope_factor": 1.0, "rope_truncate": True, **scaling}
        queries, keys = heads * head_dim, kv_heads * head_dim
        values, outputs = kv_heads * self.value_dim, heads * self.value_dim
        inner = bias in ("qkv", "all")
        self.q_proj = nn.Linear(width, queries, bias=inner)
        self.k_proj = nn.Linear(width, keys, bias=inner)
        self.v_proj = None if keys_are_values else nn.Linear(width, values, bias=inner)
        self.o_proj = nn.Linear(outputs, width, bias=bias in ("output", "all"))
        if gate:
            self.gate_proj = nn.Linear(width, heads if gate == "head" else outputs, bias=False)
        if qk_norm in ("head", "width"):
            self.q_norm = nn.RMSNorm(head_dim if qk_norm == "head" else queries, eps)
            self.k_norm = nn.RMSNorm(head_dim if qk_norm == "head" else keys, eps)
        self.sinks = nn.Parameter(torch.zeros(heads)) if sinks else None

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Attend to these tokens and to those in the cache, which then holds both."""
        past = int(cache["past"][0]) if cache else 0
        stop = past + x_BLD.shape[1]
        q, k, v = self.project(x_BLD)
        if self.rope is not None:
            q, k = self.rotate(q, past), self.rotate(k, past)
        if cache:
            k, v = torch.cat((cache["k"], k), dim=2), torch.cat((cache["v"], v), dim=2)
        reach = -(self.window or self.chunk or 0)  # what later tokens can see; 0 is all of it
        lengths = torch.full((len(x_BLD),), stop, device=x_BLD.device)
        cache.update(k=k[:, :, reach:], v=v[:, :, reach:], past=lengths)
        y = self.attend(q, k, v, past).transpose(1, 2).flatten(2)
        if self.gate:
            gates = self.gate_proj(x_BLD)
            gates = gates.sigmoid() if self.gate_activation == "sigmoid" else F.softplus(gates)
            y = y * (
                gates if self.gate == "element" else gates.repeat_interleave(self.value_dim, -1)
            )
        return self.o_proj(y)

    def project(self, x_BLD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of all heads, normalized but not yet rotated."""
        q, k = self.q_proj(x_BLD), self.k_proj(x_BLD)
        v = k if self.v_proj is None else self.v_proj(x_BLD)
        if self.qk_norm == "width":
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (
            x.unflatten(-1, (-1, channels)).transpose(1, 2)
            for x, channels in ((q, self.head_dim), (k, self.head_dim), (v, self.value_dim))
        )
        if self.qk_norm == "head":
            q, k = self.q_norm(q), self.k_norm(k)
        if self.qk_norm == "l2":
            q, k = (F.rms_norm(x, (self.head_dim,), eps=self.eps) for x in (q, k))
        if self.value_norm:
            v = F.rms_norm(v, (self.value_dim,), eps=self.eps)
        return q, k, v if self.value_scale is None else v * self.value_scale

    def rotate(self, x_BHLP: Tensor, start: int) -> Tensor:
        """Turn pairs of channels by their positions; the channels after them stay."""
        stays = self.rope_scaling != "proportional"
        channels = int(self.head_dim * self.rotary) if stays else self.head_dim
        x, rest = x_BHLP[..., :channels], x_BHLP[..., channels:]
        angle = rope_frequencies(channels, self.rope, self.rotary, self.rope_scaling, self.scaling)
        positions = torch.arange(start, start + x.shape[2], dtype=torch.float64, device=x.device)
        angles = torch.outer(positions, angle.to(x.device))
        if self.interleaved:
            angles = angles.repeat_interleave(2, 1)
            turned = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
        else:
            angles = angles.repeat(1, 2)
            left, right = x.chunk(2, dim=-1)
            turned = torch.cat((-right, left), dim=-1)
        cosines, sines = (self.rope_attention * part for part in (angles.cos(), angles.sin()))
        return torch.cat((x * cosines.to(x) + turned * sines.to(x), rest), dim=-1)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, past: int) -> Tensor:
        """Return the mean of the values that each query sees, weighted by their scores."""
        mask, group = None, q.shape[1] // k.shape[1]
        if past or self.window or self.chunk or self.softcap or self.sinks is not None:
            stop = past + q.shape[2]
            t = torch.arange(past, stop, device=q.device)[:, None]
            s = torch.arange(stop - k.shape[2], stop, device=q.device)
            mask = s <= t
            if self.window:
                mask = mask & (s > t - self.window)
            if self.chunk:
                mask = mask & (s // self.chunk == t // self.chunk)
        if self.softcap is None and self.sinks is None:
            return F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None, scale=self.scale,
                enable_gqa=group > 1,
            )  # fmt: skip
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = (q @ k.mT).float() * self.scale
        if self.softcap:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        scores = scores.masked_fill(~mask, -torch.inf)
        if self.sinks is not None:  # a column that takes weight and adds nothing
            sinks = self.sinks[:, None, None].expand(*scores.shape[:3], 1)
            scores = torch.cat((scores, sinks), dim=-1)
        return scores.softmax(-1)[..., : k.shape[2]].to(v) @ v

    def init_weights(self, depth: int) -> None:
        """Draw the projection into the residual stream, smaller the deeper the model is."""
        nn.init.normal_(self.o_proj.weight, std=0.02 / math.sqrt(depth))
