"""The decaying average in torch.

Shapes: B batch, L length, D model width, E inner width.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache, MixerCache
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from tests.primitives.toy import spec


@dataclass(slots=True)
class AverageCache(MixerCache):
    """The averages after the last token."""

    average_BE: Tensor


class DecayingAverage(Mixer):
    """out(gate · h), h_t = a·h_(t-1) + (1 - a)·in(x_t), a = sigmoid(decay)."""

    def __init__(self, block: spec.DecayingAverage, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.empty(block.inner))
        self.in_proj = nn.Linear(width, block.inner, bias=False)
        self.gate_proj = nn.Linear(width, block.inner, bias=False) if block.gate else None
        self.out_proj = nn.Linear(block.inner, width, bias=False)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Average; with a cache, from the averages it holds."""
        assert cache is None or isinstance(cache, AverageCache)
        wide = torch.promote_types(x_BLD.dtype, torch.float32)
        inputs_BLE = self.in_proj(x_BLD).to(wide)
        average_BE = torch.zeros_like(inputs_BLE[:, 0]) if cache is None else cache.average_BE
        decay_E, averages = self.decay.to(wide).sigmoid(), []
        for input_BE in inputs_BLE.unbind(1):
            average_BE = torch.lerp(input_BE, average_BE, decay_E)
            averages.append(average_BE)
        if cache is not None:
            cache.average_BE = average_BE
        out_BLE = torch.stack(averages, 1)
        if self.gate_proj is not None:
            out_BLE = out_BLE * self.gate_proj(x_BLD)
        return self.out_proj(out_BLE.to(x_BLD.dtype))

    def new_cache(self, batch_size: int) -> AverageCache:
        """Return averages of nothing: zeros."""
        wide = torch.promote_types(self.decay.dtype, torch.float32)
        return AverageCache(self.decay.new_zeros(batch_size, len(self.decay), dtype=wide))

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw the projections; the decays begin between 0.3 and 0.7."""
        nn.init.uniform_(self.decay, -1, 1, generator=generator)
        init_linear(self.in_proj, generator)
        if self.gate_proj is not None:
            init_linear(self.gate_proj, generator)
        init_output(self.out_proj, generator, depth)
