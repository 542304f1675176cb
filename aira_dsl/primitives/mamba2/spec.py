"""Mamba-2: a selective state space with one scalar decay a head (SSD, arXiv 2405.21060)."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights
from aira_dsl.utils.unused import OPTION

StepSize = Annotated[float, Field(ge=0.0, le=1e6)]
"""A bound of step sizes."""

Problem = tuple[str, str, str]


class Mamba2(Primitive):
    """Mamba-2 mixer; the defaults are the paper's small scale (§1.3: expansion 1.25, state 4)."""

    symbol: ClassVar[str] = "S"
    color: ClassVar[Color] = "magenta"

    kind: Literal["mamba2"] = "mamba2"
    inner: Size = 160
    """Inner width, all heads together (d_ssm)."""
    state: Size = 4
    """Size of the state, N."""
    head_dim: Size = 32
    """Channels of a head, P; there are inner / head_dim heads."""
    conv: Size = 4
    """Kernel of the causal depthwise convolution."""
    groups: Size = 1
    """Groups of heads that share B and C."""
    gated_norm: Annotated[Literal["gate_first", "norm_first"] | None, OPTION] = "gate_first"
    """Norm before the output projection: of the gated channels, gated after it, or none."""
    conv_bias: Annotated[bool, OPTION] = True
    """Whether the convolution has a bias."""
    bias: Annotated[bool, OPTION] = False
    """Whether the projections have biases."""
    dt_min: Annotated[StepSize | None, OPTION] = None
    """Smallest step size; none for no bound."""
    dt_max: Annotated[StepSize | None, OPTION] = None
    """Largest step size; none for no bound."""

    @property
    def heads(self) -> int:
        """Number of SSM heads."""
        return self.inner // self.head_dim

    def problems(self, width: int) -> list[Problem]:
        """Check that heads divide the inner width, groups the heads; that step sizes are left."""
        return [*self._divisions(), *self._step_sizes()]

    def _divisions(self) -> list[Problem]:
        if self.inner % self.head_dim:
            message = f"inner {self.inner} is not divisible by head_dim {self.head_dim}"
            divisor = _largest_divisor(self.inner, self.head_dim)
            return [("head_dim", message, f"use head_dim {divisor}")]
        if self.heads % self.groups:
            message = f"groups {self.groups} must divide the {self.heads} heads, inner / head_dim"
            divisor = _largest_divisor(self.heads, self.groups)
            return [("groups", message, f"use groups {divisor}")]
        return []

    def _step_sizes(self) -> list[Problem]:
        if self.dt_min is None or self.dt_max is None or self.dt_min <= self.dt_max:
            return []
        message = f"dt_max {self.dt_max:g} is below dt_min {self.dt_min:g}"
        return [("dt_max", message, f"use dt_max {self.dt_min:g} or more, or none")]

    @property
    def conv_channels(self) -> int:
        """Channels of the convolution: x, B and C together."""
        return self.inner + 2 * self.groups * self.state

    @property
    def projection(self) -> int:
        """Width of the input projection: z, x, B, C and dt."""
        return self.inner + self.conv_channels + self.heads

    def weights(self, width: int) -> Weights:
        """Return projections, convolution, dt_bias, A_log, D and the gated norm."""
        weights: Weights = {
            "in_proj.weight": (self.projection, width),
            "in_proj.bias": (self.projection,),
            "conv1d.weight": (self.conv_channels, 1, self.conv),
            "conv1d.bias": (self.conv_channels,),
            "dt_bias": (self.heads,),
            "A_log": (self.heads,),
            "D": (self.heads,),
            "norm.weight": (self.inner,),
            "out_proj.weight": (width, self.inner),
            "out_proj.bias": (width,),
        }
        absent = {
            "in_proj.bias": not self.bias,
            "conv1d.bias": not self.conv_bias,
            "norm.weight": self.gated_norm is None,
            "out_proj.bias": not self.bias,
        }
        return {name: shape for name, shape in weights.items() if not absent.get(name)}

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·(d·d_in + d_conv·k + 2·n·P·N + w·d) (paper §4.3, where P is 64).

        Megatron: 3·(2·d·d_in + 7·w·N + 2·w·d).
        """
        projections = 6 * (width * self.projection + self.inner * width)
        if convention == "megatron":
            return projections + 21 * self.inner * self.state
        convolution = self.conv_channels * self.conv
        return projections + 6 * (convolution + 2 * self.inner * self.state)

    def recurrent_elements(self, width: int) -> int:
        """Count the SSM state: heads·P·N."""
        return self.inner * self.state

    def convolution_elements(self, width: int) -> int:
        """Count the convolution's last inputs, kernel - 1 of them."""
        return self.conv_channels * (self.conv - 1)

    def at(self, dimensions: Dimensions) -> Self:
        """Take the inner width, state and heads, in one group; options stay."""
        sizes = {
            "inner": dimensions.inner,
            "state": dimensions.state,
            "head_dim": dimensions.ssm_head_dim,
            "conv": dimensions.conv,
            "groups": 1,
        }
        return self.model_copy(update=sizes)


def _largest_divisor(number: int, limit: int) -> int:
    """Return the largest divisor of `number` that is not above `limit`."""
    return next(d for d in range(min(limit, number), 0, -1) if number % d == 0)
