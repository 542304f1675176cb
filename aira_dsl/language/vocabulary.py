"""The words of the language: kinds of sections, and what their statements begin with.

The lowest module of the language: the parser recovers by these words, the messages suggest them,
the semantics sorts by them.
"""

from collections.abc import Iterable

from aira_dsl.architecture import SETTINGS

LAYERS = "layers"

SECTIONS: dict[str, tuple[str, ...]] = {
    "architecture": ("extends", *SETTINGS, "depth", "block", "pattern", LAYERS, "layer"),
    "space": ("extends", *SETTINGS, "block", "slots"),
    "scale": (*SETTINGS, "depth", "block", LAYERS, "extrapolate", "parameters"),
}
"""Kinds of sections, and the words that begin their statements."""

DEFINITIONS = {"block", "pattern", "layer"}
"""Words of statements that are not `NAME value`."""

STATEMENTS = frozenset(word for words in SECTIONS.values() for word in words)


def known_statements(kind: str, *, definitions: Iterable[str] = ()) -> list[str]:
    """List the words that begin a `NAME value` statement in a section, and some others."""
    values = [word for word in SECTIONS[kind] if word not in DEFINITIONS]
    return [*values, *definitions]
