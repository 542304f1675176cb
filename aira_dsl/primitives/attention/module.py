"""Causal grouped-query self-attention, full, windowed or in chunks.

Parameter names are Hugging Face Llama's and Qwen3's. Without RoPE there is no position signal at
all (NoPE), as in NemotronH.

Shapes: B batch, L new tokens, S all tokens, D model width, H heads, K key/value heads,
P head dimension, V channels of a head's values.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.attention import spec
from aira_dsl.primitives.attention.attend import Attending, Heads, attend
from aira_dsl.primitives.common.cache import LayerCache, MixerCache
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.common.rope import rotate


@dataclass(slots=True)
class AttentionCache(MixerCache):
    """Keys (after RoPE) and values: of every token so far, or of those that can be reached.

    Attributes:
        past: tokens that the sequences have had.
    """

    keys_BKSP: Tensor
    values_BKSV: Tensor
    past: int = 0

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
        self.block = block
        self.kv_heads = block.kv_heads
        self.head_dim = block.head_dim
        self.value_dim = block.value_dim or block.head_dim
        self.rope, self.rope_options = block.rope, block.rope_options
        scale = block.scale or self.head_dim**-0.5
        self.attending = Attending(scale, block.window, block.chunk, block.softcap)
        self.norm_eps = norm_eps
        queries, keys = block.heads * self.head_dim, self.kv_heads * self.head_dim
        self.q_proj = nn.Linear(width, queries, bias=block.has_bias("q_proj"))
        self.k_proj = nn.Linear(width, keys, bias=block.has_bias("k_proj"))
        self.v_proj = None
        if not block.keys_are_values:
            values = self.kv_heads * self.value_dim
            self.v_proj = nn.Linear(width, values, bias=block.has_bias("v_proj"))
        outputs = block.heads * self.value_dim
        self.o_proj = nn.Linear(outputs, width, bias=block.has_bias("o_proj"))
        self.gate_proj = None
        if block.gate:
            gates = outputs if block.gate == "element" else block.heads
            self.gate_proj = nn.Linear(width, gates, bias=False)
        if block.qk_norm in ("head", "width"):
            of_head = block.qk_norm == "head"
            self.q_norm = RMSNorm(self.head_dim if of_head else queries, norm_eps)
            self.k_norm = RMSNorm(self.head_dim if of_head else keys, norm_eps)
        self.sinks = nn.Parameter(torch.zeros(block.heads)) if block.sinks else None

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Attend; with a cache, also to the tokens in it."""
        past = 0
        q_BHLP, k_BKSP, v_BKSV = self._projected(x_BLD)
        if cache is not None:
            assert isinstance(cache, AttentionCache)
            past = cache.past
        if self.rope is not None:
            q_BHLP = rotate(q_BHLP, start=past, theta=self.rope, options=self.rope_options)
            k_BKSP = rotate(k_BKSP, start=past, theta=self.rope, options=self.rope_options)
        if cache is not None:
            k_BKSP = torch.cat((cache.keys_BKSP, k_BKSP), dim=2)
            v_BKSV = torch.cat((cache.values_BKSV, v_BKSV), dim=2)
            cache.keys_BKSP, cache.values_BKSV = self._kept(k_BKSP), self._kept(v_BKSV)
            cache.past = past + x_BLD.shape[1]
        y_BHLV = attend(Heads(q_BHLP, k_BKSP, v_BKSV, self.sinks), past, self.attending)
        y_BLD = y_BHLV.transpose(1, 2).flatten(2)
        if self.gate_proj is not None:
            y_BLD = self._gated(y_BLD, self.gate_proj(x_BLD))
        return self.o_proj(y_BLD)  # type: ignore[no-any-return]

    def _projected(self, x_BLD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, normalized but not yet rotated."""
        q_BLC, k_BLC = self.q_proj(x_BLD), self.k_proj(x_BLD)
        values = k_BLC if self.v_proj is None else self.v_proj(x_BLD)
        if self.block.qk_norm == "width":
            q_BLC, k_BLC = _normed(self.q_norm, q_BLC), _normed(self.k_norm, k_BLC)
        q_BHLP, k_BKSP = _heads(q_BLC, self.head_dim), _heads(k_BLC, self.head_dim)
        if self.block.qk_norm == "head":
            q_BHLP, k_BKSP = _normed(self.q_norm, q_BHLP), _normed(self.k_norm, k_BKSP)
        elif self.block.qk_norm == "l2":
            q_BHLP, k_BKSP = self._unweighted(q_BHLP), self._unweighted(k_BKSP)
        v_BKSV = _heads(values, self.value_dim)
        if self.block.value_norm:
            v_BKSV = self._unweighted(v_BKSV)
        if self.block.value_scale is not None:
            v_BKSV = v_BKSV * self.block.value_scale
        return q_BHLP, k_BKSP, v_BKSV

    def _unweighted(self, x_BHLP: Tensor) -> Tensor:
        """Normalize each head by its root mean square."""
        return nn.functional.rms_norm(x_BHLP, x_BHLP.shape[-1:], eps=self.norm_eps)

    def _kept(self, x_BKSP: Tensor) -> Tensor:
        """Return what later tokens can reach, not as a view: the rest is freed."""
        reach = self.attending.reach
        if reach is None or x_BKSP.shape[2] <= reach:
            return x_BKSP
        return x_BKSP[:, :, -reach:].clone()

    def _gated(self, y_BLC: Tensor, gates_BLG: Tensor) -> Tensor:
        """Multiply each head, or each channel, by its gate."""
        is_sigmoid = self.block.gate_activation == "sigmoid"
        gates_BLG = gates_BLG.sigmoid() if is_sigmoid else nn.functional.softplus(gates_BLG)
        if self.block.gate == "head":
            gates_BLG = gates_BLG.repeat_interleave(self.value_dim, dim=-1)
        return y_BLC * gates_BLG

    def new_cache(self, batch_size: int) -> AttentionCache:
        """Return a cache of no tokens."""
        shape, weight = (batch_size, self.kv_heads, 0), self.k_proj.weight
        keys_BKSP = weight.new_empty(*shape, self.head_dim)
        return AttentionCache(keys_BKSP, weight.new_empty(*shape, self.value_dim))

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the projections; biases and sinks are zero, norms do not scale."""
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.gate_proj):
            if projection is not None:
                init_linear(projection, generator)
        init_output(self.o_proj, generator, depth)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 1:
                nn.init.constant_(parameter, float("norm" in name))


def _heads(x_BLC: Tensor, channels: int) -> Tensor:
    return torch.unflatten(x_BLC, -1, (-1, channels)).transpose(1, 2)


def _normed(norm: RMSNorm, x_BLC: Tensor) -> Tensor:
    """Normalize in the dtype of x: under autocast it is not that of the weights."""
    return nn.functional.rms_norm(x_BLC, norm.weight.shape, norm.weight.to(x_BLC.dtype), norm.eps)
