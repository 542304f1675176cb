"""Groups of options: frozen models that the command line, the API and the docs are made from.

A field is one option. Its docstring is the help text, its type and bounds are what is accepted.
`Spelling` says what a command line needs beyond that.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from aira_dsl.errors import UsageError
from aira_dsl.utils.documented import Documented


class Options(Documented, BaseModel):
    """A group of options."""

    model_config = ConfigDict(frozen=True, extra="forbid")


OptionsT = TypeVar("OptionsT", bound=Options)


def options_of(model: type[OptionsT], given: Mapping[str, Any]) -> OptionsT:
    """Validate options given by name.

    Args:
        model: the options.
        given: values by name of the field.

    Raises:
        TypeError: an option does not exist.
        UsageError: E0808 for a value that an option does not accept.
    """
    if unknown := sorted(given.keys() - model.model_fields.keys()):
        raise TypeError(f"unexpected option {unknown[0]!r}")
    try:
        return model(**given)
    except ValidationError as error:
        name = error.errors(include_url=False)[0]["loc"][0]
        raise UsageError("E0808", f"{name} {refusal(error)}") from None


@dataclass(frozen=True)
class Spelling:
    """How the command line spells an option.

    Attributes:
        name: name of the option without `--`, if it is not that of the field.
        metavar: placeholder of the value in help texts.
        parse: reads the value from a text; raises ValueError with a message for people.
        write: writes the value as the text that `parse` reads.
    """

    name: str | None = None
    metavar: str | None = None
    parse: Callable[[str], Any] | None = None
    write: Callable[[Any], str] = str


def spelling(name: str, field: FieldInfo) -> str:
    """Return the name of an option as it is typed, such as `--base-url`."""
    names = [each.name for each in metadata_of(field) if isinstance(each, Spelling) and each.name]
    return "--" + (names[-1] if names else name).replace("_", "-")


def arguments_of(options: Options) -> list[str]:
    """Return the arguments that give these options; options with their defaults are left out."""
    found: list[str] = []
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if value == field.get_default(call_default_factory=True):
            continue
        option = spelling(name, field)
        if isinstance(value, bool):
            found.append(option)
            continue
        write = next((each.write for each in metadata_of(field) if isinstance(each, Spelling)), str)
        values = value if isinstance(value, tuple | list) else (value,)
        found += [text for each in values for text in (option, write(each))]
    return found


def metadata_of(field: FieldInfo) -> list[Any]:
    """Return what annotates the type of a field, whether outside or inside of `… | None`."""
    inner = [part for part in members_of(field.annotation) if get_origin(part) is Annotated]
    nested = [each for part in inner for each in get_args(part)[1:]]
    flat = [
        m for each in nested for m in (each.metadata if isinstance(each, FieldInfo) else [each])
    ]
    return [*flat, *field.metadata]


def members_of(annotation: Any) -> list[Any]:
    """Return the types of a union; of another type, the type."""
    is_union = get_origin(annotation) in (Union, UnionType)
    return list(get_args(annotation)) if is_union else [annotation]


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"M": 1 << 20, "G": 1 << 30}


def parse_duration(text: str) -> float:
    """Return the seconds of a text such as `90s`, `30m`, `2h` or `1d`.

    Raises:
        ValueError: the text is not a positive duration.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None or float(match[1]) == 0:
        raise ValueError(f"invalid duration {text!r}: use e.g. 90s, 30m, 2h")
    return float(match[1]) * _UNITS[match[2]]


def parse_size(text: str) -> int:
    """Return the bytes of a text such as `900M` or `4G`.

    Raises:
        ValueError: the text is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([MG])", text)
    if match is None:
        raise ValueError(f"invalid size {text!r}: use e.g. 900M, 4G")
    return int(float(match[1]) * _SIZES[match[2]])


_COUNTS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}


def parse_count(text: str) -> int:
    """Return the whole number of a text such as `20000`, `20M`, `1.5G` or `1e15`.

    Raises:
        ValueError: the text is not a whole number above 0.
    """
    match = re.fullmatch(r"(\d[\d_]*(?:\.\d+)?(?:e\d{1,2})?)([kMGBT]?)", text)
    number = Decimal(match[1]) * _COUNTS[match[2]] if match else Decimal(0)
    if number < 1 or number != int(number):
        raise ValueError(f"invalid number {text!r}: use e.g. 20000, 20M, 1e15")
    return int(number)


_CONTEXTS = {"": 1, "k": 1 << 10, "M": 1 << 20}


def parse_context(text: str) -> int:
    """Return the tokens of a text such as `8192`, `128k` or `1M`; here k is 1,024.

    Raises:
        ValueError: the text is not a number of tokens from 1 to 16M.
    """
    match = re.fullmatch(r"(\d[\d_]*)([kM]?)", text.replace("K", "k"))
    tokens = int(match[1]) * _CONTEXTS[match[2]] if match else 0
    if not 1 <= tokens <= 1 << 24:
        raise ValueError(f"invalid context {text!r}: use 1 to 16M tokens, e.g. 8192, 128k, 1M")
    return tokens


_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "below"),
}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "path": "a path",
    "tuple": "a list",
    "string": "a text",
    "dict": "a set of fields",
    "model": "a set of fields",
}


def refusal(error: ValidationError) -> str:
    """Say which rule the first refused value breaks, and the value: `must be at least 1, not 0`.

    Args:
        error: what a model, or typer's check of one option, raised.
    """
    return refusal_of(error.errors(include_url=False)[0])


def refusal_of(details: Mapping[str, Any]) -> str:
    """Say the same of one entry of `ValidationError.errors()`."""
    rule, given = rule_of(details), details["input"]
    if rule in ("is missing", "must not be empty", _message(details)):
        return rule
    return f"{rule}, not {_number(given) if details['type'] in _BOUNDS else repr(given)}"


def rule_of(details: Mapping[str, Any]) -> str:
    """Say which rule one entry of `ValidationError.errors()` breaks: `must be at least 1`."""
    kind, context, message = details["type"], details.get("ctx", {}), _message(details)
    if kind == "missing" or context.get("min_length") == 1:
        return "is missing" if kind == "missing" else "must not be empty"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words} {_number(context[name])}"
    if kind == "literal_error":
        return _choice(str(context["expected"]))
    if listed := re.fullmatch(r".* is not one of (.*)\.", message, re.DOTALL):  # typer's own words
        return _choice(listed[1])
    name, _, rule = kind.partition("_")
    if rule in ("type", "parsing", "from_float") and (expected := _TYPES.get(name)):
        return f"must be {expected}"
    return message


def _message(details: Mapping[str, Any]) -> str:
    return str(details["msg"]).removeprefix("Value error, ")


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).strip()


def _choice(expected: str) -> str:
    names = re.findall(r"'([^']*)'", expected)
    return f"must be one of {', '.join(names)}"


_DURATION = Spelling(metavar="TIME", parse=parse_duration, write=lambda value: f"{value:g}s")
_SIZE = Spelling(metavar="SIZE", parse=parse_size, write=lambda value: f"{value / (1 << 20)}M")

_NUMBER = Spelling(metavar="NUMBER", parse=parse_count, write=lambda value: f"{int(value)}")

_CONTEXT = Spelling(metavar="TOKENS", parse=parse_context)

Seconds = Annotated[float, Field(gt=0), _DURATION]
Bytes = Annotated[int, _SIZE]
Count = Annotated[int, Field(ge=1), _NUMBER]
Context = Annotated[int, Field(ge=1, le=1 << 24), _CONTEXT]
"""Tokens of a sequence; `128k` is 131,072."""
FloatCount = Annotated[float, Field(ge=1, lt=1e40), _NUMBER]
"""A count that may be beyond 64 bits, such as FLOPs."""
