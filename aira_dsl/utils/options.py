"""Groups of options: frozen models that the command line, the API and the docs are made from.

A field is one option. Its docstring is the help text, its type and bounds are what is accepted.
`Spelling` says what a command line needs beyond that.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """A group of options."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True)
class Spelling:
    """How the command line spells an option.

    Attributes:
        name: name of the option without `--`, if it is not that of the field.
        metavar: placeholder of the value in help texts.
        parse: reads the value from a text; raises ValueError with a message for people.
    """

    name: str | None = None
    metavar: str | None = None
    parse: Callable[[str], Any] | None = None


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


Seconds = Annotated[float, Field(gt=0), Spelling(metavar="TIME", parse=parse_duration)]
Bytes = Annotated[int, Spelling(metavar="SIZE", parse=parse_size)]
