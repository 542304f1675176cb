"""An architecture: the immutable, validated value that all packages exchange.

An architecture is a width, a vocabulary, a context, named blocks, and the order of those blocks in
its layers; it may have scales, the same design at other sizes. Its fingerprint is its identity:
names (its own and its blocks'), blocks that no layer uses and scales do not change what it
computes, so they do not change the fingerprint either.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aira_dsl.architecture.pattern import MAX_LAYERS, compress
from aira_dsl.architecture.scales import extrapolate
from aira_dsl.errors import InputError, UsageError
from aira_dsl.primitives.base import NormKind, Primitive, Size
from aira_dsl.primitives.parallel.spec import AGREED, Parallel, branches_of
from aira_dsl.primitives.registry import Block
from aira_dsl.utils.documented import Documented
from aira_dsl.utils.unused import OPTION, OmitsUnused

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
"""What a block or an architecture may be called."""


def _is_no_number(name: str) -> str:
    if re.match(r"[0-9]+([eE]|_)[0-9]", name):
        raise ValueError(f"{name} reads as a number; scales have names such as 1b")
    return name


ScaleName = Annotated[
    str,
    Field(pattern=r"^[0-9]*[A-Za-z_][A-Za-z0-9_]*$", max_length=64),
    AfterValidator(_is_no_number),
]
"""What a scale may be called; `1b` is one, `1e9` and `1_0b` are not."""

Layers = Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_LAYERS)]


Factor = Annotated[float, Field(gt=0.0, le=1e6)]


class Design(Documented, OmitsUnused, BaseModel):
    """Dimensions and blocks: all of an architecture but its name and the order of its layers.

    The docstring below a field describes it in the YAML schema and in the editor, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: Size = 128
    """Model dimension d."""
    vocab: Size = 256
    """Number of token ids."""
    context: Annotated[int, Field(strict=True, ge=1, le=1 << 24)] = 256
    """Tokens of a sequence at which costs are counted."""
    tie_embeddings: Annotated[bool, Field(strict=True)] = False
    """Whether the head shares the embedding's weights."""
    norm_eps: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-5
    """Epsilon of every norm."""
    norm_kind: Annotated[NormKind, OPTION] = "rms"
    """Norms of layers and before the head: RMSNorm, or LayerNorm with or without bias."""
    embedding_scale: Annotated[Factor, OPTION] = 1.0
    """Factor of the token embedding."""
    logit_scale: Annotated[Factor, OPTION] = 1.0
    """Factor of the logits."""
    softcap: Annotated[Factor | None, OPTION] = None
    """Bound c of the logits, after their factor: c·tanh(logits / c); none for no bound."""
    blocks: Annotated[dict[Name, Block], Field(min_length=1)]
    """Blocks by name; resolved on construction."""

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

    def stack_parameters(self, layers: Sequence[str]) -> int:
        """Count the learnable parameters of these layers, all norms included, no embeddings."""
        uses = Counter(layers)
        sets = {name: 1 if self.block_of(name).tied else uses[name] for name in uses}
        own = sum(sets[name] * self.layer_parameters(name) for name in sets)
        return own + self.norm_parameters

    def weight_sets(self, layers: Sequence[str]) -> tuple[int, ...]:
        """Return for each layer the number of its weights; layers of a tied block have the same.

        Numbers begin with 0, and follow the first uses.
        """
        tied = {name for name in set(layers) if self.block_of(name).tied}
        first: dict[str | int, int] = {}
        keys = [name if name in tied else index for index, name in enumerate(layers)]
        return tuple(first.setdefault(key, len(first)) for key in keys)

    def layer_parameters(self, name: str) -> int:
        """Count the learnable parameters of a layer, its norms included."""
        block = self.block_of(name)
        return block.parameters(self.width) + block.layer_norms * self.norm_parameters

    @property
    def norm_parameters(self) -> int:
        """Count the learnable parameters of a norm: gains, and biases if it has them."""
        return self.width * (2 if self.norm_kind == "layer" else 1)

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with other field values."""
        # Not `model_copy`: it would carry over what is cached, the fingerprint for one.
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**fields, **changes})

    def block_of(self, layer: str) -> Primitive:
        """Return the spec of a layer: a block, or the parallel layer of several (`A|Mb`)."""
        if layer in self.blocks:
            return self.blocks[layer]
        return Parallel.of(tuple(self.blocks[name] for name in branches_of(layer)))

    def require_blocks(self, layers: Sequence[str]) -> None:
        """Raise ValueError if a layer is not made of the blocks, or if they do not fit together."""
        for layer in dict.fromkeys(layers):
            names = branches_of(layer)
            for name in names:
                if name not in self.blocks:
                    raise ValueError(f"layer {layer} is not a defined block")
            for key in AGREED:
                if len({getattr(self.blocks[name], key) for name in names}) > 1:
                    raise ValueError(f"layer {layer} needs the same `{key}` in all of its blocks")


SETTINGS = tuple(name for name in Design.model_fields if name != "blocks")
"""The dimensions that every section may set: width, vocab, context, …"""


class Scale(Design):
    """The same design at another size: its own dimensions, and where its layers come from.

    Without `layers` and `extrapolate` the layers are those of the architecture itself.
    """

    layers: Layers | None = None
    """Block names, first layer first."""
    extrapolate: Literal["stretch", "stack"] | None = None
    """`stretch` (every run of equal layers grows) or `stack` (the whole repeats)."""
    parameters: Annotated[int, Field(strict=True, ge=1, le=10**13)] | None = None
    """Parameters to extrapolate to, without embeddings."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.extrapolate is None) != (self.parameters is None):
            raise ValueError("extrapolate and parameters go together")
        if self.layers is not None and self.extrapolate is not None:
            raise ValueError("a scale has layers or extrapolates, not both")
        self.require_blocks(self.layers or ())
        return self

    def layers_from(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """Return the layers at this scale of an architecture with these layers.

        Raises:
            ValueError: extrapolation leads to no layer, or to more than 4,096.
        """
        if self.layers is not None:
            return self.layers
        if self.extrapolate is None or self.parameters is None:
            return layers
        current = self.stack_parameters(layers)
        return extrapolate(layers, self.extrapolate, target=self.parameters, current=current)


class SpaceDefinition(Design):
    """A search space as it is written: every order of the blocks in a number of slots."""

    name: Name = "space"
    """Name of the space; not part of its identity."""
    slots: Annotated[int, Field(strict=True, ge=1, le=MAX_LAYERS)]
    """Number of layers of every member."""
    layers: tuple[str, ...] | None = None
    """The order that the text itself gives, if it is an architecture."""
    scales: dict[ScaleName, Scale] = {}
    """The sizes that every member may be scaled to."""

    def architecture(self, layers: tuple[str, ...], *, name: str | None = None) -> "Architecture":
        """Return the member of the space with these layers."""
        shared = {field: getattr(self, field) for field in Design.model_fields}
        # A scale with layers of its own is about those of the text, not about any member.
        scales = {key: each for key, each in self.scales.items() if each.layers is None}
        return Architecture(**shared, name=name or self.name, layers=layers, scales=scales)


class Architecture(Design):
    """A language model's architecture: residual layers, one block each."""

    name: Name = "model"
    """Name of the architecture; not part of its identity."""
    layers: Layers
    """Block names, first layer first."""
    mtp: Annotated[tuple[str, ...], Field(max_length=MAX_LAYERS), OPTION] = ()
    """Layers of a module that predicts one more token (multi-token prediction); none if empty."""
    scales: dict[ScaleName, Scale] = {}
    """The same design at other sizes, by name; not part of its identity."""

    @model_validator(mode="after")
    def _layers_are_defined(self) -> Self:
        self.require_blocks((*self.layers, *self.mtp))
        for name, scale in self.scales.items():
            missing = sorted(self.blocks.keys() - scale.blocks)
            if missing:  # a text could not say so: a scale has what its architecture has
                raise ValueError(f"scale {name} has no block {missing[0]}")
        return self

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @property
    def mtp_parameters(self) -> int:
        """Count the parameters of multi-token prediction, which no other number contains.

        Its layers, a projection of the token's embedding and the hidden state to the width, a norm
        of each of the two, and a norm before the head (DeepSeek-V3, arXiv 2412.19437 §2.2).
        Embedding and head are those of the model.
        """
        if not self.mtp:
            return 0
        return self.stack_parameters(self.mtp) + 2 * self.norm_parameters + 2 * self.width**2

    @cached_property
    def pattern(self) -> str:
        """The layers in the pattern notation, for example `5×(2A-M)-A`."""
        return compress(self.layers)

    @cached_property
    def fingerprint(self) -> str:
        """Identity: 16 hexadecimal digits, equal for texts that mean the same model."""
        used = {
            name: json.dumps(self.block_of(name).model_dump(), sort_keys=True)
            for name in {*self.layers, *self.mtp}
        }
        meaning: list[Any] = [
            [self.width, self.vocab, self.context, self.tie_embeddings, self.norm_eps],
            [used[name] for name in self.layers],
        ]
        options = self.used_options()
        if options.pop("mtp", ()):
            meaning.append({"mtp": [used[name] for name in self.mtp]})
        if options:
            meaning.append(sorted(options.items()))
        sets = self.weight_sets(self.layers)
        if max(sets) + 1 < len(sets):
            meaning.append(sets)
        return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:16]

    def at(self, name: str) -> "Architecture":
        """Return this design at one of its scales, under the name `<name>_<scale>`.

        Raises:
            UsageError: E0225, there is no such scale.
            InputError: E0223, extrapolation leads to no layer or to too many.
        """
        if name not in self.scales:
            known = f"it has {', '.join(self.scales)}" if self.scales else "the file has no scales"
            raise UsageError(
                "E0225",
                f"{self.name} has no scale {name!r}",
                help=f"{known}: add `scale {name} {{ … }}`, or leave the scale out to use the "
                "design as it is",
            )
        scale = self.scales[name]
        try:
            layers = scale.layers_from(self.layers)
        except ValueError as error:
            raise InputError("E0223", f"scale {name} of {self.name}: {error}") from None
        shared = {field: getattr(scale, field) for field in Design.model_fields}
        return Architecture(**shared, name=f"{self.name}_{name}"[:64], layers=layers, mtp=self.mtp)
