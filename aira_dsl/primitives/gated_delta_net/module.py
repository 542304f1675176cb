"""Gated DeltaNet (arXiv 2412.06464), with the names of transformers' Qwen3.5.

    q, k, v = split(silu(conv(in_proj_qkv(x))))     causal, depthwise
    β       = σ(in_proj_b(x))                       times 2 with negative eigenvalues
    g       = -exp(A_log)·softplus(in_proj_a(x) + dt_bias)
    o       = delta_rule(q, k, v, g, β)             common/delta_rule.py
    out     = out_proj(RMSNorm(o) ⊙ silu(in_proj_z(x)))

The norm is over the channels of a head; all heads share its weight. Every key head serves
value_heads / key_heads value heads that follow each other.

Initialization: projections as everywhere in this package, decays as in Mamba-2, the convolution
torch's own default.

Shapes: B batch, L length, D model width, C convolution channels, H value heads, G key heads,
K key size, V value size.
"""

from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.autocast import no_autocast
from aira_dsl.primitives.common.convolution import depthwise, init_convolution
from aira_dsl.primitives.common.delta_net import DeltaCache, DeltaMixer, init_decays, recall
from aira_dsl.primitives.common.delta_rule import Operands
from aira_dsl.primitives.common.mixer import init_linear, init_output
from aira_dsl.primitives.common.norm import GatedRMSNorm
from aira_dsl.primitives.gated_delta_net import cuda, spec


class GatedDeltaNet(DeltaMixer):
    """The Gated DeltaNet mixer."""

    no_decay: ClassVar[tuple[str, ...]] = ("dt_bias", "A_log")

    def __init__(self, block: spec.GatedDeltaNet, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.block = block
        eps = norm_eps if block.norm_eps is None else block.norm_eps
        self.in_proj_qkv = nn.Linear(width, block.conv_channels, bias=False)
        self.in_proj_z = nn.Linear(width, block.inner, bias=False)
        self.in_proj_b = nn.Linear(width, block.value_heads, bias=False)
        self.in_proj_a = nn.Linear(width, block.value_heads, bias=False)
        self.conv1d = depthwise(block.conv_channels, block.conv, bias=False)
        self.dt_bias = nn.Parameter(torch.empty(block.value_heads))
        self.A_log = nn.Parameter(torch.empty(block.value_heads))
        self.norm = GatedRMSNorm(block.value_dim, 1, eps, gate_first=False)
        self.out_proj = nn.Linear(block.inner, width, bias=False)
        self.mark_no_decay()

    def after_convolution(
        self, x_BLD: Tensor, qkv_BLC: Tensor, cache: DeltaCache | None = None
    ) -> Tensor:
        """Compute everything but queries, keys and values."""
        z_BLHV = torch.unflatten(self.in_proj_z(x_BLD), -1, (-1, self.block.value_dim))
        b_BLH, a_BLH = self.in_proj_b(x_BLD), self.in_proj_a(x_BLD)
        with no_autocast(x_BLD.device.type):
            operands = self._operands(qkv_BLC, b_BLH, a_BLH)
            o_BLHV = recall(operands, cache, cuda.rule_kernel(qkv_BLC))
        y_BLHV = self.norm(o_BLHV, z_BLHV)
        return self.out_proj(y_BLHV.flatten(2))  # type: ignore[no-any-return]

    def _operands(self, qkv_BLC: Tensor, b_BLH: Tensor, a_BLH: Tensor) -> Operands:
        block, wide = self.block, torch.promote_types(a_BLH.dtype, torch.float32)
        keys = block.key_heads * block.key_dim
        q_BLC, k_BLC, v_BLC = torch.split(qkv_BLC, [keys, keys, block.inner], dim=-1)
        beta_BLH = b_BLH.to(wide).sigmoid() * (2 if block.negative_eigenvalues else 1)
        step_BLH = nn.functional.softplus(a_BLH.to(wide) + self.dt_bias.to(wide))
        return Operands(
            self._repeated(q_BLC),
            self._repeated(k_BLC),
            torch.unflatten(v_BLC, -1, (-1, block.value_dim)),
            (-self.A_log.to(wide).exp() * step_BLH).unsqueeze(-1),
            beta_BLH,
        )

    def _repeated(self, x_BLC: Tensor) -> Tensor:
        """Return a query or key head for every value head."""
        x_BLGK = torch.unflatten(x_BLC, -1, (-1, self.block.key_dim))
        repeats = self.block.value_heads // self.block.key_heads
        return x_BLGK.repeat_interleave(repeats, dim=2) if repeats > 1 else x_BLGK

    def new_cache(self, batch_size: int) -> DeltaCache:
        """Return the cache of sequences that have not begun: zeros, as the padding is."""
        block, weight = self.block, self.conv1d.weight
        sizes = (block.value_heads, block.key_dim, block.value_dim)
        wide = torch.promote_types(weight.dtype, torch.float32)
        return DeltaCache(
            weight.new_zeros(batch_size, block.conv - 1, block.conv_channels),
            weight.new_zeros(batch_size, *sizes, dtype=wide),
        )

    @torch.no_grad()
    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw every parameter; see the module docstring."""
        for linear in (self.in_proj_qkv, self.in_proj_z, self.in_proj_b, self.in_proj_a):
            init_linear(linear, generator)
        init_convolution(self.conv1d, generator)
        init_decays(self.A_log, self.dt_bias, generator)
        self.norm.weight.fill_(1.0)
        init_output(self.out_proj, generator, depth)
