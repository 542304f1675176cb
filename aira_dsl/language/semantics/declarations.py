"""What a file says, by key: sections sorted into settings, blocks, patterns and layers.

No value is read here; it is the form in which a file builds on another and a scale on its
architecture, both by one rule: what the upper one says wins, key by key.
"""

from dataclasses import dataclass, field, replace
from typing import Self

from lark import Token

from aira_dsl.language.syntax.tree import (
    Change,
    Definition,
    Override,
    Parameters,
    Section,
    Statement,
    start_of,
)
from aira_dsl.language.vocabulary import LAYERS, MTP

_OWN = {"extends", "depth"}
"""What a file says about itself only."""


@dataclass(frozen=True)
class Recipe:
    """A block as written: its kind, and its parameters in the order in which they were given.

    Attributes:
        name: where it is named.
        kind: what it is; looked up later.
        parts: its own `{ … }` and those of every change, the last one wins.
    """

    name: Token
    kind: Token
    parts: tuple[Parameters, ...]

    def changed(self, parameters: Parameters) -> Self:
        """Return the block with other parameters."""
        return replace(self, parts=(*self.parts, parameters))


@dataclass
class Written:
    """One section.

    Attributes:
        kind: a key of `SECTIONS`.
        word, name: as in the header.
        span: offsets of the section.
        settings: statements of one value, `layers` and `slots` too.
        blocks: definitions of blocks.
        changes: changes of blocks that are defined elsewhere.
        patterns: definitions of patterns.
        overrides: what `layer` statements say of `layers`.
        poisoned: statements that were meant, but are wrong.
        lost: blocks and patterns that were meant, but could not be read.
        any_name: a definition lost its name, so every name may be meant.
    """

    kind: str
    word: Token
    name: Token | None
    span: tuple[int, int]
    settings: dict[str, Statement] = field(default_factory=dict)
    blocks: dict[str, Recipe] = field(default_factory=dict)
    changes: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    patterns: dict[str, Definition] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    poisoned: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    any_name: bool = False

    def over(self, lower: "Written") -> "Written":
        """Return this section on top of one that it extends; changes are applied."""
        mine = {**self.settings, **dict.fromkeys(self.poisoned)}
        theirs = {k: v for k, v in lower.settings.items() if k not in {*mine, *_OWN}}
        if self.kind == "scale" != lower.kind:
            theirs.pop(LAYERS, None)  # a scale finds its layers by its own rule
        if self.kind != lower.kind or LAYERS in mine:
            _drop(theirs, "slots", "extrapolate", "parameters")
        if self.kind != lower.kind:
            _drop(theirs, MTP)
        if self.kind == "space" or "extrapolate" in mine:
            _drop(theirs, LAYERS)
        keeps = LAYERS in theirs  # what is said of layers goes with them
        blocks, changes = {**lower.blocks, **self.blocks}, dict(lower.changes)
        for name in self.blocks.keys() & changes:  # a new definition starts afresh
            del changes[name]
        for name, later in self.changes.items():
            if name in blocks:
                for change in later:
                    blocks[name] = blocks[name].changed(change.parameters)
            else:
                changes[name] = (*changes.get(name, ()), *later)
        return replace(
            self,
            settings={**theirs, **self.settings},
            blocks=blocks,
            changes=changes,
            patterns={**lower.patterns, **self.patterns},
            overrides=(*lower.overrides, *self.overrides) if keeps else self.overrides,
            poisoned=self.poisoned | (lower.poisoned - {*self.settings, *_OWN}),
            lost=self.lost | lower.lost,
            any_name=self.any_name or lower.any_name,
        )


@dataclass
class File:
    """All sections of a file."""

    main: Written
    scales: dict[str, Written]

    def over(self, lower: "File") -> "File":
        """Return this file on top of one that it extends."""
        scales = dict(lower.scales)
        for name, scale in self.scales.items():
            scales[name] = scale.over(scales[name]) if name in scales else scale
        return File(self.main.over(lower.main), scales)


def blank(section: Section, kind: str) -> Written:
    """Return what a section says before its statements are read."""
    return Written(kind, section.word, section.name, (start_of(section.word), section.end))


def _drop(settings: dict[str, Statement], *keys: str) -> None:
    for key in keys:
        settings.pop(key, None)
