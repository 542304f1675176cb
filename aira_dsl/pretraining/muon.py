"""Muon: momentum with an orthogonalized direction (kellerjordan.github.io/posts/muon).

    B = 0.95·B + G;   update = G + 0.95·B;   W = W·(1 - rate·decay) - rate·s·polar(update)

polar(U) is U with all singular values near 1, by five Newton-Schulz steps; s = 0.2·sqrt(max(rows,
columns)) gives the update the root mean square of AdamW's (arXiv 2502.16982, §2.2). It is
`torch.optim.Muon` with three differences. A sharded matrix is gathered before that, so
that every process computes the same. It is orthogonalized in float32: in bfloat16 the last bit
of a gradient, which depends on the number of processes, moves the direction by half a percent. And
a stack of matrices, those of experts, is updated as its matrices would be alone.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5
EPSILON = 1e-7


class Muon(Optimizer):
    """Muon with Nesterov momentum.

    Args:
        groups: parameter groups of matrices and of stacks of them, each with a `weight_decay`.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all matrices that have a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._update(matrix, group["lr"], group["weight_decay"])

    def _update(self, matrix: Tensor, rate: float, decay: float) -> None:
        assert matrix.grad is not None
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum = state["momentum"].mul_(MOMENTUM).add_(matrix.grad)
        direction = _polar_of(matrix.grad.add(momentum, alpha=MOMENTUM))
        size = 0.2 * math.sqrt(max(matrix.shape[-2:]))
        matrix.mul_(1 - rate * decay).add_(direction, alpha=-rate * size)


def _polar_of(update: Tensor) -> Tensor:
    if not isinstance(update, DTensor):
        return polar(update)
    whole = polar(update.full_tensor())
    return distribute_tensor(whole, update.device_mesh, update.placements, src_data_rank=None)


def polar(matrix: Tensor) -> Tensor:
    """Return a matrix with the same singular vectors and singular values of about 0.7 to 1.2.

    Of a stack (…, rows, columns), each matrix by itself.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[-2] > matrix.shape[-1]
    x: Tensor = matrix.mT if is_tall else matrix
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=EPSILON)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if is_tall else x
