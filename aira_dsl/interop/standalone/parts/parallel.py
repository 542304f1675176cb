"""Parallel layers, if a model has any."""

from torch import Tensor, nn


class Parallel(nn.Module):
    """The scaled sum of several mixers, which all read the same input."""

    def __init__(self, branches: list[nn.Module], scales: list[float]) -> None:
        super().__init__()
        self.branches, self.scales = nn.ModuleList(branches), scales

    def forward(self, x_BLD: Tensor, cache: dict[str, object]) -> Tensor:
        """Add the outputs; the cache has one dictionary a branch."""
        caches = [cache.setdefault(str(index), {}) for index in range(len(self.scales))]
        scaled = zip(self.scales, self.branches, caches, strict=True)
        return sum(scale * branch(x_BLD, own) for scale, branch, own in scaled)

    def init_weights(self, depth: int) -> None:
        """Draw each branch."""
        for branch in self.branches:
            branch.init_weights(depth)
