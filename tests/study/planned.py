"""A search in this process whose scores are planned and looked up."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from typing import Any

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.evaluation.evaluator import ArchitectureRequest
from aira_dsl.evaluation.pool import EvaluationPool
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.result import Evaluation, SplitName
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.space import Space
from aira_dsl.study.clock import Clock
from aira_dsl.study.journal import Journal
from aira_dsl.study.loop import Search
from aira_dsl.study.progress import Progress
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.study.source import Source
from aira_dsl.testing.evaluator import PlannedEvaluator

EVALUATOR = preset_settings("smoke")
BLOCKS = {"A": Attention(), "M": MLP(), "Mb": Mamba2()}
SPACE = Space(SpaceDefinition(name="planned", blocks=BLOCKS, slots=5))


class LookedUp(PlannedEvaluator):
    """Answers at once, like a table."""

    def recall(
        self, architecture: Architecture, seed: int, split: SplitName = "validation"
    ) -> Evaluation:
        """Return the planned result."""
        return self.compute(architecture, seed, split, lambda tasks: True)


def score(architecture: Architecture, seed: int = 0, split: SplitName = "validation") -> float:
    """Return a score between 0 and 1 that has nothing to do with the layers."""
    return hashlib.sha256(architecture.fingerprint.encode()).digest()[0] / 255


def settings(**choices: Any) -> SearchSettings:
    """Return the settings of a search without pruning."""
    return SearchSettings.of(
        SPACE, seed=0, prune=0.0, evaluator=EVALUATOR, code="planned", **choices
    )


def open_journal(url: str) -> Journal:
    """Return the journal of a search."""
    return Journal(url, "study", identity="i", direction=EVALUATOR.direction, heartbeat=60)


def run(
    journal: Journal,
    source: Source[Architecture],
    budget: int,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Search[Architecture]:
    """Run a search with one worker and return it."""
    evaluator = LookedUp(EVALUATOR, plan=score)
    limits = Limits(
        budget=budget, seconds=None, workers=1, time_limit=60, memory_limit=1 << 30, repeats=0
    )
    pool = EvaluationPool(workers=1, time_limit=60, memory_limit=1 << 30)
    with closing(pool):
        search = Search(
            settings(sampler="random"),
            limits,
            journal,
            source,
            lambda c, seed, split: ArchitectureRequest(evaluator, c.payload, seed, split),
            pool,
            Clock(),
            on_progress,
        )
        search.run()
    return search
