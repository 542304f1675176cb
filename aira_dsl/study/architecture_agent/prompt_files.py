"""The prompts as files: read, checked for what they may name, and hashed.

A folder given with `--prompts` replaces those of the package that it has a file for. A file is
plain text in which `${name}` stands for a value; `$$` is a dollar sign.
"""

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from aira_dsl.errors import InputError, UsageError

_PARENT = {"parent", "layers", "hypothesis", "budget"}
_SCORED = _PARENT | {"score", "details"}

PLACEHOLDERS: dict[str, set[str]] = {
    "system": {
        "count", "slots", "space", "costs", "rules", "freedom", "objective", "noise",
    },
    "draft": {"budget"},
    "improve": _SCORED,
    "debug": _PARENT | {"failure", "attempts"},
    "crossover": _SCORED
    | {"other", "other_layers", "other_score", "other_details", "other_hypothesis"},
    "repair": {"complaint"},
}  # fmt: skip
"""The files, without `.md`, with what each may name."""


@dataclass(frozen=True)
class PromptTemplates:
    """The texts of all prompt files.

    Attributes:
        texts: by name, without `.md`.
    """

    texts: dict[str, str]

    @classmethod
    def load(cls, folder: str | Path | None = None) -> "PromptTemplates":
        """Read the package's prompts, and those of a folder over them.

        Raises:
            UsageError: E0812, if the folder or a file in it can not be read.
            InputError: E0813, if it holds a prompt that we have no use for, or one that names a
                value that we have not.
        """
        own = resources.files("aira_dsl.study.architecture_agent") / "prompts"
        texts = {name: (own / f"{name}.md").read_text("utf-8") for name in PLACEHOLDERS}
        if folder is not None:
            texts |= _replacements(Path(folder))
        return cls(texts)

    @property
    def identity(self) -> str:
        """Hash of all texts."""
        joined = "\0".join(f"{name}\0{self.texts[name]}" for name in sorted(self.texts))
        return hashlib.sha256(joined.encode()).hexdigest()[:16]

    def fill(self, name: str, **values: object) -> str:
        """Return a prompt with its values."""
        return Template(self.texts[name]).substitute(values).strip() + "\n"


def _replacements(folder: Path) -> dict[str, str]:
    try:
        if not folder.is_dir():
            raise UsageError("E0812", f"{folder} is no folder of prompts", help="check --prompts")
        found = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.md"))}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "E0812", f"the prompts in {folder} can not be read: {error}", help="check --prompts"
        ) from None
    for name, text in found.items():
        _check(folder / f"{name}.md", name, text)
    return found


def _check(path: Path, name: str, text: str) -> None:
    if name not in PLACEHOLDERS:
        raise InputError(
            "E0813",
            f"{path} is a prompt that nothing asks for",
            help=f"prompts are {', '.join(f'{each}.md' for each in PLACEHOLDERS)}",
        )
    template = Template(text)
    known = ", ".join(f"${{{each}}}" for each in sorted(PLACEHOLDERS[name]))
    if not template.is_valid():
        raise InputError(
            "E0813",
            f"{path} has a $ that begins no ${{name}}",
            help=f"write $$ for a dollar sign; names are {known}",
        )
    unknown = sorted(set(template.get_identifiers()) - PLACEHOLDERS[name])
    if unknown:
        raise InputError(
            "E0813",
            f"{path} names ${{{unknown[0]}}}, which it is not told",
            help=f"names are {known}",
        )
