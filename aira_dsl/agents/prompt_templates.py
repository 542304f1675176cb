"""Prompt files: read, checked for unknown placeholders, and hashed.

A prompt is plain text in which `${name}` stands for a value; `$$` is a dollar sign.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from aira_dsl.errors import InputError, UsageError


@dataclass(frozen=True)
class PromptTemplates:
    """The texts of all prompt files.

    Attributes:
        texts: by file name, without `.md`.
    """

    texts: dict[str, str]

    @classmethod
    def load(
        cls,
        defaults: Traversable,
        placeholders: Mapping[str, set[str]],
        folder: str | Path | None = None,
    ) -> "PromptTemplates":
        """Read the default prompts, and the files of a folder that replace some of them.

        Args:
            defaults: folder of the default prompts.
            placeholders: the files, without `.md`, with the placeholders of each.
            folder: folder of replacements; None for none.

        Raises:
            UsageError: E0812, if the folder or a file in it cannot be read.
            InputError: E0813, if a file is not one of the prompts or has an unknown placeholder.
        """
        texts = {name: (defaults / f"{name}.md").read_text("utf-8") for name in placeholders}
        if folder is not None:
            texts |= _replacements(Path(folder), placeholders)
        return cls(texts)

    @property
    def identity(self) -> str:
        """Hash of all texts."""
        joined = "\0".join(f"{name}\0{self.texts[name]}" for name in sorted(self.texts))
        return hashlib.sha256(joined.encode()).hexdigest()[:16]

    def fill(self, name: str, **values: object) -> str:
        """Return a prompt with its values."""
        return Template(self.texts[name]).substitute(values).strip() + "\n"


def _replacements(folder: Path, placeholders: Mapping[str, set[str]]) -> dict[str, str]:
    try:
        if not folder.is_dir():
            raise UsageError("E0812", f"{folder} is not a folder", help="check --prompts")
        found = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.md"))}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "E0812", f"the prompts in {folder} cannot be read: {error}", help="check --prompts"
        ) from None
    for name, text in found.items():
        path = folder / f"{name}.md"
        if name not in placeholders:
            raise InputError(
                "E0813",
                f"{path} is not the name of a prompt",
                help=f"the prompts are {', '.join(f'{known}.md' for known in placeholders)}",
            )
        _check(path, text, placeholders[name])
    return found


def _check(path: Path, text: str, placeholders: set[str]) -> None:
    template = Template(text)
    known = ", ".join(f"${{{name}}}" for name in sorted(placeholders))
    if not template.is_valid():
        raise InputError(
            "E0813",
            f"{path} has a $ that does not begin a placeholder",
            help=f"write $$ for a dollar sign; the placeholders are {known}",
        )
    unknown = sorted(set(template.get_identifiers()) - placeholders)
    if unknown:
        raise InputError(
            "E0813",
            f"{path} has the unknown placeholder ${{{unknown[0]}}}",
            help=f"the placeholders are {known}",
        )
