"""Mamba-1 (arXiv 2312.00752), with the names and initialization of `mamba_ssm.Mamba`.

    x, z     = split(in_proj(u))                       twice the inner width
    x        = silu(conv(x))                           causal, depthwise
    r, B, C  = split(x_proj(x))                        widths: R, N, N; normalized if `norms`
    dt       = softplus(dt_proj(r))                    one step size a channel, of rank R
    h_t      = exp(-exp(A_log)·dt_t) ⊙ h_(t-1) + dt_t·x_t · B_t
    y_t      = C_t·h_t + D·x_t
    out      = out_proj(y ⊙ silu(z))

The norms of r, B and C are those of Jamba (`rms`) or of Falcon-Mamba (`weightless`).

Initialization: dt log-uniform in [0.001, 0.1], at least 1e-4, the bias of dt_proj its inverse
softplus; dt_proj uniform within R^(-1/2); A the numbers 1 to N in every channel; D one; the
convolution torch's own default; other projections as everywhere in this package.

Shapes: B batch, L length, D model width, E inner width, N state size, R rank of the steps.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.autocast import no_autocast
from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.convolution import (
    ConvolutionCache,
    convolve,
    depthwise,
    init_convolution,
)
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.mamba1 import cuda, spec
from aira_dsl.primitives.mamba1.scan import Operands, selective_scan

DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 1e-1, 1e-4


@dataclass(slots=True)
class Mamba1Cache(ConvolutionCache):
    """The convolution's last inputs and the state; the same size however long the sequence is."""

    state_BEN: Tensor


class Mamba1(Mixer):
    """The Mamba-1 mixer; weights are interchangeable with `mamba_ssm.Mamba` of the same sizes."""

    no_decay: ClassVar[tuple[str, ...]] = ("A_log", "D")

    def __init__(self, block: spec.Mamba1, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.block = block
        inner, state, rank = block.inner, block.state, block.rank
        self.in_proj = nn.Linear(width, 2 * inner, bias=block.bias)
        self.conv1d = depthwise(inner, block.conv, bias=block.conv_bias)
        self.x_proj = nn.Linear(inner, rank + 2 * state, bias=False)
        eps = block.norm_eps or norm_eps
        self.dt_layernorm = _norm(block, rank, eps)
        self.b_layernorm = _norm(block, state, eps)
        self.c_layernorm = _norm(block, state, eps)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.empty(inner, state))
        self.D = nn.Parameter(torch.empty(inner))
        self.out_proj = nn.Linear(inner, width, bias=block.bias)
        self.mark_no_decay()

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Mix; with a cache, from the state it holds."""
        assert cache is None or isinstance(cache, Mamba1Cache)
        x_BLE, z_BLE = self.in_proj(x_BLD).chunk(2, dim=-1)
        x_BLE = convolve(self.conv1d, x_BLE, cache, "silu")
        r_BLR, B_BLN, C_BLN = self.select(x_BLE)
        y_BLE = self._scan(x_BLE, self.dt_proj(r_BLR), B_BLN, C_BLN, cache)
        gated_BLE = y_BLE * nn.functional.silu(z_BLE.to(y_BLE.dtype))
        return self.out_proj(gated_BLE.to(z_BLE.dtype))  # type: ignore[no-any-return]

    def select(self, x_BLE: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what a token chooses: the low rank of its steps, B and C, normalized."""
        block = self.block
        r_BLR, B_BLN, C_BLN = torch.split(
            self.x_proj(x_BLE), [block.rank, block.state, block.state], dim=-1
        )
        return self.dt_layernorm(r_BLR), self.b_layernorm(B_BLN), self.c_layernorm(C_BLN)

    def _scan(
        self,
        x_BLE: Tensor,
        dt_BLE: Tensor,
        B_BLN: Tensor,
        C_BLN: Tensor,
        cache: Mamba1Cache | None,
    ) -> Tensor:
        """Run the recurrence, in float32 at least and outside autocast."""
        wide = torch.promote_types(x_BLE.dtype, torch.float32)
        with no_autocast(x_BLE.device.type):
            operands = Operands(
                x_BLE.to(wide),
                nn.functional.softplus(dt_BLE.to(wide)),
                -self.A_log.to(wide).exp(),
                B_BLN.to(wide),
                C_BLN.to(wide),
                self.D.to(wide),
            )
            return self._recur(operands, cache)

    def _recur(self, operands: Operands, cache: Mamba1Cache | None) -> Tensor:
        """Run the recurrence on the fastest path there is; updates the cached state."""
        if cache is not None:
            y_BLE, cache.state_BEN = selective_scan(operands, cache.state_BEN)
            return y_BLE
        kernel = cuda.scan_kernel(operands.x_BLE, self.block.state)
        return selective_scan(operands)[0] if kernel is None else cuda.run_scan(kernel, operands)

    def new_cache(self, batch_size: int) -> Mamba1Cache:
        """Return the cache of sequences that have not begun: all zeros, as the padding is."""
        block, weight = self.block, self.in_proj.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        return Mamba1Cache(
            weight.new_zeros(batch_size, block.conv - 1, block.inner),
            weight.new_zeros(batch_size, block.inner, block.state, dtype=wide),
        )

    @torch.no_grad()
    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw every parameter; see the module docstring."""
        init_linear(self.in_proj, generator)
        init_convolution(self.conv1d, generator)
        init_linear(self.x_proj, generator)
        for norm in (self.dt_layernorm, self.b_layernorm, self.c_layernorm):
            for gain in norm.parameters():
                gain.fill_(1.0)
        bound = self.block.rank**-0.5
        self.dt_proj.weight.uniform_(-bound, bound, generator=generator)
        dt_E = torch.empty_like(self.D).uniform_(generator=generator)
        dt_E = (dt_E * math.log(DT_MAX / DT_MIN) + math.log(DT_MIN)).exp().clamp(min=DT_FLOOR)
        self.dt_proj.bias.copy_(dt_E + (-torch.expm1(-dt_E)).log())  # softplus(bias) = dt
        self.A_log.copy_(torch.arange(1, self.block.state + 1, device=self.A_log.device).log())
        self.D.fill_(1.0)
        init_output(self.out_proj, generator, depth)


def _norm(block: spec.Mamba1, width: int, eps: float) -> nn.Module:
    match block.norms:
        case None:
            return nn.Identity()
        case "rms":
            return RMSNorm(width, eps)
        case "weightless":
            return nn.RMSNorm(width, eps, elementwise_affine=False)
