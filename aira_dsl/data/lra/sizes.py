"""Settings of each task at the sizes `paper` and `cpu`."""

from collections.abc import Callable
from typing import Literal

from aira_dsl.data.lra.image import ImageSettings
from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.pathfinder import PATH_X, PathfinderSettings
from aira_dsl.data.lra.retrieval import RetrievalSettings
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.text import TextSettings

TaskName = Literal["listops", "text", "retrieval", "image", "pathfinder", "path-x"]
Size = Literal["paper", "cpu"]

_IMAGES = {"train": 160_000, "validation": 20_000, "test": 20_000}
_SMALL = {"train": 8_000, "validation": 1_000, "test": 1_000}

SETTINGS: dict[tuple[TaskName, Size], Callable[[], LraSettings]] = {
    ("listops", "paper"): lambda: ListOpsSettings(train=96_000, validation=2_000, test=2_000),
    ("listops", "cpu"): lambda: ListOpsSettings(
        **_SMALL, max_depth=6, max_args=5, min_length=20, max_length=100
    ),
    ("text", "paper"): lambda: TextSettings(train=22_500, validation=2_500, test=25_000),
    ("text", "cpu"): lambda: TextSettings(**_SMALL, source="stand-in", length=512),
    ("retrieval", "paper"): lambda: RetrievalSettings(
        train=147_086, validation=18_090, test=17_437
    ),
    ("retrieval", "cpu"): lambda: RetrievalSettings(**_SMALL, source="stand-in", length=512),
    ("image", "paper"): lambda: ImageSettings(train=45_000, validation=5_000, test=10_000),
    ("image", "cpu"): lambda: ImageSettings(**_SMALL, source="stand-in", side=16),
    ("pathfinder", "paper"): lambda: PathfinderSettings(**_IMAGES),
    ("pathfinder", "cpu"): lambda: PathfinderSettings(
        **_SMALL, contour_length=6, distractor_length=2, distractors=10
    ),
    ("path-x", "paper"): lambda: PathfinderSettings(**_IMAGES, **PATH_X),
}
"""Makes the settings of a task at a size; `model_copy(update=…)` changes single fields."""
