"""Mamba-1, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def selective_scan(
    x_BLE: Tensor, dt_BLE: Tensor, A_EN: Tensor, B_BLN: Tensor, C_BLN: Tensor, state_BEN: Tensor
) -> tuple[Tensor, Tensor]:
    """h = exp(dt·A)·h + dt·x·B and y = h·C for every token.

    About sqrt(L) chunks: the state before each of them, then their tokens, all chunks at once.
    """
    length, chunk = x_BLE.shape[1], math.isqrt(x_BLE.shape[1])
    pad = -length % chunk  # a step of dt 0 changes nothing
    x, dt, B, C = (
        F.pad(t, (0, 0, 0, pad)).unflatten(1, (-1, chunk)) for t in (x_BLE, dt_BLE, B_BLN, C_BLN)
    )
    inputs = (dt * x).unsqueeze(-1) * B.unsqueeze(3)  # (B, chunks, tokens, E, N)
    later = F.pad(dt[:, :-1, 1:], (0, 0, 0, 1)).flip(2).cumsum(2).flip(2)
    added = ((later.unsqueeze(-1) * A_EN).exp() * inputs[:, :-1]).sum(2)
    decay = (dt[:, :-1].sum(2).unsqueeze(-1) * A_EN).exp()
    states = [state_BEN]
    for factor, addend in zip(decay.unbind(1), added.unbind(1), strict=True):
        states.append(factor * states[-1] + addend)
    state, outputs = torch.stack(states, 1), []
    decay = (dt.unsqueeze(-1) * A_EN).exp()
    for factor, addend, c in zip(decay.unbind(2), inputs.unbind(2), C.unbind(2), strict=True):
        state = factor * state + addend
        outputs.append((state @ c.unsqueeze(-1)).squeeze(-1))
    return torch.stack(outputs, 2).flatten(1, 2)[:, :length], state[:, -1]


class Mamba1(nn.Module):
    """Mamba-1; the parameters are those of mamba_ssm's Mamba, the norms those of Jamba."""

    def __init__(
        self, width: int, eps: float, *, inner: int, state: int, conv: int, dt_rank: int,
        norms: str | None, norm_eps: float | None, conv_bias: bool, bias: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.sizes = (dt_rank, state, state)
        self.in_proj = nn.Linear(width, 2 * inner, bias=bias)
        self.conv1d = nn.Conv1d(inner, inner, conv, groups=inner, bias=conv_bias)
        self.x_proj = nn.Linear(inner, sum(self.sizes), bias=False)
        self.norms = norms
        if norms is not None:
            gains = norms == "rms"
            self.dt_layernorm = nn.RMSNorm(dt_rank, norm_eps or eps, gains)
            self.b_layernorm = nn.RMSNorm(state, norm_eps or eps, gains)
            self.c_layernorm = nn.RMSNorm(state, norm_eps or eps, gains)
        self.dt_proj = nn.Linear(dt_rank, inner)
        self.A_log = nn.Parameter(torch.zeros(inner, state))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Mix from the state in the cache on, or from zero; the cache then holds the new one."""
        x, z = self.in_proj(x_BLD).chunk(2, dim=-1)
        x = self._convolve(x, cache)
        r, B, C = self.x_proj(x).split(self.sizes, dim=-1)
        if self.norms is not None:
            r, B, C = self.dt_layernorm(r), self.b_layernorm(B), self.c_layernorm(C)
        dt, x_BLE = F.softplus(self.dt_proj(r).float()), x.float()
        A_EN = -self.A_log.float().exp()
        state = cache.get("state", x_BLE.new_zeros(len(x), *A_EN.shape))
        y, cache["state"] = selective_scan(x_BLE, dt, A_EN, B.float(), C.float(), state)
        y = (y + self.D.float() * x_BLE) * F.silu(z.float())
        return self.out_proj(y.to(z))

    @torch.no_grad()
    def init_weights(self, depth: int) -> None:
        """Set A to 1, …, N, draw dt log-uniform in [0.001, 0.1], and out_proj by depth."""
        nn.init.normal_(self.out_proj.weight, std=0.02 / math.sqrt(depth))
        for projection in (self.in_proj, self.out_proj):
            if projection.bias is not None:
                nn.init.zeros_(projection.bias)
        self.A_log.copy_(torch.arange(1, self.A_log.shape[1] + 1).log())
        nn.init.uniform_(self.dt_proj.weight, -(self.sizes[0] ** -0.5), self.sizes[0] ** -0.5)
        dt = torch.empty_like(self.D).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus(bias) = dt

    def _convolve(self, x_BLE: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Convolve each channel with its last inputs, then silu."""
        past = self.conv1d.kernel_size[0] - 1
        earlier = cache.get("inputs", x_BLE.new_zeros(len(x_BLE), past, x_BLE.shape[2]))
        x_BLE = torch.cat((earlier, x_BLE), dim=1)
        cache["inputs"] = x_BLE[:, x_BLE.shape[1] - past :]
        return F.silu(self.conv1d(x_BLE.transpose(1, 2)).transpose(1, 2))
