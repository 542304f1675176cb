"""A proposer without a model: it draws its answers at random, with the seed of the request.

For tests and demonstrations, and as the baseline of every agent: its result is the contribution of
the policy; what a language model finds beyond it is the contribution of the model.
"""

import random
from collections.abc import Callable

from aira_dsl.agents.models.base import Billing, Reply, Request, Usage


class ScriptedProposer:
    """Answers at random; equal requests get equal answers.

    Args:
        draw: writes an answer, given the request and a random generator.
    """

    name = "scripted"
    model = "blind-mutation"
    billing: Billing | None = None
    service = "the scripted proposer"
    memory = 300  # as for a language model, so that both get the same requests
    max_output = 0

    def __init__(self, draw: Callable[[Request, random.Random], str]) -> None:
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self._draw = draw

    def open(self) -> None:
        """Do nothing: there is nothing to prepare."""

    def ask(self, request: Request) -> Reply:
        """Return a random answer."""
        return Reply(self._draw(request, random.Random(request.seed)), Usage(), self.model)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
