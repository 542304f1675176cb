"""What a block may say, and what it costs: one spec per kind, one file per spec.

This is the lowest floor of the house: nothing here knows of text, of torch or of a search. A new
primitive starts with a file here, and a module of the same name in `aira_dsl.primitives.mixers`.
"""

from typing import Annotated

from pydantic import Field

from aira_dsl.primitives.attention.spec import Attention
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.mamba2.spec import Mamba2
from aira_dsl.primitives.mlp.spec import MLP

Block = Annotated[Attention | MLP | Mamba2, Field(discriminator="kind")]

KINDS: dict[str, type[Attention] | type[MLP] | type[Mamba2]] = {
    "attention": Attention,
    "mlp": MLP,
    "mamba2": Mamba2,
}

__all__ = ["KINDS", "MLP", "Attention", "Block", "Mamba2", "Primitive"]
