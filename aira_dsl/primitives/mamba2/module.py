"""Mamba-2 (arXiv 2405.21060), with the names and initialization of `mamba_ssm.Mamba2`.

    z, xBC, dt = split(in_proj(u))                    widths: inner, inner + 2·G·N, H
    x, B, C    = split(silu(conv(xBC)))               causal, depthwise, with bias
    dt         = softplus(dt + dt_bias)               one step size a head
    h_t        = exp(-exp(A_log)·dt_t)·h_(t-1) + dt_t·x_t ⊗ B_t
    y_t        = h_t·C_t + D·x_t
    out        = out_proj(GatedRMSNorm(y, z))         gate first; each group normalized by itself

Options of other models: the norm before the gate or none (Falcon-H1), bounds of dt (Nemotron-H,
Zamba2: from below), biases of the projections, no bias of the convolution.

Weights move both ways by name. In the order in which the original constructs them they are
in_proj.weight, conv1d.weight, conv1d.bias, dt_bias, A_log, D, norm.weight, out_proj.weight; in the
order of its state_dict (a module's own parameters come first, as in any torch module), and of ours:
dt_bias, A_log, D, in_proj.weight, conv1d.weight, conv1d.bias, norm.weight, out_proj.weight.

Initialization: dt log-uniform in [0.001, 0.1], at least 1e-4, dt_bias its inverse softplus; A
uniform in [1, 16]; D one; the convolution torch's own default; projections as everywhere in this
package. Nothing redraws dt_bias later: that mistake handicapped Mamba elsewhere (mad-lab issue 3).

Shapes: B batch, L length, D model width, E inner width, H heads, P head dimension, G groups,
N state size, M = G·N, C convolution channels (E + 2·M).
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
from aira_dsl.primitives.common.norm import Gate, GatedRMSNorm
from aira_dsl.primitives.common.ssd import Operands, ssd
from aira_dsl.primitives.mamba2 import cuda, spec

DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 1e-1, 1e-4
A_MIN, A_MAX = 1.0, 16.0

KERNEL_CHUNK = 256
"""Chunk length of mamba_ssm's CUDA kernel (its own default)."""


@dataclass(slots=True)
class Mamba2Cache(ConvolutionCache):
    """The convolution's last inputs and the state; the same size however long the sequence is."""

    state_BHPN: Tensor


class Mamba2(Mixer):
    """The Mamba-2 mixer; weights are interchangeable with `mamba_ssm.Mamba2` of the same sizes.

    The original fixes the gated norm's epsilon at 1e-5, the default here.
    """

    no_decay: ClassVar[tuple[str, ...]] = ("dt_bias", "A_log", "D")

    def __init__(self, block: spec.Mamba2, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.block = block
        # A small state makes the products inside a chunk the larger part of the work, so chunks
        # are short then (measured on a CPU, docs/compiler.md).
        self.chunk = 16 if block.state <= 16 else 32
        self.in_proj = nn.Linear(width, block.projection, bias=block.bias)
        self.conv1d = depthwise(block.conv_channels, block.conv, bias=block.conv_bias)
        self.dt_bias = nn.Parameter(torch.empty(block.heads))
        self.A_log = nn.Parameter(torch.empty(block.heads))
        self.D = nn.Parameter(torch.empty(block.heads))
        self.norm = _norm(block, norm_eps)
        self.out_proj = nn.Linear(block.inner, width, bias=block.bias)
        self.mark_no_decay()

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Mix; with a cache, from the state it holds."""
        assert cache is None or isinstance(cache, Mamba2Cache)
        block = self.block
        z_BLE, xBC_BLC, dt_BLH = torch.split(
            self.in_proj(x_BLD), [block.inner, block.conv_channels, block.heads], dim=-1
        )
        xBC_BLC = convolve(self.conv1d, xBC_BLC, cache, "silu")
        y_BLE = self._scan(xBC_BLC, dt_BLH, cache)
        return self.out_proj(self.norm(y_BLE, z_BLE))  # type: ignore[no-any-return]

    def _scan(self, xBC_BLC: Tensor, dt_BLH: Tensor, cache: Mamba2Cache | None) -> Tensor:
        """Run the recurrence, in float32 at least and outside autocast."""
        block, wide = self.block, torch.promote_types(dt_BLH.dtype, torch.float32)
        with no_autocast(xBC_BLC.device.type):
            x_BLE, B_BLM, C_BLM = torch.split(
                xBC_BLC.to(wide),
                [block.inner, block.groups * block.state, block.groups * block.state],
                dim=-1,
            )
            operands = Operands(
                torch.unflatten(x_BLE, -1, (block.heads, block.head_dim)),
                self._step_sizes(dt_BLH.to(wide)),
                -self.A_log.to(wide).exp(),
                torch.unflatten(B_BLM, -1, (block.groups, block.state)),
                torch.unflatten(C_BLM, -1, (block.groups, block.state)),
                self.D.to(wide),
            )
            return self._recur(operands, cache).flatten(2)

    def _step_sizes(self, dt_BLH: Tensor) -> Tensor:
        dt_BLH = nn.functional.softplus(dt_BLH + self.dt_bias.to(dt_BLH.dtype))
        if self.block.dt_min is None and self.block.dt_max is None:
            return dt_BLH
        return dt_BLH.clamp(self.block.dt_min, self.block.dt_max)

    def _recur(self, operands: Operands, cache: Mamba2Cache | None) -> Tensor:
        """Run the recurrence on the fastest path there is; updates the cached state."""
        state = None if cache is None else cache.state_BHPN
        kernel = cuda.scan_kernel(operands.x_BLHP, self.block.state)
        last: Tensor | None
        if kernel is not None:
            y_BLHP, last = cuda.run_scan(kernel, operands, chunk=KERNEL_CHUNK, state_BHPN=state)
        else:
            y_BLHP, last = ssd(
                operands, chunk=self.chunk, state_BHPN=state, want_state=cache is not None
            )
        if cache is not None:
            assert last is not None
            cache.state_BHPN = last
        return y_BLHP

    def new_cache(self, batch_size: int) -> Mamba2Cache:
        """Return the cache of sequences that have not begun: all zeros, as the padding is."""
        block, weight = self.block, self.in_proj.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        return Mamba2Cache(
            weight.new_zeros(batch_size, block.conv - 1, block.conv_channels),
            weight.new_zeros(batch_size, block.heads, block.head_dim, block.state, dtype=wide),
        )

    @torch.no_grad()
    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw every parameter; see the module docstring."""
        init_linear(self.in_proj, generator)
        init_convolution(self.conv1d, generator)
        dt_H = torch.empty_like(self.dt_bias).uniform_(generator=generator)
        dt_H = (dt_H * math.log(DT_MAX / DT_MIN) + math.log(DT_MIN)).exp().clamp(min=DT_FLOOR)
        self.dt_bias.copy_(dt_H + (-torch.expm1(-dt_H)).log())  # softplus(dt_bias) = dt
        self.A_log.uniform_(A_MIN, A_MAX, generator=generator).log_()
        self.D.fill_(1.0)
        for gain in self.norm.parameters():
            gain.fill_(1.0)
        init_output(self.out_proj, generator, depth)


def _norm(block: spec.Mamba2, eps: float) -> GatedRMSNorm | Gate:
    if block.gated_norm is None:
        return Gate()
    gate_first = block.gated_norm == "gate_first"
    return GatedRMSNorm(block.inner, block.groups, eps, gate_first=gate_first)
