"""The stack as a person wants to see it: one line for a run of equal layers, repeats kept together.

The lines follow the pattern notation, so that 4,096 layers of a repeating design are a few lines.
What draws them (terminal, SVG) is elsewhere.
"""

from dataclasses import dataclass

from lark import Token

from aira_dsl.architecture import ELEMENT_BYTES, Architecture, kept_tokens
from aira_dsl.language.syntax.parser import parse_pattern
from aira_dsl.language.syntax.tree import Group, Parallel, Pattern
from aira_dsl.primitives.base import Convention


@dataclass(frozen=True, slots=True)
class Line:
    """Equal layers that follow one another, in every round of the groups they stand in.

    Attributes:
        first, last: numbers of the layers in the first round, from 1.
        block: name of their block.
        kind: the block's primitive.
        groups: how often each enclosing group repeats, the outermost first.
        opens, closes: how many of those groups begin and end with this line.
        layers: number of these layers in all rounds; the following numbers are their totals.
        parameters: learnable parameters, norms included; of a tied block in its first line only.
        flops_share: share of all layers' training FLOPs, 0 to 1.
        cache_bytes: bytes that decoding keeps per token.
        cache_tokens: the largest number of tokens that are kept; None for all.
        state_bytes: bytes that decoding keeps per sequence.
    """

    first: int
    last: int
    block: str
    kind: str
    groups: tuple[int, ...]
    opens: int
    closes: int
    layers: int
    parameters: int
    flops_share: float
    cache_bytes: int
    cache_tokens: int | None
    state_bytes: int

    @property
    def count(self) -> int:
        """Number of layers in one round."""
        return self.last - self.first + 1


def lines(
    architecture: Architecture,
    *,
    context: int | None = None,
    convention: Convention = "paper",
) -> list[Line]:
    """Return the stack of an architecture, first layer first."""
    return _Drawing(architecture, context or architecture.context, convention).run()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line stands among the groups."""

    groups: tuple[int, ...] = ()
    opens: int = 0
    closes: int = 0


class _Drawing:
    def __init__(self, architecture: Architecture, context: int, convention: Convention) -> None:
        self.architecture = architecture
        self.context = context
        self.convention = convention
        self.at = 1
        self.found: list[Line] = []
        self.total = sum(self._flops(name) for name in architecture.layers)

    def run(self) -> list[Line]:
        self._pattern(parse_pattern(self.architecture.pattern), _Place())
        return self.found

    def _pattern(self, pattern: Pattern, place: _Place) -> None:
        for index, each in enumerate(pattern):
            opens = place.opens if index == 0 else 0
            closes = place.closes if index == len(pattern) - 1 else 0
            times = int(each.times or 1)
            if isinstance(each.body, Group):
                start = self.at
                inside = _Place((*place.groups, times), opens + 1, closes + 1)
                self._pattern(each.body.items, inside)
                self.at = start + (self.at - start) * times
            else:
                self._line(each.body, times, _Place(place.groups, opens, closes))

    def _line(self, name: Token | Parallel, times: int, place: _Place) -> None:
        block = self.architecture.block_of(str(name))
        rounds = times
        for group in place.groups:
            rounds *= group
        width = self.architecture.width
        self.found.append(
            Line(
                first=self.at,
                last=self.at + times - 1,
                block=str(name),
                kind=block.kind,
                groups=place.groups,
                opens=place.opens,
                closes=place.closes,
                layers=rounds,
                parameters=self._parameters(str(name), rounds),
                flops_share=rounds * self._flops(str(name)) / self.total,
                cache_bytes=rounds * ELEMENT_BYTES * block.kv_cache_elements(width),
                cache_tokens=kept_tokens(block),
                state_bytes=rounds * block.state_bytes(width, ELEMENT_BYTES),
            )
        )
        self.at += times

    def _parameters(self, name: str, layers: int) -> int:
        """Count those of some layers; those of a tied block where it is first used."""
        if self.architecture.block_of(name).tied:
            layers = 0 if any(line.block == name for line in self.found) else 1
        return layers * self.architecture.layer_parameters(name)

    def _flops(self, name: str) -> int:
        block = self.architecture.block_of(name)
        return block.training_flops(self.architecture.width, self.context, self.convention)


def gutters(stack: list[Line]) -> list[str]:
    """Draw the brackets of the groups, one text of equal width for each line: `3×┌`, `│`, `└`."""
    drawn = []
    for line in stack:
        outer = len(line.groups)
        text = ""
        for depth, times in enumerate(line.groups):
            begins, ends = depth >= outer - line.opens, depth >= outer - line.closes
            mark = "┌" if begins else "└" if ends else "│"
            text += f"{times}×{mark}" if begins else " " * (len(str(times)) + 1) + mark
        drawn.append(text)
    width = max(map(len, drawn), default=0)
    return [text.ljust(width) for text in drawn]


def count_kinds(architecture: Architecture) -> dict[str, int]:
    """Count the layers of each primitive, in the order of the first ones."""
    counts: dict[str, int] = {}
    for name in architecture.layers:
        kind = architecture.block_of(name).kind
        counts[kind] = counts.get(kind, 0) + 1
    return counts
