"""A proposer without a model: blind mutation and crossover, always the same for the same request.

For tests and demonstrations, and as the honest baseline of every agent: what a policy finds with it
is the policy's own merit; what a language model finds beyond it is the model's.
It reads prompts as a model does: the parents are the lines that begin with `layers:`.
"""

import json
import random
import re
from collections.abc import Callable

from aira_dsl.agents.models.base import Reply, Request, Usage
from aira_dsl.architecture import compress
from aira_dsl.errors import InputError
from aira_dsl.language import expand_pattern

Layers = tuple[str, ...]


class ScriptedProposer:
    """Mutates blindly.

    Args:
        names: block names of the space.
        draw: draws an allowed arrangement at random.
    """

    name = "scripted"
    model = "blind-mutation"
    memory = 300  # it is told what a model would be told, and ignores it
    max_output = 0

    def __init__(self, names: tuple[str, ...], draw: Callable[[random.Random], Layers]) -> None:
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self._names = names
        self._draw = draw

    def open(self) -> None:
        """Do nothing: it is always ready."""

    def ask(self, request: Request) -> Reply:
        """Return a random arrangement, a parent with a slot changed, or a mix of two parents."""
        rng = random.Random(request.seed)
        parents = self._parents(request.messages[0].text)
        if len(parents) == 2:
            layers = tuple(rng.choice(pair) for pair in zip(*parents, strict=True))
            hypothesis = "each layer from one parent or the other, by chance"
        elif parents:
            layers, hypothesis = self._mutate(parents[0], 1 + request.attempt, rng)
        else:
            layers, hypothesis = self._draw(rng), "drawn at random"
        answer = {"hypothesis": hypothesis, "architecture": compress(layers)}
        return Reply(json.dumps(answer, ensure_ascii=False), Usage(), self.model)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _parents(self, text: str) -> list[Layers]:
        found = []
        for pattern in re.findall(r"^layers: (.+)$", text, re.MULTILINE):
            try:
                found.append(tuple(expand_pattern(pattern, self._names)))
            except InputError:  # a proposal that was none
                continue
        return found

    def _mutate(self, parent: Layers, changes: int, rng: random.Random) -> tuple[Layers, str]:
        """Change some slots, more of them after every refusal."""
        child, told = list(parent), []
        for slot in sorted(rng.sample(range(len(child)), min(changes, len(child)))):
            others = [name for name in self._names if name != child[slot]]
            if others:
                told.append(f"layer {slot + 1} from {child[slot]} to")
                child[slot] = rng.choice(others)
                told[-1] += f" {child[slot]}"
        return tuple(child), ", ".join(told) + ", by chance"
