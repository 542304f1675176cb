"""The value that travels through the whole house: an immutable, validated architecture.

An architecture is a width, a vocabulary, a context, named blocks, and the order in which those
blocks stand. Its fingerprint is its identity: names (its own and its blocks') and blocks that no
layer uses do not change what it computes, so they do not change the fingerprint either.
"""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aira_dsl.architecture.pattern import compress
from aira_dsl.primitives import Block
from aira_dsl.primitives.base import Size

MAX_LAYERS = 4096
"""More layers than any published model, few enough that no text can exhaust memory."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
"""What a block or an architecture may be called."""


class Design(BaseModel):
    """All of an architecture but the order of its layers; a search space is one with slots.

    Attributes:
        name: what to call it; no part of its identity.
        width: model dimension d.
        vocab: number of token ids.
        context: tokens of a sequence at which costs are counted.
        tie_embeddings: whether the head shares the embedding's weights.
        norm_eps: epsilon of every RMSNorm.
        blocks: block specs by name; resolved on construction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = "model"
    width: Size = 128
    vocab: Size = 256
    context: Annotated[int, Field(strict=True, ge=1, le=1 << 24)] = 256
    tie_embeddings: Annotated[bool, Field(strict=True)] = False
    norm_eps: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-5
    blocks: Annotated[dict[Name, Block], Field(min_length=1)]

    @field_validator("blocks")
    @classmethod
    def _resolve(cls, blocks: dict[str, Block], info: ValidationInfo) -> dict[str, Block]:
        """Fill in width-dependent defaults, so that equal architectures compare equal."""
        if "width" not in info.data:  # the width itself was refused
            return blocks
        width = info.data["width"]
        resolved = {name: block.resolve(width) for name, block in blocks.items()}
        for name, block in resolved.items():
            for field, message, help_text in block.problems(width):
                raise ValueError(f"block {name}, {field}: {message}; {help_text}")
        return resolved


class SpaceDefinition(Design):
    """A search space as it is written: every order of the blocks in so many slots.

    Attributes:
        slots: number of layers of every member.
        layers: the order that the text itself gives, if it was an architecture.
    """

    name: Name = "space"
    slots: Annotated[int, Field(strict=True, ge=1, le=MAX_LAYERS)]
    layers: tuple[str, ...] | None = None

    def architecture(self, layers: tuple[str, ...], *, name: str | None = None) -> "Architecture":
        """Return the member of the space with these layers."""
        shared = {field: getattr(self, field) for field in Design.model_fields}
        return Architecture(**{**shared, "name": name or self.name, "layers": layers})


class Architecture(Design):
    """A language model's architecture: pre-norm residual layers, one block each.

    Attributes:
        layers: block names, first layer first.
    """

    layers: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_LAYERS)]

    @model_validator(mode="after")
    def _layers_are_defined(self) -> Self:
        for name in self.layers:
            if name not in self.blocks:
                raise ValueError(f"layer {name} is not a defined block")
        return self

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @cached_property
    def pattern(self) -> str:
        """The layers in the pattern notation, for example `5×(2A-M)-A`."""
        return compress(self.layers)

    @cached_property
    def fingerprint(self) -> str:
        """Identity: 16 hexadecimal digits, equal for texts that mean the same model."""
        used = {
            name: json.dumps(self.blocks[name].model_dump(), sort_keys=True)
            for name in set(self.layers)
        }
        meaning = [
            [self.width, self.vocab, self.context, self.tie_embeddings, self.norm_eps],
            [used[name] for name in self.layers],
        ]
        return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:16]

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with other field values."""
        # Not `model_copy`: it would carry over what is cached, the fingerprint for one.
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**fields, **changes})
