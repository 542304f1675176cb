"""Random operands of the delta rule, and mixers with random weights."""

import torch

from aira_dsl.primitives.common.delta_rule import Operands
from aira_dsl.primitives.common.mixer import Mixer


def random_operands(
    *, length: int, decays: int, strength: float = 1.0, dtype: torch.dtype = torch.float32
) -> tuple[Operands, torch.Tensor]:
    """Return operands of two sequences with three heads, and a state; step sizes reach 2.

    Args:
        length: tokens.
        decays: of a token: 1 or 6, the size of a key.
        strength: log decays are this times a normal number.
        dtype: of all of them.
    """
    generator = torch.Generator().manual_seed(length)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    operands = Operands(
        normal(2, length, 3, 6),
        normal(2, length, 3, 6),
        normal(2, length, 3, 5),
        -strength * normal(2, length, 3, decays).abs(),
        2 * normal(2, length, 3).sigmoid(),
    )
    return Operands(*(each.to(dtype) for each in operands)), normal(2, 3, 6, 5).to(dtype)


def filled(mixer: Mixer) -> Mixer:
    """Fill every parameter with numbers that matter: no gain is one, no bias is zero."""
    generator = torch.Generator().manual_seed(0)
    mixer.init_weights(generator, depth=1)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return mixer
