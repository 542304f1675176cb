"""What a proposer answered: read, checked like a person's file, and accepted or handed back.

An answer is a JSON object with a hypothesis and an architecture. The architecture is a whole
`.arch` text, or the pattern of its layers alone; both go through the project's own parser, and its
diagnostics are what the proposer gets to read. Nothing in an answer is ever executed, and a text
can not extend files.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aira_dsl.agents.tree import Node
from aira_dsl.architecture import Architecture, SpaceDefinition, cost
from aira_dsl.architecture.architecture import Design
from aira_dsl.language import ArchitectureError, parse, render_all, to_text
from aira_dsl.space import Space

MAX_ANSWER = 20_000
"""Characters; a longer answer is not read, and cut where it is kept."""

MAX_HYPOTHESIS = 600
MAX_COMPLAINT = 2_000
_FILENAME = "proposal.arch"


@dataclass(frozen=True)
class Proposal:
    """An architecture that can be evaluated, with the reason why it should be."""

    architecture: Architecture
    hypothesis: str


@dataclass(frozen=True)
class Rejection:
    """Why an answer can not be used.

    Attributes:
        code: of the first diagnostic, or `invalid`, `space`, `duplicate`, `length`, `refusal`.
        text: what the proposer is told.
        hypothesis: what it had in mind, as far as that could be read.
    """

    code: str
    text: str
    hypothesis: str = ""


@dataclass(frozen=True)
class AnswerRules:
    """What an answer must obey.

    Attributes:
        space: the slots, the blocks and the constraints.
        free: whether the blocks' parameters may differ from the space's.
    """

    space: Space
    free: bool = False

    @property
    def bounds(self) -> dict[str, int]:
        """What the dearest arrangement of the space costs; a free proposal may not cost more."""
        every = [self._costs((name,) * self.space.slots) for name in self.space.names]
        return {quantity: max(costs[quantity] for costs in every) for quantity in every[0]}

    def _costs(self, layers: tuple[str, ...]) -> dict[str, int]:
        return quantities(self.space.architecture(layers))


def quantities(architecture: Architecture) -> dict[str, int]:
    """Return what bounds are about."""
    costs = cost(architecture)
    return {"parameters": costs.parameters, "flops": costs.training_flops}


def parse_answer(text: str, rules: AnswerRules, known: Mapping[str, Node]) -> Proposal | Rejection:
    """Read an answer.

    Args:
        text: what the proposer wrote.
        rules: what it must obey.
        known: the trials so far, by the fingerprints of their architectures.
    """
    found = _fields(text)
    if isinstance(found, Rejection):
        return found
    hypothesis, proposal = found
    try:
        architecture = _architecture(proposal, rules)
    except ArchitectureError as error:
        shown = render_all(error.diagnostics[:5], error.source)
        return Rejection(error.diagnostics[0].code, shown[:MAX_COMPLAINT], hypothesis)
    reason = _outside(architecture, rules)
    if reason:
        return Rejection("space", reason, hypothesis)
    if not rules.free:  # unused blocks are no part of a proposal
        architecture = rules.space.architecture(architecture.layers)
    if (twin := known.get(architecture.fingerprint)) is not None:
        return Rejection("duplicate", _tried(twin, architecture), hypothesis)
    return Proposal(architecture, hypothesis)


def clean(text: str, limit: int) -> str:
    """Return a model's text without what could act in a terminal or on a page, and not too long.

    Control and format characters (escapes, bidirectional overrides) go; line ends become spaces.
    """
    kept = "".join(
        " " if character.isspace() else character
        for character in text[: 4 * limit]
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    flat = re.sub(r"\s+", " ", kept).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _fields(text: str) -> tuple[str, str] | Rejection:
    """Return hypothesis and architecture."""
    if len(text) > MAX_ANSWER:
        return Rejection("invalid", f"the answer has {len(text):,} characters; be brief")
    # What is read is what is kept: a killed search reads it again from its journal.
    text = clean(text, MAX_ANSWER)
    found = _first_object(text)
    if found is None:
        return Rejection(
            "invalid",
            'the answer is no JSON object; write only {"hypothesis": "…", "architecture": "…"}',
        )
    values = [found.get(key) for key in ("hypothesis", "architecture")]
    hypothesis = clean(values[0], MAX_HYPOTHESIS) if isinstance(values[0], str) else ""
    if not isinstance(values[1], str) or not values[1].strip():
        return Rejection("invalid", 'the answer has no "architecture" that is a text', hypothesis)
    return hypothesis, values[1].strip()


def _first_object(text: str) -> dict[str, Any] | None:
    """Return the first JSON object in a text: models like to wrap it in words and fences."""
    decoder, at = json.JSONDecoder(), -1
    for _ in range(20):
        if (at := text.find("{", at + 1)) < 0:
            return None
        try:
            found, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "architecture" in found:
            return found
    return None


def _architecture(proposal: str, rules: AnswerRules) -> Architecture:
    """Parse a whole text, or the layers alone."""
    if re.search(r"\barchitecture\b", proposal):
        return parse(proposal, filename=_FILENAME)
    pattern = re.sub(r"^\s*layers\b", "", proposal)
    return parse(_with_layers(rules.space, pattern.strip()), filename=_FILENAME)


def _with_layers(space: Space, pattern: str) -> str:
    """Return a text with the space's dimensions and blocks, and these layers."""
    frame = to_text(space.architecture((space.names[0],) * space.slots, name="proposal"))
    lines = frame.splitlines()
    place = next(i for i, line in enumerate(lines) if line.lstrip().startswith("layers "))
    return "\n".join([*lines[:place], f"  layers {pattern}", *lines[place + 1 :]]) + "\n"


def _outside(architecture: Architecture, rules: AnswerRules) -> str:
    """Say what takes an architecture out of the space; empty if nothing does."""
    space = rules.space
    if architecture.depth != space.slots:
        return (
            f"the architecture has {architecture.depth} layers, the space has exactly "
            f"{space.slots} slots"
        )
    if architecture.scales:
        return "a proposal has no `scale` sections"
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
            return f"block {name} has other parameters than the space's: its blocks are fixed"
    if rules.free:
        costs = quantities(architecture)
        for quantity, bound in rules.bounds.items():
            if costs[quantity] > bound:
                return f"{quantity} are {costs[quantity]:,}, at most {bound:,} are allowed"
    return ""


def _broken_constraint(architecture: Architecture, space: Space) -> str:
    costs, counts = cost(architecture), Counter(architecture.layers)
    known = {
        **{name: counts[name] for name in space.names},
        "parameters": costs.parameters,
        "flops": costs.training_flops,
        "kv_cache": costs.kv_cache_bytes,
        "state": costs.state_bytes,
    }
    for constraint in space.constraints:
        if not constraint.holds(known):
            value = known[constraint.quantity]
            return f"the rule {constraint} is broken: {constraint.quantity} is {value:,}"
    return ""


def _tried(twin: Node, architecture: Architecture) -> str:
    outcome = "is running" if twin.state == "running" else f"failed ({twin.status})"
    if twin.score is not None:
        outcome = f"scored {twin.score:.4f}"
    elif twin.status == "pruned":
        outcome = "was stopped early as hopeless"
    return f"trial {twin.number} has tried {architecture.pattern}: it {outcome}; propose another"
