"""Parses the architecture in an answer and checks that it belongs to the space.

The architecture is a whole `.arch` text, its statements alone, or the pattern of its layers. It is
read by the parser of the language on top of the space: dimensions and blocks that it leaves out are
those of the space. The parser's diagnostics are what the model gets to read. A text cannot extend
files.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from aira_dsl.agents.answer import Proposal, Rejection, read_answer
from aira_dsl.agents.tree import Node
from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.architecture.architecture import Design
from aira_dsl.language import ArchitectureError, parse, render_all
from aira_dsl.language.printer import space_text
from aira_dsl.space import Space
from aira_dsl.space.quantities import quantities_of

KEY = "architecture"
MAX_REASON = 2_000  # characters of diagnostics
_SHOWN = 5  # diagnostics
_FILENAME = "proposal.arch"


@dataclass(frozen=True)
class AnswerRules:
    """Which architectures may be proposed.

    Attributes:
        space: the slots, the blocks and the constraints.
        free: whether the parameters of blocks may differ from those of the space.
    """

    space: Space
    free: bool = False

    @cached_property
    def bounds(self) -> dict[str, int]:
        """Cost of the most expensive arrangement: the upper bound of a free proposal."""
        every = [self._costs((name,) * self.space.slots) for name in self.space.names]
        return {quantity: max(costs[quantity] for costs in every) for quantity in every[0]}

    @cached_property
    def base(self) -> str:
        """The space as a text, on top of which a proposal is read."""
        return space_text(self.space.definition)

    def _costs(self, layers: tuple[str, ...]) -> dict[str, int]:
        return quantities(self.space.architecture(layers))


def quantities(architecture: Architecture) -> dict[str, int]:
    """Return the bounded costs of an architecture."""
    costs = quantities_of(architecture)
    return {quantity: costs[quantity] for quantity in ("parameters", "flops")}


def parse_answer(
    text: str, rules: AnswerRules, known: Mapping[str, Node]
) -> Proposal[Architecture] | Rejection:
    """Return the architecture in an answer, or why there is none.

    Args:
        text: what the model wrote.
        rules: which architectures may be proposed.
        known: the trials so far, by the fingerprints of their architectures.
    """
    found = read_answer(text, KEY)
    if isinstance(found, Rejection):
        return found
    hypothesis, proposal = found
    if not isinstance(proposal, str) or not proposal.strip():
        return Rejection("invalid", f'"{KEY}" in the answer is not a text', hypothesis)
    try:
        architecture = parse(_whole(proposal), filename=_FILENAME, base=rules.base)
    except ArchitectureError as error:
        shown = render_all(error.diagnostics[:_SHOWN], error.source)
        return Rejection(error.diagnostics[0].code, shown[:MAX_REASON], hypothesis)
    if reason := _outside(architecture, rules):
        return Rejection("space", reason, hypothesis)
    if not rules.free:  # its name and unused blocks are not part of the proposal
        architecture = rules.space.architecture(architecture.layers)
    if (earlier := known.get(architecture.fingerprint)) is not None:
        return Rejection("duplicate", _tried(earlier, architecture), hypothesis)
    return Proposal(architecture, hypothesis)


def _whole(proposal: str) -> str:
    """Return a proposal as a whole text."""
    text = proposal.strip()
    if re.search(r"\b(architecture|space)\b", text):
        return text
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    statements = text if re.search(r"\blayers\b", text) else f"layers {text}"
    return f"architecture proposal {{\n  {statements}\n}}\n"


def _outside(architecture: Architecture, rules: AnswerRules) -> str:
    """Return why an architecture is outside the space; empty if it is inside."""
    space = rules.space
    if architecture.depth != space.slots:
        return (
            f"the architecture has {architecture.depth} layers, the space has exactly "
            f"{space.slots} slots"
        )
    if architecture.scales:
        return "a proposal cannot have `scale` sections"
    return (
        _other_dimensions(architecture, space.definition)
        or _other_blocks(architecture, rules)
        or _broken_constraint(architecture, space)
    )


def _other_dimensions(architecture: Architecture, definition: SpaceDefinition) -> str:
    for name in Design.model_fields:
        own, given = getattr(architecture, name), getattr(definition, name)
        if name != "blocks" and own != given:
            return f"{name} is {own}, the space has {name} {given}: leave it out"
    return ""


def _other_blocks(architecture: Architecture, rules: AnswerRules) -> str:
    blocks = rules.space.definition.blocks
    for name in dict.fromkeys(architecture.layers):
        own, given = architecture.blocks[name], blocks.get(name)
        if given is None:
            return f"block {name} is not in the space, which has {', '.join(blocks)}"
        if own.kind != given.kind:
            return f"block {name} is of kind {own.kind}, in the space it is {given.kind}"
        if own != given and not rules.free:
            return f"block {name} has other parameters than in the space: leave its definition out"
    if rules.free:
        costs = quantities(architecture)
        for quantity, bound in rules.bounds.items():
            if costs[quantity] > bound:
                return f"{quantity} are {costs[quantity]:,}, at most {bound:,} are allowed"
    return ""


def _broken_constraint(architecture: Architecture, space: Space) -> str:
    counts = Counter(architecture.layers)
    known = quantities_of(architecture) | {name: counts[name] for name in space.names}
    for constraint in space.constraints:
        if not constraint.holds(known):
            value = known[constraint.quantity]
            return f"the constraint {constraint} is broken: {constraint.quantity} is {value:,}"
    return ""


def _tried(earlier: Node, architecture: Architecture) -> str:
    outcome = "is running" if earlier.state == "running" else f"failed ({earlier.status})"
    if earlier.score is not None:
        outcome = f"scored {earlier.score:.4f}"
    elif earlier.status == "pruned":
        outcome = "was pruned: it was among the worst"
    return (
        f"trial {earlier.number} has tried {architecture.pattern}: it {outcome}; propose another "
        "architecture"
    )
