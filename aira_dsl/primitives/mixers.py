"""The torch modules, one file per primitive, registered by the primitive's kind.

A new primitive: its spec in `aira_dsl.primitives`, a file here with a `Mixer`, a line in `MIXERS`.
The contract suite of the tests then covers it.
"""

from aira_dsl.primitives import Block
from aira_dsl.primitives.attention.module import Attention
from aira_dsl.primitives.common.cache import AttentionCache, LayerCache, Mamba2Cache
from aira_dsl.primitives.common.mixer import INIT_STD, Mixer
from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.mamba2.module import Mamba2
from aira_dsl.primitives.mlp.module import MLP

MIXERS: dict[str, type[Attention] | type[MLP] | type[Mamba2]] = {
    "attention": Attention,
    "mlp": MLP,
    "mamba2": Mamba2,
}


def make_mixer(block: Block, width: int, norm_eps: float = 1e-5) -> Mixer:
    """Return the torch module of a resolved block, its weights not yet drawn.

    Every mixer takes the epsilon of norms, whether it has one inside or not.
    """
    return MIXERS[block.kind](block, width, norm_eps)  # type: ignore[arg-type]


__all__ = [
    "INIT_STD",
    "MIXERS",
    "MLP",
    "Attention",
    "AttentionCache",
    "LayerCache",
    "Mamba2",
    "Mamba2Cache",
    "Mixer",
    "RMSNorm",
    "make_mixer",
]
