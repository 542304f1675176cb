"""Kimi Delta Attention (arXiv 2510.26692 §4), with the names of Kimi-Linear for its gates.

    q, k, v = split(silu(conv(in_proj_qkv(x))))     causal, depthwise
    β       = σ(b_proj(x))                          one number a head
    f       = f(x) + dt_bias                        one number a channel of a key
    g       = -exp(A_log)·softplus(f)               or -lower_bound·σ(exp(A_log)·f)
    o       = delta_rule(q, k, v, g, β)             common/delta_rule.py
    out     = out_proj(RMSNorm(o) ⊙ σ(g(x)))

f and g are projections of a low rank, f_b_proj(f_a_proj(x)), or of full rank, f_proj(x). The norm
is over the channels of a head; all heads share its weight.

Initialization: projections as everywhere in this package, decays as in Mamba-2, with A_log zero
under a bound (as in GLM-5.3), the convolution torch's own default.

Shapes: B batch, L length, D model width, C convolution channels, H heads, P head dimension.
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
from aira_dsl.primitives.kda import cuda, spec


class KDA(DeltaMixer):
    """The Kimi Delta Attention mixer."""

    no_decay: ClassVar[tuple[str, ...]] = ("dt_bias", "A_log")

    def __init__(self, block: spec.KDA, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.block = block
        self.in_proj_qkv = nn.Linear(width, 3 * block.inner, bias=False)
        self.b_proj = nn.Linear(width, block.heads, bias=False)
        self.conv1d = depthwise(3 * block.inner, block.conv, bias=False)
        self.dt_bias = nn.Parameter(torch.empty(block.inner))
        self.A_log = nn.Parameter(torch.empty(block.heads))
        self.norm = GatedRMSNorm(
            block.head_dim, 1, norm_eps, gate_first=False, activation="sigmoid"
        )
        self.out_proj = nn.Linear(block.inner, width, bias=False)
        for gate, bias in {"f": False, "g": block.gate_bias}.items():
            if block.rank is None:
                self.add_module(f"{gate}_proj", nn.Linear(width, block.inner, bias=bias))
            else:
                self.add_module(f"{gate}_a_proj", nn.Linear(width, block.rank, bias=False))
                self.add_module(f"{gate}_b_proj", nn.Linear(block.rank, block.inner, bias=bias))
        self.mark_no_decay()

    def after_convolution(
        self, x_BLD: Tensor, qkv_BLC: Tensor, cache: DeltaCache | None = None
    ) -> Tensor:
        """Compute everything but queries, keys and values."""
        beta_BLH, f_BLHP = self.b_proj(x_BLD), self._gate("f", x_BLD)
        with no_autocast(x_BLD.device.type):
            wide = torch.promote_types(f_BLHP.dtype, torch.float32)
            q_BLHP, k_BLHP, v_BLHP = (self._heads(each) for each in qkv_BLC.chunk(3, dim=-1))
            operands = Operands(
                q_BLHP,
                k_BLHP,
                v_BLHP,
                self._log_decay(f_BLHP.to(wide)),
                beta_BLH.to(wide).sigmoid(),
            )
            o_BLHP = recall(operands, cache, cuda.rule_kernel(qkv_BLC))
        y_BLHP = self.norm(o_BLHP, self._gate("g", x_BLD))
        return self.out_proj(y_BLHP.flatten(2))  # type: ignore[no-any-return]

    def _gate(self, gate: str, x_BLD: Tensor) -> Tensor:
        if self.block.rank is None:
            return self._heads(self.get_submodule(f"{gate}_proj")(x_BLD))
        low_BLR = self.get_submodule(f"{gate}_a_proj")(x_BLD)
        return self._heads(self.get_submodule(f"{gate}_b_proj")(low_BLR))

    def _heads(self, x_BLC: Tensor) -> Tensor:
        return torch.unflatten(x_BLC, -1, (self.block.heads, self.block.head_dim))

    def _log_decay(self, f_BLHP: Tensor) -> Tensor:
        f_BLHP = f_BLHP + self._heads(self.dt_bias).to(f_BLHP.dtype)
        rate_H1 = self.A_log.to(f_BLHP.dtype).exp().unsqueeze(-1)
        if self.block.lower_bound is not None:
            return -self.block.lower_bound * (rate_H1 * f_BLHP).sigmoid()
        return -rate_H1 * nn.functional.softplus(f_BLHP)

    def new_cache(self, batch_size: int) -> DeltaCache:
        """Return the cache of sequences that have not begun: zeros, as the padding is."""
        block, weight = self.block, self.conv1d.weight
        sizes = (block.heads, block.head_dim, block.head_dim)
        wide = torch.promote_types(weight.dtype, torch.float32)
        return DeltaCache(
            weight.new_zeros(batch_size, block.conv - 1, 3 * block.inner),
            weight.new_zeros(batch_size, *sizes, dtype=wide),
        )

    @torch.no_grad()
    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw every parameter; see the module docstring."""
        for module in self.children():
            if isinstance(module, nn.Linear) and module is not self.out_proj:
                init_linear(module, generator)
        init_convolution(self.conv1d, generator)
        init_decays(self.A_log, self.dt_bias, generator)
        if self.block.lower_bound is not None:
            self.A_log.zero_()
        self.norm.weight.fill_(1.0)
        init_output(self.out_proj, generator, depth)
