"""An architecture as a class of transformers sees it: mixers and feed-forward layers in turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aira_dsl.architecture import Architecture
from aira_dsl.primitives import MLP, Attention, MoE
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.parallel.spec import BAR

Settings = dict[str, Any]
"""Settings of a config.json."""

_Block = TypeVar("_Block", bound=Primitive)


@dataclass(frozen=True, slots=True)
class Outline:
    """The layers of an architecture, of which a family says what it can.

    Attributes:
        architecture: the architecture.
        mixers: the mixer of every layer of theirs.
        feed_forwards: the feed-forward layer of every one; empty if they have none.
        reasons: rules of the class that the architecture breaks; families add to them.
    """

    architecture: Architecture
    mixers: tuple[Primitive, ...]
    feed_forwards: tuple[Primitive, ...]
    reasons: list[str] = field(default_factory=list)

    def first(
        self, kind: type[_Block], where: Callable[[_Block], bool] = lambda block: True
    ) -> _Block | None:
        """Return the first block of a kind for which a condition holds, also within branches."""
        blocks = (part for layer in (*self.mixers, *self.feed_forwards) for part in layer.parts)
        return next((each for each in blocks if isinstance(each, kind) and where(each)), None)

    @property
    def attention(self) -> Attention | None:
        """The first attention."""
        return self.first(Attention)

    @property
    def full(self) -> Attention | None:
        """The first attention to all tokens."""
        return self.first(Attention, lambda block: not block.window and not block.chunk)

    @property
    def near(self) -> Attention | None:
        """The first attention with a window."""
        return self.first(Attention, lambda block: block.window is not None)

    @property
    def mlp(self) -> MLP | None:
        """The first mlp."""
        return self.first(MLP)

    @property
    def moe(self) -> MoE | None:
        """The first mixture of experts."""
        return self.first(MoE)

    @property
    def sparse(self) -> list[bool]:
        """For every layer of theirs, whether its feed-forward layer is a mixture."""
        return [isinstance(block, MoE) for block in self.feed_forwards]

    def words(self, by_kind: dict[str, str]) -> list[str]:
        """Return the word of a family for every mixer, by the kinds of ours."""
        return [by_kind[kind_of(mixer)] for mixer in self.mixers]

    def require(self, holds: bool, reason: str) -> None:
        """Add a reason against the export unless a rule holds."""
        if not holds:
            self.reasons.append(reason)


def kind_of(block: Primitive) -> str:
    """Return the kind of a layer; that of a parallel layer names its branches."""
    return BAR.join(sorted(part.kind for part in block.parts))


def outline(architecture: Architecture, feed_forwards: Sequence[str]) -> Outline:
    """Return the layers of an architecture that fits a family.

    Args:
        architecture: as `fitting` returns it.
        feed_forwards: kinds of the family's feed-forward layers; none if a layer of theirs is one
            of ours.
    """
    blocks = tuple(architecture.block_of(name) for name in architecture.layers)
    if not feed_forwards:
        return Outline(architecture, blocks, ())
    return Outline(architecture, blocks[0::2], blocks[1::2])


def fitting(
    architecture: Architecture, mixers: Sequence[str], feed_forwards: Sequence[str]
) -> Architecture | None:
    """Return an architecture of the layers that a family has, in its order; None if it has none.

    Args:
        architecture: any architecture.
        mixers: kinds of mixers of the family.
        feed_forwards: kinds of its feed-forward layers, as of `outline`.
    """
    names = architecture.layers
    found = [name for name in names if kind_of(architecture.block_of(name)) in mixers]
    if feed_forwards:
        after = [name for name in names if kind_of(architecture.block_of(name)) in feed_forwards]
        found = [name for pair in zip(found, after, strict=False) for name in pair]
    known = {*mixers, *feed_forwards}
    predicted = [name for name in architecture.mtp if kind_of(architecture.block_of(name)) in known]
    if (tuple(found), tuple(predicted)) == (names, architecture.mtp):
        return architecture
    if not found:
        return None
    return architecture.replace(layers=tuple(found), mtp=tuple(predicted))


def misplaced(
    architecture: Architecture, name: str, mixers: Sequence[str], feed_forwards: Sequence[str]
) -> list[str]:
    """Return why the order of layers is not that of a family; arguments as of `fitting`."""
    kinds = [kind_of(architecture.block_of(layer)) for layer in architecture.layers]
    known = {*mixers, *feed_forwards}
    predicted = [kind_of(architecture.block_of(layer)) for layer in architecture.mtp]
    unknown = dict.fromkeys(kind for kind in (*kinds, *predicted) if kind not in known)
    reasons = [f"it has {_layers(kind)}" for kind in unknown]
    if not feed_forwards:
        return reasons
    turn = (mixers, feed_forwards)
    for number, kind in enumerate(kinds):
        if kind in known and kind not in turn[number % 2]:
            wanted = " or ".join(turn[number % 2])
            message = f"its layer {number + 1} is {kind}, where {name} has {wanted}"
            return [*reasons, message]
    if len(kinds) % 2 and not unknown:
        reasons.append(f"its last layer has no {' or '.join(feed_forwards)} after it")
    return reasons


def _layers(kind: str) -> str:
    if BAR in kind:
        return f"parallel layers of {' and '.join(kind.split(BAR))}"
    return f"{kind} layers"
