"""Answers without a model: random arrangements, mutations and crossovers.

The parents are read from the prompt, as a model does: they are the lines that begin with `layers:`.
"""

import json
import random
import re
from typing import TypeAlias

from aira_dsl.agents.models.base import Request
from aira_dsl.architecture import compress
from aira_dsl.errors import InputError
from aira_dsl.language import expand_pattern
from aira_dsl.space import Space

Layers: TypeAlias = tuple[str, ...]


class BlindMutation:
    """Writes answers at random.

    Args:
        space: the arrangements to draw from.
    """

    def __init__(self, space: Space) -> None:
        self._space = space

    def __call__(self, request: Request, rng: random.Random) -> str:
        """Return a random arrangement, a mutation of one parent or a crossover of two."""
        parents = self._parents(request.messages[0].text)
        if len(parents) == 2:
            layers = tuple(rng.choice(pair) for pair in zip(*parents, strict=True))
            hypothesis = "every layer is drawn from one of the two parents"
        elif parents:
            layers, hypothesis = self._mutate(parents[0], 1 + request.attempt, rng)
        else:
            layers, hypothesis = self._space.draw(rng), "a random arrangement"
        answer = {"hypothesis": hypothesis, "architecture": compress(layers)}
        return json.dumps(answer, ensure_ascii=False)

    def _parents(self, text: str) -> list[Layers]:
        found = []
        for pattern in re.findall(r"^layers: (.+)$", text, re.MULTILINE):
            try:
                found.append(tuple(expand_pattern(pattern, self._space.names)))
            except InputError:  # the parent has no usable architecture
                continue
        return found

    def _mutate(self, parent: Layers, changes: int, rng: random.Random) -> tuple[Layers, str]:
        """Change as many layers as given; every rejected answer adds one change."""
        child, told = list(parent), []
        for slot in sorted(rng.sample(range(len(child)), min(changes, len(child)))):
            others = [name for name in self._space.names if name != child[slot]]
            if others:
                name = rng.choice(others)
                told.append(f"layer {slot + 1} changed from {child[slot]} to {name}")
                child[slot] = name
        return tuple(child), ", ".join(told)
