"""The interface of every primitive's torch module, and initialization that they share.

A mixer maps x_BLD to x_BLD and never reads later tokens. With a cache it continues the sequences
that the cache has seen, any number of tokens at a time. The contract suite in tests/primitives runs
every registered mixer through causality, decoding, weights, gradients, dtypes and batching.

Shapes: B batch, L length, D model width.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache

INIT_STD = 0.02
"""Standard deviation of every projection and of the embedding at initialization."""


class Mixer(nn.Module, ABC):
    """One primitive as a torch module.

    Attributes:
        no_decay: names of the parameters that weight decay must leave alone.
    """

    no_decay: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Mix; with a cache, x_BLD continues the cached sequences and is added to the cache."""

    @abstractmethod
    def new_cache(self, batch_size: int) -> LayerCache:
        """Return the cache of `batch_size` sequences that have not begun."""

    @abstractmethod
    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw every parameter from `generator`; `depth` is the model's number of layers."""

    def mark_no_decay(self) -> None:
        """Flag parameters `_no_weight_decay`, as mamba_ssm does, for optimizers that ask.

        Python attributes of a parameter do not survive its replacement, so this is called again
        after a model is materialized or loaded.
        """
        for name in self.no_decay:
            self.get_parameter(name)._no_weight_decay = True  # type: ignore[attr-defined]


def init_linear(linear: nn.Linear, generator: Generator) -> None:
    """Draw a projection, normal with standard deviation 0.02; a bias is zero."""
    nn.init.normal_(linear.weight, std=INIT_STD, generator=generator)
    _zero_bias(linear)


def init_output(linear: nn.Linear, generator: Generator, depth: int) -> None:
    """Draw a projection back into the residual stream.

    Its standard deviation is 0.02 / sqrt(depth), so that the stream's variance at the last layer
    does not depend on the depth (GPT-2's rule; one mixer a layer here). The module is marked
    `writes_to_stream`, for rules that treat such projections in their own way.
    """
    linear.writes_to_stream = True  # type: ignore[assignment]
    nn.init.normal_(linear.weight, std=INIT_STD / math.sqrt(depth), generator=generator)
    _zero_bias(linear)


def _zero_bias(linear: nn.Linear) -> None:
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
