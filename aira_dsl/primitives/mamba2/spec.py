"""Mamba-2: a selective state space with one scalar decay a head (SSD, arXiv 2405.21060)."""

from typing import Literal, Self

from aira_dsl.primitives.base import Convention, Primitive, Size


class Mamba2(Primitive):
    """Mamba-2 mixer; the defaults are the paper's small scale (§1.3: expansion 1.25, state 4)."""

    kind: Literal["mamba2"] = "mamba2"
    inner: Size = 160  # SSM width, d_ssm
    state: Size = 4  # SSM state size, N
    head_dim: Size = 32  # P; heads = inner / head_dim
    conv: Size = 4  # causal depthwise convolution kernel
    groups: Size = 1  # heads share B and C inside a group

    @property
    def heads(self) -> int:
        """Number of SSM heads."""
        return self.inner // self.head_dim

    def resolve(self, width: int) -> Self:
        """Return itself: nothing depends on the width."""
        return self

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check that heads divide the inner width and groups divide the heads."""
        if self.inner % self.head_dim:
            return [
                (
                    "head_dim",
                    f"inner {self.inner} is not divisible by head_dim {self.head_dim}",
                    f"use head_dim {_largest_divisor(self.inner, self.head_dim)}",
                )
            ]
        if self.heads % self.groups:
            return [
                (
                    "groups",
                    f"groups {self.groups} must divide the {self.heads} heads, inner / head_dim",
                    f"use groups {_largest_divisor(self.heads, self.groups)}",
                )
            ]
        return []

    @property
    def conv_channels(self) -> int:
        """Channels of the convolution: x, B and C together."""
        return self.inner + 2 * self.groups * self.state

    @property
    def projection(self) -> int:
        """Width of the input projection: z, x, B, C and dt."""
        return self.inner + self.conv_channels + self.heads

    def parameters(self, width: int) -> int:
        """Count projections, convolution with bias, dt_bias, A_log, D and the gated norm."""
        return (
            width * self.projection
            + self.conv_channels * (self.conv + 1)
            + 3 * self.heads
            + self.inner
            + self.inner * width
        )

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·(d·d_in + d_conv·k + 2·n·P·N + w·d) (paper §4.3, where P is 64).

        Megatron: 3·(2·d·d_in + 7·w·N + 2·w·d).
        """
        projections = 6 * (width * self.projection + self.inner * width)
        if convention == "megatron":
            return projections + 21 * self.inner * self.state
        convolution = self.conv_channels * self.conv
        return projections + 6 * (convolution + 2 * self.inner * self.state)

    def state_elements(self) -> int:
        """Count the SSM state and the convolution's last inputs (kernel - 1 of them)."""
        return self.inner * self.state + self.conv_channels * (self.conv - 1)


def _largest_divisor(number: int, limit: int) -> int:
    """Return the largest divisor of `number` that is not above `limit`."""
    return next(d for d in range(min(limit, number), 0, -1) if number % d == 0)
