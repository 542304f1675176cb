"""Mixtures of experts, if a model has any."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def expert_hidden(activation: str, clamp: float | None, gate: Tensor | None, up: Tensor) -> Tensor:
    """Return the hidden units of an expert, which has a gate or none."""
    if gate is None:
        return F.relu(up).square() if activation == "relu2" else getattr(F, activation)(up)
    if clamp is not None:
        gate, up = gate.clamp(max=clamp), up.clamp(-clamp, clamp)
    if activation == "swiglu_clamped":
        return gate * (1.702 * gate).sigmoid() * (up + 1)
    if activation.startswith("geglu"):
        return F.gelu(gate, approximate="tanh" if activation == "geglu" else "none") * up
    return (F.relu(gate) if activation == "reglu" else F.silu(gate)) * up


class ExpertLinear(nn.Module):
    """Linear layers of equal shape, one for each expert."""

    def __init__(self, experts: int, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(experts, outputs)) if bias else None
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor, expert: int) -> Tensor:
        return F.linear(x, self.weight[expert], None if self.bias is None else self.bias[expert])


class ExpertRouter(nn.Module):
    """The logits of the experts, and a bias that only the choice sees."""

    def __init__(self, width: int, experts: int, bias: bool, correction_bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, width))
        self.bias = nn.Parameter(torch.zeros(experts)) if bias else None
        self.register_buffer("correction_bias", torch.zeros(experts) if correction_bias else None)
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.float()
        return F.linear(x.float(), self.weight.float(), bias)


class MoE(nn.Module):
    """The weighted sum of the experts that a router chooses for each token; a shared expert."""

    def __init__(
        self, width: int, eps: float, *, experts: int, top: int, hidden: int, activation: str,
        router: str, renormalize: bool, scale: float, groups: int | None, top_groups: int | None,
        correction_bias: bool, shared: int | None, shared_gate: bool, latent: int | None,
        bias: bool, router_bias: bool, clamp: float | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.top, self.activation, self.clamp, self.kind = top, activation, clamp, router
        self.renormalize, self.scale, self.groups, self.top_groups = (
            renormalize,
            scale,
            groups,
            top_groups,
        )
        names = ("gate_proj", "up_proj") if "glu" in activation else ("up_proj",)
        inner = latent or width
        self.router = ExpertRouter(width, experts, router_bias, correction_bias)
        self.experts = nn.ModuleDict(
            {name: ExpertLinear(experts, inner, hidden, bias) for name in names}
        )
        self.experts["down_proj"] = ExpertLinear(experts, hidden, inner, bias)
        self.latent_in = nn.Linear(width, inner, bias=False) if latent else nn.Identity()
        self.latent_out = nn.Linear(inner, width, bias=False) if latent else nn.Identity()
        self.shared_expert = nn.ModuleDict()
        if shared:
            for name in names:
                self.shared_expert[name] = nn.Linear(width, shared, bias=bias)
            self.shared_expert["down_proj"] = nn.Linear(shared, width, bias=bias)
        self.shared_gate = nn.Linear(width, 1, bias=False) if shared_gate else None

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Transform each position by itself; there is nothing to remember."""
        x = x_BLD.flatten(0, 1)
        weights, chosen = self._route(self.router(x))
        inner = self.latent_in(x)
        y = torch.zeros_like(inner)
        for expert in chosen.unique().tolist():
            token, place = torch.where(chosen == expert)
            weight = weights[token, place, None].to(x.dtype)
            if self.kind == "sigmoid_input":
                y = y.index_add(0, token, self._expert(self.experts, inner[token] * weight, expert))
            else:
                y = y.index_add(0, token, self._expert(self.experts, inner[token], expert) * weight)
        y = self.latent_out(y)
        if len(self.shared_expert):
            shared = self._expert(self.shared_expert, x)
            y = y + (shared if self.shared_gate is None else shared * self.shared_gate(x).sigmoid())
        return y.unflatten(0, x_BLD.shape[:2])

    def _expert(self, layers: nn.ModuleDict, x: Tensor, *expert: int) -> Tensor:
        gate = layers["gate_proj"](x, *expert) if "gate_proj" in layers else None
        up = layers["up_proj"](x, *expert)
        hidden = expert_hidden(self.activation, self.clamp, gate, up)
        return layers["down_proj"](hidden, *expert)

    def _route(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights of the chosen experts, and which they are."""
        if self.kind in ("topk_softmax", "sigmoid_input"):
            best, chosen = logits.topk(self.top, dim=-1)
            weights = best.softmax(-1) if self.kind == "topk_softmax" else best.sigmoid()
            return weights * self.scale, chosen
        scores = logits.softmax(-1) if self.kind == "softmax" else logits.sigmoid()
        ranks = scores
        if self.router.correction_bias is not None:
            ranks = scores + self.router.correction_bias.float()
        if self.groups is not None:  # only experts of the best groups can be chosen
            grouped = ranks.unflatten(-1, (self.groups, -1))
            best = grouped.topk(min(1 if self.kind == "softmax" else 2, grouped.shape[-1]), dim=-1)
            kept = best.values.sum(-1).topk(self.top_groups, dim=-1).indices
            out = torch.ones_like(grouped[..., 0], dtype=torch.bool).scatter(-1, kept, False)
            ranks = grouped.masked_fill(out[..., None], -math.inf).flatten(-2)
        chosen = ranks.topk(self.top, dim=-1).indices
        weights = scores.gather(-1, chosen)
        if self.renormalize:
            weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
        return weights * self.scale, chosen

    def init_weights(self, depth: int) -> None:
        """Draw the projections into the residual stream, smaller the deeper the model is."""
        outputs = [self.shared_expert["down_proj"]] if len(self.shared_expert) else []
        is_latent = isinstance(self.latent_out, nn.Linear)
        outputs.append(self.latent_out if is_latent else self.experts["down_proj"])
        for output in outputs:
            nn.init.normal_(output.weight, std=0.02 / math.sqrt(depth))
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
