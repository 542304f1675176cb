"""Mamba-2, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scan(
    x_BLHP: Tensor, dt_BLH: Tensor, A_H: Tensor, B_BLHN: Tensor, C_BLHN: Tensor,
    state_BHPN: Tensor, chunk: int = 64,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """h = exp(dt·A)·h + dt·x⊗B and y = h·C for every token, in matrix products of a chunk each.

    Inside a chunk it is attention without softmax, between chunks only the state is carried. One
    token is a chunk, too, so decoding is the same code.
    """
    outputs = []
    pieces = (t.split(chunk, dim=1) for t in (x_BLHP, dt_BLH, B_BLHN, C_BLHN))
    for x, dt, B, C in zip(*pieces, strict=True):
        decay_BLH = (dt * A_H).cumsum(dim=1)  # its exponential: what is left of the first state
        between = decay_BLH.unsqueeze(2) - decay_BLH.unsqueeze(
            1
        )  # (B, L, S, H), at most 0 if S ≤ L
        later = torch.ones(x.shape[1], x.shape[1], device=x.device).triu(1).bool()
        between = between.masked_fill(later[None, :, :, None], -torch.inf).exp()
        scores = torch.einsum("blhn,bshn->blsh", C, B) * between * dt.unsqueeze(1)
        y = torch.einsum("blsh,bshp->blhp", scores, x)
        # Factors go into B and C, which are narrow: three operands would keep (B, L, H, P, N).
        y = y + torch.einsum("blhn,bhpn->blhp", C * decay_BLH.exp()[..., None], state_BHPN)
        rest = dt * (decay_BLH[:, -1:] - decay_BLH).exp()
        state_BHPN = state_BHPN * decay_BLH[:, -1].exp()[..., None, None]
        state_BHPN = state_BHPN + torch.einsum("bshn,bshp->bhpn", B * rest[..., None], x)
        outputs.append(y)
    return torch.cat(outputs, dim=1), state_BHPN


class GatedRMSNorm(nn.Module):
    """RMSNorm of y · silu(z), each group of channels by itself, or RMSNorm(y) · silu(z)."""

    def __init__(self, width: int, groups: int, eps: float, gate_first: bool) -> None:
        super().__init__()
        self.groups, self.eps, self.gate_first = groups, eps, gate_first
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, y: Tensor, z: Tensor) -> Tensor:
        """Gate and normalize, in float32."""
        y, factor = y.float(), F.silu(z.float())
        y = self.normalize(y * factor) if self.gate_first else self.normalize(y) * factor
        return y.to(z)

    def normalize(self, y: Tensor) -> Tensor:
        """Normalize each group of channels."""
        y = y.unflatten(-1, (self.groups, -1))
        return F.rms_norm(y, y.shape[-1:], eps=self.eps).flatten(-2) * self.weight


class Mamba2(nn.Module):
    """Mamba-2; the parameters are those of mamba_ssm's module of the same name."""

    def __init__(
        self, width: int, eps: float, *, inner: int, state: int, head_dim: int, conv: int,
        groups: int, gated_norm: str | None = "gate_first", conv_bias: bool = True,
        bias: bool = False, dt_min: float | None = None, dt_max: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.inner, self.state, self.head_dim, self.groups = inner, state, head_dim, groups
        self.dt_min, self.dt_max = dt_min, dt_max
        heads, channels = inner // head_dim, inner + 2 * groups * state
        self.sizes = (inner, channels, heads)
        self.in_proj = nn.Linear(width, sum(self.sizes), bias=bias)
        self.conv1d = nn.Conv1d(channels, channels, conv, groups=channels, bias=conv_bias)
        self.dt_bias = nn.Parameter(torch.zeros(heads))
        self.A_log = nn.Parameter(torch.zeros(heads))
        self.D = nn.Parameter(torch.ones(heads))
        if gated_norm is not None:
            self.norm = GatedRMSNorm(inner, groups, eps, gated_norm == "gate_first")
        self.gated_norm = gated_norm
        self.out_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Mix from the state in the cache on, or from zero; the cache then holds the new one."""
        z, xBC, dt = self.in_proj(x_BLD).split(self.sizes, dim=-1)
        x, B, C = self._convolve(xBC, cache).split(
            (self.inner, self.groups * self.state, self.groups * self.state), dim=-1
        )
        x_BLHP = x.float().unflatten(-1, (-1, self.head_dim))
        heads_per_group = x_BLHP.shape[2] // self.groups
        B_BLHN, C_BLHN = (
            t.float().unflatten(-1, (self.groups, -1)).repeat_interleave(heads_per_group, dim=2)
            for t in (B, C)
        )
        state = cache.get("state", x_BLHP.new_zeros(*x_BLHP[:, 0].shape, self.state))
        dt_BLH = F.softplus(dt.float() + self.dt_bias.float())
        if self.dt_min is not None or self.dt_max is not None:
            dt_BLH = dt_BLH.clamp(self.dt_min, self.dt_max)
        A_H = -self.A_log.float().exp()
        y_BLHP, cache["state"] = scan(x_BLHP, dt_BLH, A_H, B_BLHN, C_BLHN, state)
        y_BLHP = y_BLHP + self.D.float()[:, None] * x_BLHP
        y_BLE = y_BLHP.flatten(2)
        if self.gated_norm is None:
            return self.out_proj((y_BLE * F.silu(z.float())).to(z))
        return self.out_proj(self.norm(y_BLE, z))

    @torch.no_grad()
    def init_weights(self, depth: int) -> None:
        """Draw A uniform in [1, 16], dt log-uniform in [0.001, 0.1], and out_proj by depth."""
        nn.init.normal_(self.out_proj.weight, std=0.02 / math.sqrt(depth))
        for projection in (self.in_proj, self.out_proj):
            if projection.bias is not None:
                nn.init.zeros_(projection.bias)
        self.A_log.copy_(torch.empty_like(self.A_log).uniform_(1, 16).log())
        dt = torch.empty_like(self.dt_bias).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        self.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus(dt_bias) = dt

    def _convolve(self, x_BLC: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Convolve each channel with its last inputs, then silu."""
        past = self.conv1d.kernel_size[0] - 1
        earlier = cache.get("inputs", x_BLC.new_zeros(len(x_BLC), past, x_BLC.shape[2]))
        x_BLC = torch.cat((earlier, x_BLC), dim=1)
        cache["inputs"] = x_BLC[:, x_BLC.shape[1] - past :]
        return F.silu(self.conv1d(x_BLC.transpose(1, 2)).transpose(1, 2))
