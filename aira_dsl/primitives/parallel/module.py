"""Parallel layers in torch.

Shapes: B batch, L length, D model width.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache, MixerCache
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.parallel import spec
from aira_dsl.primitives.registry import make_mixer


@dataclass(slots=True)
class ParallelCache(MixerCache):
    """The caches of the branches, None for one that keeps nothing."""

    branches: tuple[LayerCache, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered elements."""
        return sum(branch.nbytes for branch in self.branches if branch is not None)

    def __copy__(self) -> "ParallelCache":
        return ParallelCache(tuple(map(copy.copy, self.branches)))


class Parallel(Mixer):
    """The sum of the scaled outputs of the branches, which all read the same input."""

    def __init__(self, block: spec.Parallel, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.scales = [branch.residual_scale for branch in block.branches]
        self.branches = nn.ModuleList(
            make_mixer(branch, width, norm_eps) for branch in block.branches
        )

    @property
    def mixers(self) -> list[Mixer]:
        """The branches, in order."""
        return [branch for branch in self.branches if isinstance(branch, Mixer)]

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Add the outputs of the branches."""
        caches: tuple[LayerCache, ...] = (None,) * len(self.scales)
        if cache is not None:
            assert isinstance(cache, ParallelCache)
            caches = cache.branches
        pairs = zip(self.mixers, caches, strict=True)
        return self.add(mixer(x_BLD, branch_cache) for mixer, branch_cache in pairs)

    def add(self, outputs: Iterable[Tensor]) -> Tensor:
        """Return the scaled sum of one output per branch."""
        scaled = (
            y_BLD if scale == 1.0 else scale * y_BLD
            for scale, y_BLD in zip(self.scales, outputs, strict=True)
        )
        total_BLD = next(scaled)
        for y_BLD in scaled:
            total_BLD = total_BLD + y_BLD
        return total_BLD

    def new_cache(self, batch_size: int) -> ParallelCache:
        """Return the caches of sequences that have not begun."""
        return ParallelCache(tuple(mixer.new_cache(batch_size) for mixer in self.mixers))

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the branches, in order."""
        for mixer in self.mixers:
            mixer.init_weights(generator, depth)

    def mark_no_decay(self) -> None:
        """Flag the parameters of the branches."""
        for mixer in self.mixers:
            mixer.mark_no_decay()
