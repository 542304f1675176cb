"""Kimi Delta Attention, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def kimi_delta_rule(
    q_BLHK: Tensor, k_BLHK: Tensor, v_BLHV: Tensor, decay_BLHK: Tensor, beta_BLH: Tensor,
    state_BHKV: Tensor, chunk: int = 16,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """S = exp(decay)·S + beta·k ⊗ (v - Sᵀk) with the decayed S, and o = Sᵀq, for every token.

    Each channel of a key has its own decay. Inside a chunk the differences v - Sᵀk solve a
    triangular system; between chunks only the state is carried. One token is a chunk, too.
    """
    outputs = []
    operands = (q_BLHK, k_BLHK, v_BLHV, decay_BLHK, beta_BLH.unsqueeze(-1))
    pieces = (t.transpose(1, 2).split(chunk, dim=2) for t in operands)
    for q, k, v, decay, beta in zip(*pieces, strict=True):
        sums = decay.cumsum(dim=2)
        size = sums.shape[2]
        later = torch.ones(size, size, device=sums.device).triu(1).bool()[:, :, None]
        factors = (sums.unsqueeze(3) - sums.unsqueeze(2)).masked_fill(later, -torch.inf).exp()
        source = k * beta
        sources = source.unsqueeze(2) * factors  # of every earlier token at every later one
        read = v - (k * sums.exp()) @ state_BHKV
        lower = torch.einsum("bhik,bhijk->bhij", k, sources)
        error = torch.linalg.solve_triangular(lower, read, upper=False, unitriangular=True)
        inside = torch.einsum("bhik,bhijk->bhij", q, sources) @ error
        outputs.append((q * sums.exp()) @ state_BHKV + inside)
        rest = source * (sums[:, :, -1:] - sums).exp()
        state_BHKV = state_BHKV * sums[:, :, -1:].exp().mT + rest.mT @ error
    return torch.cat(outputs, dim=2).transpose(1, 2), state_BHKV


class KDA(nn.Module):
    """Kimi Delta Attention; the gates have the names of Kimi-Linear."""

    def __init__(
        self, width: int, eps: float, *, heads: int, head_dim: int, conv: int, rank: int | None,
        lower_bound: float | None, gate_bias: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.shape, self.lower_bound = (heads, head_dim), lower_bound
        inner = heads * head_dim
        self.in_proj_qkv = nn.Linear(width, 3 * inner, bias=False)
        self.b_proj = nn.Linear(width, heads, bias=False)
        self.conv1d = nn.Conv1d(3 * inner, 3 * inner, conv, groups=3 * inner, bias=False)
        self.dt_bias = nn.Parameter(torch.zeros(inner))
        self.A_log = nn.Parameter(torch.zeros(heads))
        self.norm = nn.RMSNorm(head_dim, eps)
        self.out_proj = nn.Linear(inner, width, bias=False)
        for gate, bias in {"f": False, "g": gate_bias}.items():
            if rank is None:
                self.add_module(f"{gate}_proj", nn.Linear(width, inner, bias=bias))
            else:
                self.add_module(f"{gate}_a_proj", nn.Linear(width, rank, bias=False))
                self.add_module(f"{gate}_b_proj", nn.Linear(rank, inner, bias=bias))

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Mix from the state in the cache on, or from zero; the cache then holds the new one."""
        heads, head_dim = self.shape
        qkv = self._convolve(self.in_proj_qkv(x_BLD), cache).float()
        q, k, v = (t.unflatten(-1, self.shape) for t in qkv.chunk(3, dim=-1))
        q, k = (t * torch.rsqrt(t.square().sum(dim=-1, keepdim=True) + 1e-6) for t in (q, k))
        f = self._gate("f", x_BLD).float() + self.dt_bias.float().unflatten(0, self.shape)
        rate = self.A_log.float().exp().unsqueeze(-1)
        decay = -rate * F.softplus(f)
        if self.lower_bound is not None:
            decay = -self.lower_bound * (rate * f).sigmoid()
        zero = v.new_zeros(len(v), heads, head_dim, head_dim)
        beta = self.b_proj(x_BLD).float().sigmoid()
        state = cache.get("state", zero)
        o, cache["state"] = kimi_delta_rule(q * head_dim**-0.5, k, v, decay, beta, state)
        o = F.rms_norm(o, (head_dim,), self.norm.weight.float(), self.norm.eps)
        o = o * self._gate("g", x_BLD).float().sigmoid()
        return self.out_proj(o.flatten(2).to(x_BLD))

    @torch.no_grad()
    def init_weights(self, depth: int) -> None:
        """Draw A uniform in [1, 16], dt log-uniform in [0.001, 0.1], and out_proj by depth."""
        nn.init.normal_(self.out_proj.weight, std=0.02 / math.sqrt(depth))
        if self.lower_bound is None:
            self.A_log.copy_(torch.empty_like(self.A_log).uniform_(1, 16).log())
        dt = torch.empty_like(self.dt_bias).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        self.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus(dt_bias) = dt

    def _gate(self, gate: str, x_BLD: Tensor) -> Tensor:
        if hasattr(self, f"{gate}_proj"):
            return getattr(self, f"{gate}_proj")(x_BLD).unflatten(-1, self.shape)
        low = getattr(self, f"{gate}_a_proj")(x_BLD)
        return getattr(self, f"{gate}_b_proj")(low).unflatten(-1, self.shape)

    def _convolve(self, x_BLC: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Convolve each channel with its last inputs, then silu."""
        past = self.conv1d.kernel_size[0] - 1
        earlier = cache.get("inputs", x_BLC.new_zeros(len(x_BLC), past, x_BLC.shape[2]))
        x_BLC = torch.cat((earlier, x_BLC), dim=1)
        cache["inputs"] = x_BLC[:, x_BLC.shape[1] - past :]
        return F.silu(self.conv1d(x_BLC.transpose(1, 2)).transpose(1, 2))
