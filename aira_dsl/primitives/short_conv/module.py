"""Gated short convolution (LFM2, arXiv 2511.23404), with the names of Lfm2ShortConv's weights.

    b, c, x = split(in_proj(u))          three times the inner width
    y       = c ⊙ conv(b ⊙ x)            causal, depthwise
    out     = out_proj(y)

Shapes: B batch, L length, D model width, E inner width, T = K - 1 for a kernel of K.
"""

from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.convolution import (
    ConvolutionCache,
    convolve,
    depthwise,
    init_convolution,
)
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.short_conv import spec


class ShortConv(Mixer):
    """A convolution over few tokens; both gates are linear in the input."""

    def __init__(self, block: spec.ShortConv, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        assert block.inner is not None, "resolve the block first"
        self.block = block
        self.in_proj = nn.Linear(width, 3 * block.inner, bias=block.bias)
        self.conv = depthwise(block.inner, block.conv, bias=block.bias)
        self.out_proj = nn.Linear(block.inner, width, bias=block.bias)

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Mix; with a cache, the first tokens also with the last ones in it."""
        assert cache is None or isinstance(cache, ConvolutionCache)
        before_BLE, after_BLE, x_BLE = self.in_proj(x_BLD).chunk(3, dim=-1)
        y_BLE = convolve(self.conv, before_BLE * x_BLE, cache, activation=None)
        return self.out_proj(after_BLE * y_BLE)  # type: ignore[no-any-return]

    def new_cache(self, batch_size: int) -> ConvolutionCache:
        """Return the cache of sequences that have not begun: zeros, as the padding is."""
        weight = self.conv.weight
        return ConvolutionCache(weight.new_zeros(batch_size, self.block.conv - 1, len(weight)))

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw projections and convolution; biases of the projections are zero."""
        init_linear(self.in_proj, generator)
        init_convolution(self.conv, generator)
        init_output(self.out_proj, generator, depth)
