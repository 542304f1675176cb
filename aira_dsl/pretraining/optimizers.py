"""AdamW, or Muon for the hidden matrices and AdamW for the rest, with the rates of each role.

Both take the same learning rate, since Muon's updates have the size of AdamW's; so the rule of
`parametrization` serves both.
"""

from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from aira_dsl.models import LanguageModel
from aira_dsl.pretraining.muon import Muon
from aira_dsl.pretraining.parametrization import Role, Scaling, parameters_by_role, scalings
from aira_dsl.pretraining.settings import TrainSettings

BETAS = (0.9, 0.95)
EPSILON = 1e-8
MATRICES: frozenset[Role] = frozenset({"hidden", "output"})
"""Roles that Muon optimizes."""


class Optimizers:
    """All optimizers of a model.

    Args:
        model: with its parameters as they are trained, distributed or not.
        settings: kind, rate and decay.
    """

    def __init__(self, model: LanguageModel, settings: TrainSettings) -> None:
        factors = scalings(model.architecture.width, model.architecture.depth)
        groups = {
            role: _group(parameters, factors[role], settings.weight_decay)
            for role, parameters in parameters_by_role(model)
        }
        by_muon = MATRICES if settings.optimizer == "muon" else frozenset()
        self.learning_rate = settings.learning_rate
        self.all: list[Optimizer] = [_adamw(groups, by_muon)]
        if matrices := [group for role, group in groups.items() if role in by_muon]:
            self.all.append(Muon(matrices))

    def step(self, factor: float, *, keep_gradients: bool = False) -> None:
        """Apply the gradients, then forget them.

        Args:
            factor: of the learning rate, the schedule's.
            keep_gradients: set them to zero where they are.
        """
        for optimizer in self.all:
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * factor * group["factor"]
            optimizer.step()
            optimizer.zero_grad(set_to_none=not keep_gradients)


def _adamw(groups: dict[Role, dict[str, Any]], left_out: frozenset[Role]) -> AdamW:
    own = [
        {**group, "eps": EPSILON * group["factor"]}
        for role, group in groups.items()
        if role not in left_out
    ]
    # Fused: a tenth of a short step's time otherwise goes into hundreds of tiny operations.
    return AdamW(own, betas=BETAS, fused=True)


def _group(parameters: list[nn.Parameter], scaling: Scaling, weight_decay: float) -> dict[str, Any]:
    """Return a group; the product of its rate and decay is the same at all sizes."""
    decay = weight_decay / scaling.rate if scaling.decays else 0.0
    return {"params": parameters, "factor": scaling.rate, "weight_decay": decay}
