"""The proxy tasks: the six of MAD (arXiv 2403.17844), and byte-level language modelling.

`TASKS` holds the six by name; their defaults are MAD's baselines. `Task` is any of the seven, told
apart by `name`. `make_splits` turns a task into train, validation and test examples.
"""

from typing import Annotated

from pydantic import Field

from aira_dsl.data.mad.compression import Compression
from aira_dsl.data.mad.fuzzy_in_context_recall import FuzzyInContextRecall
from aira_dsl.data.mad.in_context_recall import InContextRecall
from aira_dsl.data.mad.memorization import Memorization
from aira_dsl.data.mad.noisy_in_context_recall import NoisyInContextRecall
from aira_dsl.data.mad.selective_copying import SelectiveCopying
from aira_dsl.data.splits import Splits, SplitSizes, make_splits
from aira_dsl.data.task import IGNORE, Examples, SyntheticTask, TaskSettings
from aira_dsl.data.text.task import LanguageTask

SyntheticTaskClass = (
    type[InContextRecall]
    | type[NoisyInContextRecall]
    | type[FuzzyInContextRecall]
    | type[Memorization]
    | type[Compression]
    | type[SelectiveCopying]
)

TASKS: dict[str, SyntheticTaskClass] = {
    "in-context-recall": InContextRecall,
    "noisy-in-context-recall": NoisyInContextRecall,
    "fuzzy-in-context-recall": FuzzyInContextRecall,
    "memorization": Memorization,
    "compression": Compression,
    "selective-copying": SelectiveCopying,
}

Task = Annotated[
    InContextRecall
    | NoisyInContextRecall
    | FuzzyInContextRecall
    | Memorization
    | Compression
    | SelectiveCopying
    | LanguageTask,
    Field(discriminator="name"),
]

__all__ = [
    "IGNORE",
    "TASKS",
    "Compression",
    "Examples",
    "FuzzyInContextRecall",
    "InContextRecall",
    "LanguageTask",
    "Memorization",
    "NoisyInContextRecall",
    "SelectiveCopying",
    "SplitSizes",
    "Splits",
    "SyntheticTask",
    "Task",
    "TaskSettings",
    "make_splits",
]
