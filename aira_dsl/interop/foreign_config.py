"""Settings of another tool's config, each one accounted for.

A reader of a family takes every key of a config: it uses the value, knows it to be without effect,
or refuses it by name. What is left over at the end is refused too, so that a config never becomes
an architecture that it does not describe.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.primitives.base import Primitive
from aira_dsl.utils.options import rule_of

_Model = TypeVar("_Model", bound=BaseModel)
_Block = TypeVar("_Block", bound=Primitive)
_SHOWN = 50
"""Characters of a value that a message shows."""


@dataclass
class Account:
    """Results of reading one config, shared by its sections.

    Attributes:
        costs_only: whether settings that change no costs are accepted.
        reasons: what the language cannot express, each with the sections that have it.
        notes: assumptions and accepted differences, for the user.
        assumed: numbers that a config leaves to the defaults of its family.
        costs_known: whether the reasons leave the costs as they are.
    """

    costs_only: bool = False
    reasons: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    assumed: dict[str, float] = field(default_factory=dict)
    costs_known: bool = True


class ForeignConfig:
    """A mapping of settings that remembers which ones were taken.

    A key that is absent has the default of the family, if there is one; a key that is absent or
    null has the default that its reader gives. Values of a wrong type raise InputError E0520 and
    absent keys without a default E0521; both name the key.
    """

    def __init__(
        self,
        content: dict[str, Any],
        *,
        account: Account | None = None,
        path: str = "",
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.content = content
        self.account = account or Account()
        self.path = path
        self.defaults = defaults or {}
        self._left = set(content)

    def take(self, key: str, *aliases: str) -> Any:
        """Return the value of a key or of its older names; if all are absent, the default or None.

        Two names with different values are refused.
        """
        names = (key, *aliases)
        self._left.difference_update(names)
        found = {name: self.content[name] for name in names if self.content.get(name) is not None}
        values = list(found.values())
        if any(value != values[0] for value in values):
            said = ", ".join(f"{name} {_shown(value)}" for name, value in found.items())
            self._add(f"settings disagree: {said}")
        if values or not self.content.keys().isdisjoint(names):
            return values[0] if values else None
        return next((self.defaults[name] for name in names if name in self.defaults), None)

    def named(self, key: str, *aliases: str) -> str:
        """Return the first name that has a value here, else the usual one."""
        return next((each for each in (key, *aliases) if self.content.get(each) is not None), key)

    def integer(self, key: str, *aliases: str, default: int | None = None) -> int:
        """Return a whole number."""
        value = self._or_default(key, aliases, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(self.named(key, *aliases), value, "a whole number")
        self._note_default(key, aliases, value)
        return value

    def optional(self, key: str, *aliases: str) -> int | None:
        """Return a whole number of at least 1, None if the key is absent or null."""
        return None if self.take(key, *aliases) is None else self.positive(key, *aliases)

    def count(self, key: str, *aliases: str, default: int | None = None) -> int:
        """Return a number of things that may be none: a whole number of at least 0."""
        value = self.integer(key, *aliases, default=default)
        if value < 0:
            raise self._wrong(self.named(key, *aliases), value, "at least 0")
        return value

    def positive(self, key: str, *aliases: str, default: int | None = None) -> int:
        """Return a whole number of at least 1."""
        value = self.integer(key, *aliases, default=default)
        if value < 1:
            raise self._wrong(self.named(key, *aliases), value, "at least 1")
        return value

    def size(self, key: str, *aliases: str) -> int:
        """Return a tensor dimension: a whole number from 1 to 1,048,576."""
        value = self.integer(key, *aliases)
        if not 1 <= value <= 1 << 20:
            raise self._wrong(self.named(key, *aliases), value, "1 to 1,048,576")
        return value

    def inverse(self, key: str, *, power: float = 1.0) -> float:
        """Return 1 / value^power of a number above 0."""
        value = self.number(key)
        if value <= 0:
            raise self._wrong(key, value, "above 0")
        return float(value**-power)

    def number(self, key: str, *aliases: str, default: float | None = None) -> float:
        """Return a number."""
        value = self._or_default(key, aliases, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not _is_usual(value):
            raise self._wrong(self.named(key, *aliases), value, "a number")
        self._note_default(key, aliases, value)
        return float(value)

    def optional_number(self, key: str) -> float | None:
        """Return a number, None if the key is absent or null."""
        return None if self.take(key) is None else self.number(key)

    def flag(self, key: str, *aliases: str, default: bool) -> bool:
        """Return a truth value."""
        value = self._or_default(key, aliases, default)
        if not isinstance(value, bool):
            raise self._wrong(self.named(key, *aliases), value, "true or false")
        return value

    def word(self, key: str, *aliases: str, default: str | None = None) -> str:
        """Return a text."""
        value = self._or_default(key, aliases, default)
        if not isinstance(value, str):
            raise self._wrong(self.named(key, *aliases), value, "a text")
        return value

    def words(self, key: str) -> list[str] | None:
        """Return a list of texts, None if the key is absent."""
        return self._list(key, str, "a list of texts")

    def integers(self, key: str) -> list[int] | None:
        """Return a list of whole numbers, None if the key is absent."""
        return self._list(key, int, "a list of whole numbers")

    def numbers(self, key: str) -> list[float] | None:
        """Return a list of numbers, None if the key is absent."""
        found = self._list(key, int | float, "a list of numbers")
        return None if found is None else [float(value) for value in found]

    def section(self, key: str) -> "ForeignConfig | None":
        """Return a nested mapping with the same account, None if the key is absent."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return ForeignConfig(value, account=self.account, path=f"{self.path}{key}.")

    def without_effect(self, keys: Iterable[str]) -> None:
        """Mark keys that change neither the function of the model nor its costs."""
        self._left.difference_update(keys)

    def only(self, key: str, allowed: Iterable[Any], why: str, *, costs: bool = True) -> None:
        """Refuse a key unless it is absent or has one of the allowed values.

        Args:
            key: the key.
            allowed: values that mean what the language says anyway.
            why: what another value asks for.
            costs: whether another value changes parameters, FLOPs or caches.
        """
        value = self.take(key)
        if value is not None and not any(value == each for each in allowed):
            self.refuse(key, why, costs=costs)

    def refuse(self, key: str, why: str, *, costs: bool = True) -> None:
        """Add a reason against the config, or a note if only costs are read and they are right."""
        self._left.discard(key)
        message = f"{key} {_shown(self.content.get(key, self.defaults.get(key)))} ({why})"
        if self.account.costs_only and not costs:
            self.account.notes.append(f"not in these costs: {self.path}{message}")
        else:
            self._add(message, costs=costs)

    def block(self, kind: type[_Block], keys: dict[str, str], width: int, **values: Any) -> _Block:
        """Make a block for a model of this width; broken rules name the config's keys.

        Args:
            kind: the class of the block.
            keys: by field of the block, the key that it was read from.
            width: of the model.
            values: the fields.
        """
        block = self.build(kind, keys, **values).resolve(width)
        for name, message, _ in block.problems(width):
            raise InputError("E0520", f"{self.path}{keys.get(name, name)}: {message}")
        return block

    def build(self, model: type[_Model], keys: dict[str, str], **values: Any) -> _Model:
        """Make a block or an architecture; a value that it refuses is named by the config's key."""
        try:
            return model(**values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = self._place([str(each) for each in first["loc"]], keys, values)
            raise InputError("E0520", f"{place}{rule_of(first)}") from None

    def _place(self, names: list[str], keys: dict[str, str], values: dict[str, Any]) -> str:
        """Return where a value comes from: its key and itself, or the path to a nested one.

        A value without a key in `keys` is shown under the name of the field.
        """
        match names:
            case [name] if name in values:
                return f"{self.path}{keys.get(name, name)} {_shown(values[name])}: "
            case [_, _, *_]:
                return f"{self.path}{'.'.join(names)}: "
        return ""

    def close(self) -> None:
        """Refuse the keys that were not taken."""
        for key, value in self.content.items():
            if key in self._left:
                self._add(f"{key} {_shown(value)} (unknown setting)")

    def _list(self, key: str, kind: type | UnionType, wanted: str) -> list[Any] | None:
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(
            isinstance(each, kind) and not isinstance(each, bool) for each in value
        ):
            raise self._wrong(key, value, wanted)
        return value

    def _note_default(self, key: str, aliases: tuple[str, ...], value: float) -> None:
        """Remember a number that the family supplies, unless it is that of no effect."""
        if value in (0, 1):
            return
        if self.content.keys().isdisjoint((key, *aliases)) and key in self.defaults:
            self.account.assumed[f"{self.path}{key}"] = value

    def _add(self, reason: str, *, costs: bool = True) -> None:
        self.account.costs_known &= not costs
        self.account.reasons.setdefault(reason, []).append(self.path.removesuffix("."))

    def _or_default(self, key: str, aliases: tuple[str, ...], default: Any) -> Any:
        value = self.take(key, *aliases)
        if value is None and default is None:
            message = f"the config has no {self.path}{key}"
            raise InputError("E0521", message, help="give the complete config of a model")
        return default if value is None else value

    def _wrong(self, key: str, value: Any, wanted: str) -> InputError:
        return InputError("E0520", f"{self.path}{key} is {_shown(value)}, not {wanted}")


def _is_usual(value: float) -> bool:
    """Tell whether products of a number and a size stay finite."""
    return abs(value) <= 1e30


def read_config(
    content: dict[str, Any],
    read: Callable[[ForeignConfig], Architecture],
    account: Account | None = None,
) -> Architecture:
    """Read a config with the reader of its family, and account for every key.

    Raises:
        InputError: E0520 with every setting that the language cannot express; E0521, incomplete.
    """
    config = ForeignConfig(content, account=account)
    architecture = read(config)
    config.close()
    require_no_reasons(config.account)
    return architecture


def require_no_reasons(account: Account) -> None:
    """Raise InputError E0520 if an account has reasons."""
    said = [_with_places(reason, places) for reason, places in account.reasons.items()]
    if said:
        raise InputError(
            "E0520",
            f"the config cannot be expressed: {'; '.join(said)}",
            help="its costs are known: `aira-dsl show` or `aira-dsl import --costs-only`"
            if account.costs_known
            else "remove a setting only if it does not change the model",
        )


def _with_places(reason: str, places: list[str]) -> str:
    named = [place for place in dict.fromkeys(places) if place]
    return f"{reason} in {', '.join(named)}" if named else reason


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        value = {key: each for key, each in value.items() if key != "_CLASS_"}
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
