"""The router of a mixture of experts; the formulas are those of the spec.

Shapes: N tokens, D model width, E experts, G groups, K chosen experts.
"""

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.autocast import no_autocast
from aira_dsl.primitives.common.mixer import init_linear
from aira_dsl.primitives.moe import spec

_SMALLEST = 1e-20
"""Added to sums of weights before a division (DeepSeek-V3's, in float32)."""


class Router(nn.Linear):
    """Chooses and weighs experts, in float32 at least: a rounded score changes the choice.

    Attributes:
        correction_bias: added to the scores for the choice; a buffer that training leaves alone.
    """

    correction_bias: Tensor | None

    def __init__(self, block: spec.MoE, width: int) -> None:
        super().__init__(width, block.experts, bias=block.router_bias)
        self.block = block
        empty = torch.empty(block.experts) if block.correction_bias else None
        self.register_buffer("correction_bias", empty)

    def forward(self, x_ND: Tensor) -> Tensor:
        """Return logits_NE in float32 at least."""
        wide = torch.promote_types(x_ND.dtype, torch.float32)
        bias_E = None if self.bias is None else self.bias.to(wide)
        with no_autocast(x_ND.device.type):
            return nn.functional.linear(x_ND.to(wide), self.weight.to(wide), bias_E)

    def choose(self, logits_NE: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights of the chosen experts and their numbers; dtype of the logits."""
        block = self.block
        if block.router not in spec.WEIGHED_BY_SCORE:
            chosen_logits_NK, chosen_NK = logits_NE.topk(block.top, dim=-1)
            is_softmax = block.router == "topk_softmax"
            weights_NK = chosen_logits_NK.softmax(-1) if is_softmax else chosen_logits_NK.sigmoid()
            return weights_NK * block.scale, chosen_NK
        scores_NE = logits_NE.softmax(-1) if block.router == "softmax" else logits_NE.sigmoid()
        chosen_NK = self._best(scores_NE.detach())
        weights_NK = scores_NE.gather(-1, chosen_NK)
        if block.renormalize:
            weights_NK = weights_NK / (weights_NK.sum(-1, keepdim=True) + _SMALLEST)
        return weights_NK * block.scale, chosen_NK

    def _best(self, scores_NE: Tensor) -> Tensor:
        if self.correction_bias is not None:
            scores_NE = scores_NE + self.correction_bias.to(scores_NE.dtype)
        if self.block.groups is not None:
            scores_NE = self._within_groups(scores_NE)
        return scores_NE.topk(self.block.top, dim=-1).indices

    def _within_groups(self, scores_NE: Tensor) -> Tensor:
        """Return the scores, those outside of each token's best groups as -inf."""
        assert self.block.groups is not None
        assert self.block.top_groups is not None, "groups come with top_groups"
        scores_NGE = torch.unflatten(scores_NE, -1, (self.block.groups, -1))
        best = min(1 if self.block.router == "softmax" else 2, scores_NGE.shape[-1])
        group_scores_NG = scores_NGE.topk(best, dim=-1).values.sum(-1)
        groups_NK = group_scores_NG.topk(self.block.top_groups, dim=-1).indices
        is_out_NG = torch.ones_like(group_scores_NG, dtype=torch.bool).scatter(-1, groups_NK, False)
        return scores_NGE.masked_fill(is_out_NG.unsqueeze(-1), -torch.inf).flatten(-2)

    def init_weights(self, generator: Generator) -> None:
        """Draw the projection; its bias and the correction bias are zero."""
        init_linear(self, generator)
        if self.correction_bias is not None:
            nn.init.zeros_(self.correction_bias)
