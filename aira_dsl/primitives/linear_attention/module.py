"""Linear attention (arXiv 2006.16236), with the names of `MiniMaxLightningAttention`'s weights.

    q, k, v = silu(qkv_proj(x)) for each head          lightning attention (arXiv 2401.04658)
              elu(q) + 1, elu(k) + 1, v                the original
              q / sqrt(p), k, v                        identity
    S_t     = exp(-r)·S_(t-1) + v_t ⊗ k_t              one fixed rate r a head
    y_t     = S_t·q_t
    out     = out_proj(norm(y) · act(output_gate(x)))

Rates of head i of h, from 1: r = 2^(-8·i/h) (lightning attention), r = -log(1 - 2^(-4-i))
(RetNet, arXiv 2307.08621), times `decay_scale`. The recurrence is Mamba-2's with steps of one, so
that it is computed in the chunks of `common.ssd`. With `output_norm sum`, a further value of one
collects the sum of the weights.

Shapes: B batch, L length, D model width, H heads, P channels of a head, V rows of a state
(P, or P + 1 with the sum), E all channels (H·P).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.autocast import no_autocast
from aira_dsl.primitives.common.cache import LayerCache, MixerCache
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.common.ssd import Operands, ssd
from aira_dsl.primitives.linear_attention import spec

SUM_EPS = 1e-6
"""Added to sums of weights before the division, as in the original code."""


@dataclass(slots=True)
class LinearAttentionCache(MixerCache):
    """The state of every head; the same size however long the sequence is."""

    state_BHVP: Tensor


class LinearAttention(Mixer):
    """Sums of values, weighted by products of queries and keys and by their distance."""

    def __init__(self, block: spec.LinearAttention, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.block = block
        self.head_dim = block.inner // block.heads
        self.chunk = min(64, max(16, self.head_dim))
        self.qkv_proj = nn.Linear(width, 3 * block.inner, bias=False)
        self.out_proj = nn.Linear(block.inner, width, bias=False)
        if block.gate:
            self.output_gate = nn.Linear(width, block.inner, bias=False)
        if block.output_norm in ("width", "head"):
            channels = block.inner if block.output_norm == "width" else self.head_dim
            self.norm = RMSNorm(channels, block.norm_eps or norm_eps)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Mix; with a cache, from the state it holds."""
        assert cache is None or isinstance(cache, LinearAttentionCache)
        qkv_BLHX = torch.unflatten(self.qkv_proj(x_BLD), -1, (self.block.heads, -1))
        wide = torch.promote_types(qkv_BLHX.dtype, torch.float32)
        with no_autocast(x_BLD.device.type):
            y_BLHV = self._recur(*self._features(qkv_BLHX.to(wide)), cache)
            if self.block.output_norm == "sum":
                y_BLHV = y_BLHV[..., :-1] / (y_BLHV[..., -1:] + SUM_EPS)
        y_BLE = self._normalize(y_BLHV.to(qkv_BLHX.dtype))
        if self.block.gate:
            gate_BLE = self.output_gate(x_BLD)
            silu = self.block.gate == "silu"
            y_BLE = y_BLE * (nn.functional.silu(gate_BLE) if silu else gate_BLE.sigmoid())
        return self.out_proj(y_BLE)  # type: ignore[no-any-return]

    def _features(self, qkv_BLHX: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values."""
        feature = self.block.feature
        if feature == "silu":
            qkv_BLHX = nn.functional.silu(qkv_BLHX)
        q_BLHP, k_BLHP, v_BLHV = qkv_BLHX.chunk(3, dim=-1)
        if feature == "elu1":
            q_BLHP, k_BLHP = nn.functional.elu(q_BLHP) + 1, nn.functional.elu(k_BLHP) + 1
        elif feature == "identity":
            q_BLHP = q_BLHP * self.head_dim**-0.5
        if self.block.output_norm == "sum":
            v_BLHV = nn.functional.pad(v_BLHV, (0, 1), value=1.0)
        return q_BLHP, k_BLHP, v_BLHV

    def _recur(
        self, q_BLHP: Tensor, k_BLHP: Tensor, v_BLHV: Tensor, cache: LinearAttentionCache | None
    ) -> Tensor:
        block = self.block
        rates_H = _rates(block.decay, block.heads, block.decay_scale, q_BLHP.dtype, q_BLHP.device)
        steps_BLH = torch.ones_like(q_BLHP[..., 0])
        direct_H = torch.zeros_like(rates_H)
        operands = Operands(v_BLHV, steps_BLH, -rates_H, k_BLHP, q_BLHP, direct_H)
        if cache is None:
            return ssd(operands, chunk=self.chunk)[0]
        y_BLHV, state_BHVP = ssd(
            operands, chunk=self.chunk, state_BHPN=cache.state_BHVP, want_state=True
        )
        assert state_BHVP is not None
        cache.state_BHVP = state_BHVP
        return y_BLHV

    def _normalize(self, y_BLHP: Tensor) -> Tensor:
        """Return the channels of all heads, normalized where the norm has weights."""
        match self.block.output_norm:
            case "width":
                return self.norm(y_BLHP.flatten(2))  # type: ignore[no-any-return]
            case "head":
                return self.norm(y_BLHP).flatten(2)  # type: ignore[no-any-return]
            case _:
                return y_BLHP.flatten(2)

    def new_cache(self, batch_size: int) -> LinearAttentionCache:
        """Return the cache of sequences that have not begun: a state of zeros."""
        weight, rows = self.qkv_proj.weight, self.head_dim + (self.block.output_norm == "sum")
        wide = torch.promote_types(weight.dtype, torch.float32)
        shape = (batch_size, self.block.heads, rows, self.head_dim)
        return LinearAttentionCache(weight.new_zeros(shape, dtype=wide))

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the projections; the norm is one."""
        init_linear(self.qkv_proj, generator)
        if self.block.gate:
            init_linear(self.output_gate, generator)
        if self.block.output_norm in ("width", "head"):
            nn.init.ones_(self.norm.weight)
        init_output(self.out_proj, generator, depth)


@lru_cache(maxsize=32)
def _rates(
    decay: str | None, heads: int, scale: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the rate of every head (H,), computed in float64.

    Kept outside the modules, because they are not a part of their state, and made outside
    inference mode, so that a later training step may use them.
    """
    with torch.inference_mode(False), torch.no_grad():
        heads_H = torch.arange(1, heads + 1, dtype=torch.float64, device=device)
        match decay:
            case "lightning":
                rates_H = 2 ** (-8 * heads_H / heads)
            case "retention":
                rates_H = -torch.log1p(-(2 ** (-4 - heads_H)))
            case _:
                rates_H = torch.zeros_like(heads_H)
        return (scale * rates_H).to(dtype)
