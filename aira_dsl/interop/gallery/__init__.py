"""Published models, by the configs that they are published with: what `aira-dsl gallery` shows.

Configs hold the settings that a config.json has, written down from what is published. Where the
publisher's number of parameters is known to the unit, it is given, and a test compares it;
where only a rounded one is known, the sizes are those that give it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import UsageError
from aira_dsl.interop.importers import Imported, read_content
from aira_dsl.language import to_text


@dataclass(frozen=True)
class Published:
    """A published model.

    Attributes:
        name: of its architecture and of its file.
        title: as its publisher calls it.
        total: the number of parameters that the publisher's files have; None if it is not known to
            the unit.
        config: the settings of its config.json.
    """

    name: str
    title: str
    total: int | None
    config: dict[str, Any]

    @cached_property
    def imported(self) -> Imported:
        """The architecture; settings that do not change its costs may be beyond the language."""
        return read_content(self.config, name=self.name, costs_only=True)

    @property
    def architecture(self) -> Architecture:
        """The architecture of the config."""
        return self.imported.architecture

    @property
    def text(self) -> str:
        """The architecture as a file, with the title and what the import notes as comments."""
        notes = [f"{self.title}, from its config.json", *self.imported.notes]
        return "".join(f"# {note}\n" for note in notes) + to_text(self.architecture)


def published_models() -> list[Published]:
    """Return all models of the gallery, by name."""
    return sorted(_models(), key=lambda each: each.name)


def published_model(name: str) -> Published:
    """Return a model of the gallery.

    Raises:
        UsageError: E0523, there is no model of this name.
    """
    found = {each.name: each for each in published_models()}
    if name not in found:
        message = f"the gallery has no model {name!r}"
        raise UsageError("E0523", message, help=f"it has {', '.join(found)}")
    return found[name]


def _models() -> Iterator[Published]:
    for path in files("aira_dsl.interop.gallery").iterdir():
        if path.name.endswith(".json"):
            content = json.loads(path.read_text(encoding="utf-8"))
            yield Published(path.name.removesuffix(".json"), **content)
