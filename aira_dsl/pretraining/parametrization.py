"""Initial weights and learning rates that make models of different width and depth comparable.

With r = width / 256 and q = 16 / depth, relative to this package's ordinary initialization, which
they equal at width 256 and depth 16 (standard deviation 0.02, outputs divided by sqrt(depth)):

    role     parameters                               initial weights    rate     decay
    input    embedding                                × 1                × 1      none
    vector   gains, biases, convolutions, A_log, …    × 1                × 1      none
    hidden   projections inside a block               × r^-1/2           × 1/r    × r
    output   projections back into the stream         × r^-1/2 q^1/2     × q/r    × r/q
    head     head; an embedding that is tied to it    × 1/r              × 1/r    × r

Widths: the maximal update parametrization for Adam (arXiv 2203.03466, table 3). Depths: every
branch is scaled by 1/depth (CompleteP, arXiv 2505.01618), here within its output projection, so
that a trained model is an ordinary one. The product of rate and decay is the same at all sizes
(arXiv 2405.13698), and Adam's epsilon shrinks as the gradients do. The scale of attention needs no
change, because the dimension of a head does not grow with the width.

Experts have the roles that their projections would have alone, and a router is a hidden projection.

The rule does not cover what has no counterpart in its sources: Mamba-2's state size, the number of
experts, and blocks whose inner width does not grow in proportion to the width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from aira_dsl.models import LanguageModel
from aira_dsl.primitives.common.stacked_linear import StackedLinear

Role = Literal["input", "vector", "hidden", "output", "head"]

BASE_WIDTH, BASE_DEPTH = 256, 16


@dataclass(frozen=True)
class Scaling:
    """Factors of one role.

    Attributes:
        weights: of the initial weights.
        rate: of the learning rate.
        decays: whether weight decay applies.
    """

    weights: float
    rate: float
    decays: bool


def scalings(width: int, depth: int) -> dict[Role, Scaling]:
    """Return the factors of each role; see the module docstring."""
    r, q = width / BASE_WIDTH, BASE_DEPTH / depth
    return {
        "input": Scaling(1.0, 1.0, False),
        "vector": Scaling(1.0, 1.0, False),
        "hidden": Scaling(r**-0.5, 1 / r, True),
        "output": Scaling(r**-0.5 * q**0.5, q / r, True),
        "head": Scaling(1 / r, 1 / r, True),
    }


def roles(model: LanguageModel) -> dict[str, Role]:
    """Return the role of each parameter by its name."""
    is_tied = model.architecture.tie_embeddings
    found: dict[str, Role] = {"embedding.weight": "head" if is_tied else "input"}
    for module_name, module in model.named_modules():
        for name, _ in module.named_parameters(module_name, recurse=False):
            found.setdefault(name, _role(name, module))
    return found


def _role(name: str, module: nn.Module) -> Role:
    if not isinstance(module, nn.Linear | StackedLinear) or not name.endswith(".weight"):
        return "vector"
    if name == "head.weight":
        return "head"
    return "output" if getattr(module, "writes_to_stream", False) else "hidden"


@torch.no_grad()
def rescale(model: LanguageModel) -> None:
    """Scale the ordinary initial weights of a model in place, before it is distributed."""
    factors = scalings(model.architecture.width, model.architecture.depth)
    for name, role in roles(model).items():
        if factors[role].weights != 1.0:
            model.get_parameter(name).mul_(factors[role].weights)


def parameters_by_role(model: LanguageModel) -> Iterator[tuple[Role, list[nn.Parameter]]]:
    """Yield the parameters of each role that a model has, in a fixed order."""
    named = dict(model.named_parameters())  # a tied head is not listed twice
    by_name = roles(model)
    for role in scalings(1, 1):
        chosen = [named[name] for name, found in by_name.items() if found == role and name in named]
        if chosen:
            yield role, chosen
