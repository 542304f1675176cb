"""The arrangements that are timed: each primitive 16 times, a balanced hybrid, paper patterns."""

from aira_dsl.architecture import Architecture
from aira_dsl.experiments.paper_patterns import BALANCED, BASELINES, BASES, layers_of
from aira_dsl.space import Space

_PRIMITIVES = ("attention only", "MLP only", "Mamba-2 only")


def arrangements(*, every: bool) -> dict[str, Architecture]:
    """Return architectures of the default space by name; with `every`, the nine bases too."""
    patterns = {
        **BALANCED,
        **{name: BASELINES[name] for name in _PRIMITIVES},
        **(BASES if every else {}),
    }
    space = Space.default()
    return {name: space.architecture(layers) for name, layers in layers_of(patterns).items()}
