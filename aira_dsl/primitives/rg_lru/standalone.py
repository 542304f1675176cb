"""RG-LRU blocks, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RGLRU(nn.Module):
    """A convolution and a gated linear recurrence, times a gate of the input (Griffin)."""

    def __init__(
        self, width: int, eps: float, *, inner: int, heads: int, conv: int, bias: bool
    ) -> None:
        super().__init__()
        self.linear_y = nn.Linear(width, inner, bias=bias)
        self.linear_x = nn.Linear(width, inner, bias=bias)
        self.linear_out = nn.Linear(inner, width, bias=bias)
        self.conv_1d = nn.Conv1d(inner, inner, conv, groups=inner)
        self.rg_lru = Recurrence(inner, heads)

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Mix from the state in the cache on, or from zero; the cache then holds the new one."""
        x = self.linear_x(x_BLD)
        past = self.conv_1d.kernel_size[0] - 1
        inputs = torch.cat((cache.get("inputs", x.new_zeros(len(x), past, x.shape[2])), x), dim=1)
        cache["inputs"] = inputs[:, inputs.shape[1] - past :]
        h = self.rg_lru(self.conv_1d(inputs.transpose(1, 2)).transpose(1, 2), cache)
        return self.linear_out(h * F.gelu(self.linear_y(x_BLD), approximate="tanh"))

    @torch.no_grad()
    def init_weights(self, depth: int) -> None:
        """Draw decays and gates, and the projection into the residual stream by depth."""
        for projection in (self.linear_y, self.linear_x, self.linear_out):
            if projection.bias is not None:
                nn.init.zeros_(projection.bias)
        nn.init.normal_(self.linear_out.weight, std=0.02 / math.sqrt(depth))
        square = torch.empty_like(self.rg_lru.recurrent_param).uniform_(0.9**2, 0.999**2)
        self.rg_lru.recurrent_param.copy_(torch.expm1(-0.5 * square.log()).log())
        for name in ("input_gate", "recurrent_gate"):
            weight = self.rg_lru.get_parameter(f"{name}_weight")
            nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
            nn.init.zeros_(self.rg_lru.get_parameter(f"{name}_bias"))


class Recurrence(nn.Module):
    """h = a · h + sqrt(1 - a²) · i · x with gates of the input, in float32."""

    def __init__(self, inner: int, heads: int) -> None:
        super().__init__()
        size = inner // heads
        self.recurrent_param = nn.Parameter(torch.zeros(inner))
        self.input_gate_weight = nn.Parameter(torch.zeros(heads, size, size))
        self.input_gate_bias = nn.Parameter(torch.zeros(heads, size))
        self.recurrent_gate_weight = nn.Parameter(torch.zeros(heads, size, size))
        self.recurrent_gate_bias = nn.Parameter(torch.zeros(heads, size))

    def forward(self, x: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Run chunks of tokens: within one, decays are differences of sums of logarithms."""
        inputs = self._gate(x, self.input_gate_weight, self.input_gate_bias) * x
        opened = self._gate(x, self.recurrent_gate_weight, self.recurrent_gate_bias)
        log_decay = -8 * opened.float() * F.softplus(self.recurrent_param.float())
        scale = (-torch.expm1(2 * log_decay)).clamp(min=1e-38).sqrt()
        if "state" not in cache:  # the first token is not scaled
            scale = torch.cat((torch.ones_like(scale[:, :1]), scale[:, 1:]), dim=1)
            cache["state"] = torch.zeros_like(scale[:, 0])
        outputs = []
        for log_a, b in zip(log_decay.split(16, 1), (scale * inputs).split(16, 1), strict=True):
            sums = log_a.cumsum(1)
            later = torch.ones(b.shape[1], b.shape[1], device=b.device).triu(1).bool()
            between = (sums[:, :, None] - sums[:, None]).masked_fill(
                later[None, ..., None], -torch.inf
            )
            h = torch.einsum("blse,bse->ble", between.exp(), b)
            h = h + sums.exp() * cache["state"][:, None]
            cache["state"] = h[:, -1]
            outputs.append(h)
        return torch.cat(outputs, dim=1).to(x)

    def _gate(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        products = torch.einsum("blhp,hpq->blhq", x.unflatten(-1, bias.shape), weight)
        return (products + bias).sigmoid().flatten(2)
