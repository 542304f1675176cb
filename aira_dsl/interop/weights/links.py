"""Links between tensors of a checkpoint and tensors of ours.

A link copies a view of a tensor of a checkpoint to a view of a tensor of ours; both views have the
same shape. Several links of one tensor split it; several links to one tensor stack or concatenate.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aira_dsl.primitives.base import Primitive

Shape = tuple[int, ...]
View = Callable[[Tensor], Tensor]


def whole(tensor: Tensor) -> Tensor:
    """Return the tensor itself."""
    return tensor


@dataclass(frozen=True, slots=True)
class Link:
    """ours = factor · theirs + offset, for a part of each.

    Attributes:
        theirs: name in the checkpoint.
        shape: of that tensor.
        ours: name in our model.
        read: returns the part of theirs, as a view.
        part: returns the part of ours, as a view.
        factor: by which a config multiplies outputs, where ours has it in the weights.
        offset: 1 for gains that are stored as offsets from 1.
    """

    theirs: str
    shape: Shape
    ours: str
    read: View = whole
    part: View = whole
    factor: float = 1.0
    offset: float = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether the numbers stay as they are, in any dtype."""
        return self.factor == 1.0 and self.offset == 0.0

    def copy(self, theirs: Tensor, ours: Tensor) -> None:
        """Copy the part, rounded once to the dtype of ours."""
        part = self.read(theirs)
        if not self.is_exact:
            part = part.to(torch.float32) * self.factor + self.offset
        self.part(ours).copy_(part)

    def copy_back(self, ours: Tensor, theirs: Tensor) -> None:
        """Copy the part from ours to theirs, which must be contiguous."""
        part = self.part(ours)
        if not self.is_exact:
            part = (part.to(torch.float32) - self.offset) / self.factor
        self.read(theirs).copy_(part)


@dataclass(frozen=True, slots=True)
class Part:
    """A mixer of ours and what a checkpoint has in its place.

    Attributes:
        block: what the mixer computes.
        ours: shapes of our tensors by their names within the mixer.
        found: shapes of the checkpoint's tensors by their names within its module.
        config: settings of the checkpoint.
    """

    block: Primitive
    ours: Mapping[str, Shape]
    found: Mapping[str, Shape]
    config: Mapping[str, Any]


def joined(part: Part, theirs: str, names: Sequence[str], dim: int = 0) -> Iterator[Link]:
    """Yield links of one tensor of theirs that has several of ours, one after another."""
    sizes = [part.ours[name][dim] for name in names]
    shape = list(part.ours[names[0]])
    shape[dim] = sum(sizes)
    for index, name in enumerate(names):
        start = sum(sizes[:index])
        yield Link(theirs, tuple(shape), name, read=_narrow(dim, start, sizes[index]))


def concatenated(
    part: Part, ours: str, names: Sequence[str], sizes: Sequence[int]
) -> Iterator[Link]:
    """Yield links of several tensors of theirs, of these many rows, that are one of ours."""
    rest = part.ours[ours][1:]
    for index, name in enumerate(names):
        start = sum(sizes[:index])
        yield Link(name, (sizes[index], *rest), ours, part=_narrow(0, start, sizes[index]))


def _narrow(dim: int, start: int, size: int) -> View:
    return lambda tensor: tensor.narrow(dim, start, size)


def pick(names: str, found: Mapping[str, Shape]) -> str:
    """Return the first of some names, separated by `|`, that a checkpoint has, else the first.

    A name is that of a tensor, or of a module with tensors.
    """
    options = names.split("|")
    for option in options:
        if any(name == option or name.startswith(f"{option}.") for name in found):
            return option
    return options[0]


def within(prefix: str, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the tensors of a module by their names within it; all for an empty prefix."""
    start = f"{prefix}." if prefix else ""
    return {
        name.removeprefix(start): shape for name, shape in shapes.items() if name.startswith(start)
    }
