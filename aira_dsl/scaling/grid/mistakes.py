"""The mistakes in the values of a grid file, a line for each."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from aira_dsl.language.diagnostics.suggest import suggestion
from aira_dsl.utils.options import refusal_of


def mistakes(
    error: ValidationError,
    model: type[BaseModel],
    nested: Mapping[str, type[BaseModel]] | None = None,
    *,
    prefix: str = "",
) -> str:
    """Return where and which rule each value breaks; several mistakes have a line each.

    Args:
        error: what the model raised.
        model: the model of the values.
        nested: models of the entries of its fields, for names that are near an unknown one.
        prefix: what precedes each place.
    """
    lines = [_line(each, model, nested or {}, prefix) for each in error.errors(include_url=False)]
    if len(lines) == 1:
        return lines[0]
    return f"{len(lines)} mistakes" + "".join(f"\n  {line}" for line in lines)


def _line(
    details: Any, model: type[BaseModel], nested: Mapping[str, type[BaseModel]], prefix: str
) -> str:
    place = [str(each) for each in details["loc"]]
    where = prefix + ".".join(place) if place else "the file"
    if details["type"] != "extra_forbidden":
        return f"{where}: {refusal_of(details)}"
    owner = model if len(place) == 1 else nested.get(place[0], model)
    hint = suggestion(place[-1], owner.model_fields, "the fields are")
    return f"{where}: unknown field; {hint.text}"
