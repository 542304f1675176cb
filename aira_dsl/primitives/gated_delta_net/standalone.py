"""Gated DeltaNet, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def gated_delta_rule(
    q_BLHK: Tensor, k_BLHK: Tensor, v_BLHV: Tensor, decay_BLH: Tensor, beta_BLH: Tensor,
    state_BHKV: Tensor, chunk: int = 32,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """S = exp(decay)·S + beta·k ⊗ (v - Sᵀk) with the decayed S, and o = Sᵀq, for every token.

    Inside a chunk the differences v - Sᵀk solve a triangular system (arXiv 2412.06464 §3.3);
    between chunks only the state is carried. One token is a chunk, too.
    """
    outputs = []
    operands = (q_BLHK, k_BLHK, v_BLHV, decay_BLH.unsqueeze(-1), beta_BLH.unsqueeze(-1))
    pieces = (t.transpose(1, 2).split(chunk, dim=2) for t in operands)
    for q, k, v, decay, beta in zip(*pieces, strict=True):
        sums = decay.cumsum(dim=2)
        size = sums.shape[2]
        ahead = torch.full((size, size), -torch.inf, device=sums.device).triu(1).to(sums)
        factors = (sums + ahead - sums.mT).exp()  # of every earlier token at every later one
        source = k * beta
        lower = (k @ source.mT) * factors
        read = v - (k * sums.exp()) @ state_BHKV
        error = torch.linalg.solve_triangular(lower, read, upper=False, unitriangular=True)
        inside = ((q @ source.mT) * factors) @ error
        outputs.append((q * sums.exp()) @ state_BHKV + inside)
        rest = source * (sums[:, :, -1:] - sums).exp()
        state_BHKV = state_BHKV * sums[:, :, -1:].exp() + rest.mT @ error
    return torch.cat(outputs, dim=2).transpose(1, 2), state_BHKV


class GatedDeltaNet(nn.Module):
    """Gated DeltaNet; the parameters are those of transformers' Qwen3.5."""

    def __init__(
        self, width: int, eps: float, *, key_heads: int, value_heads: int, key_dim: int,
        value_dim: int, conv: int, negative_eigenvalues: bool, norm_eps: float | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.key_dim, self.value_dim = key_dim, value_dim
        self.repeats = value_heads // key_heads
        self.largest_beta = 2 if negative_eigenvalues else 1
        self.sizes = (key_heads * key_dim, key_heads * key_dim, value_heads * value_dim)
        channels, inner = sum(self.sizes), value_heads * value_dim
        self.in_proj_qkv = nn.Linear(width, channels, bias=False)
        self.in_proj_z = nn.Linear(width, inner, bias=False)
        self.in_proj_b = nn.Linear(width, value_heads, bias=False)
        self.in_proj_a = nn.Linear(width, value_heads, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, conv, groups=channels, bias=False)
        self.dt_bias = nn.Parameter(torch.zeros(value_heads))
        self.A_log = nn.Parameter(torch.zeros(value_heads))
        self.norm = nn.RMSNorm(value_dim, eps if norm_eps is None else norm_eps)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Mix from the state in the cache on, or from zero; the cache then holds the new one."""
        q, k, v = self._convolve(self.in_proj_qkv(x_BLD), cache).float().split(self.sizes, dim=-1)
        q, k = (self._normalized(t).repeat_interleave(self.repeats, dim=2) for t in (q, k))
        v = v.unflatten(-1, (-1, self.value_dim))
        beta = self.largest_beta * self.in_proj_b(x_BLD).float().sigmoid()
        step = F.softplus(self.in_proj_a(x_BLD).float() + self.dt_bias.float())
        decay = -self.A_log.float().exp() * step
        zero = v.new_zeros(len(v), v.shape[2], self.key_dim, self.value_dim)
        o, cache["state"] = gated_delta_rule(
            q * self.key_dim**-0.5, k, v, decay, beta, cache.get("state", zero)
        )
        gate = F.silu(self.in_proj_z(x_BLD).float().unflatten(-1, (-1, self.value_dim)))
        o = F.rms_norm(o, (self.value_dim,), self.norm.weight.float(), self.norm.eps) * gate
        return self.out_proj(o.flatten(2).to(x_BLD))

    @torch.no_grad()
    def init_weights(self, depth: int) -> None:
        """Draw A uniform in [1, 16], dt log-uniform in [0.001, 0.1], and out_proj by depth."""
        nn.init.normal_(self.out_proj.weight, std=0.02 / math.sqrt(depth))
        self.A_log.copy_(torch.empty_like(self.A_log).uniform_(1, 16).log())
        dt = torch.empty_like(self.dt_bias).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        self.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus(dt_bias) = dt

    def _normalized(self, x: Tensor) -> Tensor:
        x = x.unflatten(-1, (-1, self.key_dim))
        return x * torch.rsqrt(x.square().sum(dim=-1, keepdim=True) + 1e-6)

    def _convolve(self, x_BLC: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Convolve each channel with its last inputs, then silu."""
        past = self.conv1d.kernel_size[0] - 1
        earlier = cache.get("inputs", x_BLC.new_zeros(len(x_BLC), past, x_BLC.shape[2]))
        x_BLC = torch.cat((earlier, x_BLC), dim=1)
        cache["inputs"] = x_BLC[:, x_BLC.shape[1] - past :]
        return F.silu(self.conv1d(x_BLC.transpose(1, 2)).transpose(1, 2))
