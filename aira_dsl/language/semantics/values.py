"""What was written -> a Python value that pydantic accepts, or the rule that it breaks.

The rules themselves live in the pydantic fields of the primitives and of Architecture; here their
violations are put into words. A new field needs nothing here.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args

from lark import Token
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from aira_dsl.architecture import MAX_LAYERS, SETTINGS, Design, Scale
from aira_dsl.language.diagnostics.collector import Hint
from aira_dsl.language.diagnostics.foreign_words import advice
from aira_dsl.language.diagnostics.suggest import did_you_mean

Scalar = int | float | bool | str | None


class Rule(NamedTuple):
    """What a field asks for, as the end of a sentence (`must be at least 1`), and some help."""

    text: str
    help: Hint | None

    def respelt(self, key: str, written: str) -> Hint | None:
        """Return the help; for the wrong sort of value, what other notations mean by it."""
        takes = self.help is None and self.text.startswith("takes")
        return respelt(key, written) if takes else self.help


_COUNT = Annotated[int, Field(strict=True, ge=1, le=MAX_LAYERS)]
_FIELDS: dict[str, Any] = {
    **{name: Design.model_fields[name] for name in SETTINGS},
    **{name: Scale.model_fields[name] for name in ("extrapolate", "parameters")},
}

_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "below"),
}
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
_DIGITS = 18
"""Longer whole numbers are out of every range; they are not converted (Python's own limit is 4,300
digits), only known to be large."""


def scalar(token: Token) -> Scalar:
    """Return the value of a NAME, INT or FLOAT token."""
    if token.type == "INT":
        digits = token.replace("_", "").lstrip("0") or "0"
        return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS
    if token.type == "FLOAT":
        return float(token)
    return _CONSTANTS.get(token, str(token))


@lru_cache(maxsize=1024, typed=True)
def setting(key: str, value: Scalar) -> tuple[Any, Rule | None]:
    """Check one setting; return the value to use and no rule, or None and the broken rule."""
    try:
        return _adapter(key).validate_python(value), None
    except ValidationError as error:
        return None, broken_rule(error.errors(include_url=False)[0])


@lru_cache(maxsize=32)
def _adapter(key: str) -> TypeAdapter[Any]:
    if key not in _FIELDS:  # slots, depth
        return TypeAdapter(_COUNT)
    field = _FIELDS[key]
    annotated: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotated)


def respelt(key: str, written: str) -> Hint | None:
    """Recognize a value that other notations write so: `128k`, `0x80`, `1__024`, `None`, `yes`."""
    word = written.lower().strip("_")
    size = re.fullmatch(r"([0-9]{1,9}(?:[._][0-9]{1,6})?) ?([kmgbt])b?", word)
    number: int | None = None
    if size:
        scale = 1000 if key == "parameters" else 1024
        number = round(
            float(size[1].replace("_", "")) * scale ** " kmgt".index(size[2].replace("b", "g"))
        )
    elif re.fullmatch(r"0x[0-9a-f]{1,8}", word):
        number = int(word, 16)
    elif re.fullmatch(r"[0-9_]{1,12}", word):
        number = int(word.replace("_", ""))
    elif (
        re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,12})?e\+?[0-9]{1,2}", word) and float(word).is_integer()
    ):
        number = int(float(word))
    if number is None:
        return None
    digits = f"{number:_}" if number >= 10_000 else str(number)
    return Hint(f"write it out: `{digits}`", digits)


_MEANT = {
    None: {"null", "nil", "off", "false", "no", "undefined", "disabled", "none"},
    True: {"yes", "on", "1", "true"},
    False: {"no", "off", "0", "false"},
}


def constant(written: str, taken: Sequence[bool | None]) -> Hint | None:
    """Recognize another notation's `none`, `true` or `false`, if a field takes it."""
    for value in taken:
        if written.lower() in _MEANT[value]:
            return did_you_mean(str(value).lower())
    return None


def broken_rule(error: ErrorDetails, field: FieldInfo | None = None) -> Rule:
    """Put pydantic's complaint about one value into words.

    Args:
        error: the complaint, which does not say whether `none` is a choice.
        field: the field that has the value, which does.
    """
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "literal_error":
        words = re.findall(r"'(\w+)'", str(context["expected"]))
        words += ["none"] if field is not None and NoneType in get_args(field.annotation) else []
        return Rule(
            f"must be one of {', '.join(words)}", advice(str(given), "value", words, "known")
        )
    if kind.startswith("int"):
        return Rule("takes a whole number", None)
    if kind.startswith("bool"):
        return Rule("takes `true` or `false`", constant(str(given), (True, False)))
    # Words such as `inf` and `true` pass as numbers and then break a bound.
    if kind not in _BOUNDS or not isinstance(given, int | float) or isinstance(given, bool):
        return Rule("takes a number", None)
    name, words_of_bound = _BOUNDS[kind]
    bound = context[name]
    return Rule(f"must be {words_of_bound} {bound:{',' if isinstance(bound, int) else 'g'}}", None)
