"""The words of the language: kinds of sections, and what their statements begin with.

The lowest module of the language: the parser recovers by these words, the messages suggest them,
the semantics sorts by them.
"""

from collections.abc import Iterable

from aira_dsl.architecture import SETTINGS, Design
from aira_dsl.utils.unused import OPTION

LAYERS = "layers"
MTP = "mtp"
PATTERNS = (LAYERS, MTP)
"""Statements whose value is a pattern."""

_OPTIONS = tuple(key for key in SETTINGS if OPTION in Design.model_fields[key].metadata)
_USUAL = tuple(key for key in SETTINGS if key not in _OPTIONS)

SECTIONS: dict[str, tuple[str, ...]] = {
    "architecture": (
        "extends",
        *_USUAL,
        "depth",
        "block",
        "pattern",
        LAYERS,
        "layer",
        MTP,
        *_OPTIONS,
    ),
    "space": ("extends", *_USUAL, "block", "slots", *_OPTIONS),
    "scale": (*_USUAL, "depth", "block", LAYERS, "extrapolate", "parameters", *_OPTIONS),
}
"""Kinds of sections, and the words that begin their statements: the usual ones first."""

DEFINITIONS = {"block", "pattern", "layer"}
"""Words of statements that are not `NAME value`."""

STATEMENTS = frozenset(word for words in SECTIONS.values() for word in words)


def known_statements(kind: str, *, definitions: Iterable[str] = ()) -> list[str]:
    """List the words that begin a `NAME value` statement in a section, and some others."""
    values = [word for word in SECTIONS[kind] if word not in DEFINITIONS]
    return [*values, *definitions]
