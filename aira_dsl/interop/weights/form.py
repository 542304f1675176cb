"""How the tensors of a mixer are named in a checkpoint."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from aira_dsl.interop.weights.links import Link, Part

Fused = Callable[[Part], Iterator[Link]]


@dataclass(frozen=True, slots=True)
class Form:
    """Names of a mixer's tensors in a checkpoint.

    Attributes:
        prefix: the module within the layer; alternatives are separated by `|`.
        renamed: their names of our modules or tensors, where they differ.
        fused: yields links of tensors that correspond in another way than one to one.
        offsets: our modules whose weights are stored as offsets from 1.
    """

    prefix: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    fused: Fused | None = None
    offsets: tuple[str, ...] = ()

    def links(self, part: Part) -> list[Link]:
        """Return a link for every tensor of the mixer, by names within mixer and module."""
        special = list(self.fused(part)) if self.fused else []
        done = {link.ours for link in special}
        return special + [
            Link(self._name(name), shape, name, offset=float(name.split(".")[0] in self.offsets))
            for name, shape in part.ours.items()
            if name not in done
        ]

    def _name(self, name: str) -> str:
        for ours, theirs in self.renamed.items():
            if name == ours or name.startswith(f"{ours}."):
                return theirs + name.removeprefix(ours)
        return name
