"""Multi-head latent attention (MLA, DeepSeek-V2, arXiv 2405.04434 §2.1).

    c, k_e    = split(kv_a_proj_with_mqa(x));  c = norm(c)         the latent and the shared key
    q         = q_proj(x), or q_b_proj(norm(q_a_proj(x)))          each head: n and e channels
    k_n, v    = split(kv_b_proj(c))                                each head: n and v channels
    y_t       = sum over s ≤ t of softmax((q_n·k_n + q_e·k_e) · scale) · v_s
    out       = o_proj(y), each head multiplied by sigmoid(g_proj(x)) if there is a gate

q_e and k_e are rotated; scale is 1 / sqrt(n + e) unless it is given. Decoding keeps c and the
rotated k_e alone. A single new token uses the absorbed form (§2.1.2): kv_b_proj is applied to its
query and its output instead of to all cached latents, so that it attends to the latents themselves,
as heads with one common key and value.

Parameter names are those of `DeepseekV3Attention`; the gate's name is `BailingHybridAttention`'s.

Shapes: B batch, L new tokens, S all tokens, D model width, H heads, N nope_dim, E rope_dim,
P = N + E, V value_dim, R kv_rank, C = R + E.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache, MixerCache
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.common.rope import rotate
from aira_dsl.primitives.mla import spec

CPU_HEAD_DIM = 16
"""SDPA's fast CPU kernel works on vectors of 16 floats, and takes keys and values of one size: with
zeros to fill up, a layer of the default block trains 2.8 times as fast, with the same result."""


@dataclass(slots=True)
class MLACache(MixerCache):
    """The latent and the rotated shared key of every token so far."""

    latents_BSR: Tensor
    keys_BSE: Tensor

    @property
    def length(self) -> int:
        """Tokens remembered."""
        return self.latents_BSR.shape[1]


class MLA(Mixer):
    """Attention over keys and values that are projections of one latent per token."""

    def __init__(self, block: spec.MLA, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.block, self.rope_options = block, block.rope_options
        self.scale = block.scale or block.key_dim**-0.5
        eps = block.norm_eps or norm_eps
        if block.q_rank is None:
            self.q_proj = nn.Linear(width, block.heads * block.key_dim, bias=False)
        else:
            self.q_a_proj = nn.Linear(width, block.q_rank, bias=False)
            self.q_a_layernorm = RMSNorm(block.q_rank, eps)
            self.q_b_proj = nn.Linear(block.q_rank, block.heads * block.key_dim, bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(width, block.kv_rank + block.rope_dim, bias=False)
        self.kv_a_layernorm = RMSNorm(block.kv_rank, eps)
        expanded = block.heads * (block.nope_dim + block.value_dim)
        self.kv_b_proj = nn.Linear(block.kv_rank, expanded, bias=False)
        self.o_proj = nn.Linear(block.heads * block.value_dim, width, bias=False)
        if block.gate:
            self.g_proj = nn.Linear(width, block.heads, bias=False)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Attend; with a cache, also to the tokens in it."""
        assert cache is None or isinstance(cache, MLACache)
        past = cache.length if cache is not None else 0
        sizes = [self.block.kv_rank, self.block.rope_dim]
        latents_BSR, keys_BSE = torch.split(self.kv_a_proj_with_mqa(x_BLD), sizes, dim=-1)
        latents_BSR = self.kv_a_layernorm(latents_BSR)
        keys_BSE = self._rotate(keys_BSE.unsqueeze(1), past).squeeze(1)
        if cache is not None:
            latents_BSR = cache.latents_BSR = torch.cat((cache.latents_BSR, latents_BSR), dim=1)
            keys_BSE = cache.keys_BSE = torch.cat((cache.keys_BSE, keys_BSE), dim=1)
        attend = self._absorbed if past and x_BLD.shape[1] == 1 else self._expanded
        y_BLHV = attend(*self._queries(x_BLD, past), latents_BSR, keys_BSE)
        if self.block.gate:
            y_BLHV = y_BLHV * self.g_proj(x_BLD).sigmoid().unsqueeze(-1)
        return self.o_proj(y_BLHV.flatten(2))  # type: ignore[no-any-return]

    def _queries(self, x_BLD: Tensor, past: int) -> tuple[Tensor, Tensor]:
        """Return both parts of the queries, the second one rotated."""
        block = self.block
        if block.q_rank is None:
            q_BLW = self.q_proj(x_BLD)
        else:
            q_BLW = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x_BLD)))
        q_BHLP = torch.unflatten(q_BLW, -1, (block.heads, block.key_dim)).transpose(1, 2)
        q_BHLN, q_BHLE = torch.split(q_BHLP, [block.nope_dim, block.rope_dim], dim=-1)
        return q_BHLN, self._rotate(q_BHLE, past)

    def _rotate(self, x_BHLE: Tensor, past: int) -> Tensor:
        if self.block.rope is None:
            return x_BHLE
        return rotate(x_BHLE, start=past, theta=self.block.rope, options=self.rope_options)

    def _expanded(
        self, q_BHLN: Tensor, q_BHLE: Tensor, latents_BSR: Tensor, keys_BSE: Tensor
    ) -> Tensor:
        """Attend to the keys and values of every head."""
        block = self.block
        sizes = [block.nope_dim, block.value_dim]
        kv_BSHW = torch.unflatten(self.kv_b_proj(latents_BSR), -1, (block.heads, sum(sizes)))
        k_BHSN, v_BHSV = torch.split(kv_BSHW.transpose(1, 2), sizes, dim=-1)
        k_BHSE = keys_BSE.unsqueeze(1).expand(-1, block.heads, -1, -1)
        q_BHLP, k_BHSP = torch.cat((q_BHLN, q_BHLE), -1), torch.cat((k_BHSN, k_BHSE), -1)
        return _attend(q_BHLP, k_BHSP, v_BHSV, self.scale).transpose(1, 2)

    def _absorbed(
        self, q_BHLN: Tensor, q_BHLE: Tensor, latents_BSR: Tensor, keys_BSE: Tensor
    ) -> Tensor:
        """Attend from one token to the latents, which are key and value of all heads."""
        block = self.block
        sizes = [block.nope_dim, block.value_dim]
        weight_HWR = torch.unflatten(self.kv_b_proj.weight, 0, (block.heads, sum(sizes)))
        keys_HNR, values_HVR = torch.split(weight_HWR, sizes, dim=1)
        q_BHLC = torch.cat((torch.einsum("bhln,hnr->bhlr", q_BHLN, keys_HNR), q_BHLE), dim=-1)
        k_BSC = torch.cat((latents_BSR, keys_BSE), dim=-1)
        y_BHR = nn.functional.scaled_dot_product_attention(
            q_BHLC.squeeze(2), k_BSC, latents_BSR, scale=self.scale
        )
        return torch.einsum("bhr,hvr->bhv", y_BHR, values_HVR).unsqueeze(1)

    def new_cache(self, batch_size: int) -> MLACache:
        """Return a cache of no tokens."""
        weight = self.kv_a_proj_with_mqa.weight
        sizes = (self.block.kv_rank, self.block.rope_dim)
        return MLACache(*(weight.new_empty(batch_size, 0, size) for size in sizes))

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the projections; norms are one."""
        for module in self.children():
            if isinstance(module, RMSNorm):
                nn.init.ones_(module.weight)
            elif isinstance(module, nn.Linear) and module is not self.o_proj:
                init_linear(module, generator)
        init_output(self.o_proj, generator, depth)


def _attend(q_BHLP: Tensor, k_BHSP: Tensor, v_BHSV: Tensor, scale: float) -> Tensor:
    """Attend from the last L of S tokens to all that are not later."""
    length, total, channels = q_BHLP.shape[2], k_BHSP.shape[2], v_BHSV.shape[3]
    mask_LS = None
    if length < total:  # SDPA's own causal mask would align the first tokens, not the last
        mask_LS = q_BHLP.new_ones(length, total, dtype=torch.bool).tril(total - length)
    if q_BHLP.is_cpu:
        size = max(CPU_HEAD_DIM, q_BHLP.shape[3], channels)
        q_BHLP, k_BHSP, v_BHSV = (_filled(x, size) for x in (q_BHLP, k_BHSP, v_BHSV))
    y_BHLV = nn.functional.scaled_dot_product_attention(
        q_BHLP, k_BHSP, v_BHSV, attn_mask=mask_LS, is_causal=mask_LS is None, scale=scale
    )
    return y_BHLV[..., :channels]


def _filled(x_BHLP: Tensor, size: int) -> Tensor:
    """Append channels of zeros."""
    return nn.functional.pad(x_BHLP, (0, size - x_BHLP.shape[3]))
