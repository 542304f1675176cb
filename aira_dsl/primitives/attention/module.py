"""Causal grouped-query self-attention.

PyTorch's scaled_dot_product_attention does the work. Parameter names are Hugging Face Llama's;
no biases. Without RoPE there is no position signal at all (NoPE), as in NemotronH.

Shapes: B batch, L new tokens, S all tokens, D model width, H heads, K key/value heads,
P head dimension.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.attention import spec
from aira_dsl.primitives.common.cache import LayerCache, MixerCache
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.common.rope import rotate

CPU_HEAD_DIM = 16
"""SDPA's CPU kernel works on vectors of 16 floats. The paper's heads of 8, filled up with zeros to
16, train a fifth faster (docs/compiler.md) with the same result."""


@dataclass(slots=True)
class AttentionCache(MixerCache):
    """Keys (after RoPE) and values of every token so far; grows by one token a step."""

    keys_BKSP: Tensor
    values_BKSP: Tensor

    @property
    def length(self) -> int:
        """Tokens remembered."""
        return self.keys_BKSP.shape[2]


class Attention(Mixer):
    """softmax(q·k / sqrt(P)) · v over this and earlier tokens; heads share keys in groups."""

    def __init__(self, block: spec.Attention, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        assert block.kv_heads is not None, "resolve the block first"
        assert block.head_dim is not None, "resolve the block first"
        self.kv_heads = block.kv_heads
        self.head_dim = block.head_dim
        self.rope = block.rope
        self.q_proj = nn.Linear(width, block.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(block.heads * self.head_dim, width, bias=False)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Attend; with a cache, also to the tokens in it."""
        past = 0
        q_BHLP = self._heads(self.q_proj(x_BLD))
        k_BKSP = self._heads(self.k_proj(x_BLD))
        v_BKSP = self._heads(self.v_proj(x_BLD))
        if cache is not None:
            assert isinstance(cache, AttentionCache)
            past = cache.length
        if self.rope is not None:
            q_BHLP = rotate(q_BHLP, start=past, theta=self.rope)
            k_BKSP = rotate(k_BKSP, start=past, theta=self.rope)
        if cache is not None:
            k_BKSP = cache.keys_BKSP = torch.cat((cache.keys_BKSP, k_BKSP), dim=2)
            v_BKSP = cache.values_BKSP = torch.cat((cache.values_BKSP, v_BKSP), dim=2)
        y_BHLP = _attend(q_BHLP, k_BKSP, v_BKSP, past)
        return self.o_proj(y_BHLP.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x_BLD: Tensor) -> Tensor:
        return torch.unflatten(x_BLD, -1, (-1, self.head_dim)).transpose(1, 2)

    def new_cache(self, batch_size: int) -> AttentionCache:
        """Return a cache of no tokens."""
        shape = (batch_size, self.kv_heads, 0, self.head_dim)
        weight = self.k_proj.weight
        return AttentionCache(weight.new_empty(shape), weight.new_empty(shape))

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the projections."""
        for projection in (self.q_proj, self.k_proj, self.v_proj):
            init_linear(projection, generator)
        init_output(self.o_proj, generator, depth)


def _attend(q_BHLP: Tensor, k_BKSP: Tensor, v_BKSP: Tensor, past: int) -> Tensor:
    """Attend from the last L of S = past + L tokens to all that are not later."""
    length, head_dim = q_BHLP.shape[2:]
    mask_LS = None
    if past and length > 1:  # SDPA's own causal mask would align the first tokens, not the last
        every = q_BHLP.new_ones(length, past + length, dtype=torch.bool)
        mask_LS = every.tril(diagonal=past)
    if q_BHLP.is_cpu and head_dim < CPU_HEAD_DIM and length > 1:
        missing = (0, CPU_HEAD_DIM - head_dim)
        q_BHLP, k_BKSP, v_BKSP = (nn.functional.pad(x, missing) for x in (q_BHLP, k_BKSP, v_BKSP))
    y_BHLP = nn.functional.scaled_dot_product_attention(
        q_BHLP,
        k_BKSP,
        v_BKSP,
        attn_mask=mask_LS,
        is_causal=past == 0,
        scale=head_dim**-0.5,
        enable_gqa=q_BHLP.shape[1] != k_BKSP.shape[1],
    )
    return y_BHLP[..., :head_dim]
