"""Makes the options of a command from option models (`aira_dsl.utils.options`).

The models are in files `options.py`, such as `aira_dsl/study/options.py`: an option that is added
there needs no line here.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from aira_dsl.utils.documented import attribute_docstrings
from aira_dsl.utils.options import (
    Options,
    Spelling,
    members_of,
    metadata_of,
    refusal,
    spelling,
)

Format = Annotated[
    Literal["text", "json"], typer.Option("--format", help="Output for people, or for scripts.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
SpaceFile = Annotated[
    Path | None,
    typer.Argument(
        help="Space or architecture file (default: the paper's space, 3^16; "
        "with --evaluator table, the space of the table)."
    ),
]


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is an option model by one option per field.

    The command is called with models; a value that a model refuses is a mistake in the command
    line.
    """
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    models = {p.name: p.annotation for p in parameters if _is_model(p.annotation)}

    def run(**values: Any) -> None:
        for name, model in models.items():
            given = {field: values.pop(field) for field in model.model_fields}
            values[name] = _validated(model, given)
        command(**values)

    run.__doc__, run.__name__ = command.__doc__, command.__name__
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [new for old in parameters for new in _expanded(old)]
    )
    run.__annotations__ = {}
    return run


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Options)


def _expanded(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if not _is_model(parameter.annotation):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    model: type[Options] = parameter.annotation
    texts = attribute_docstrings(model)
    for name, field in model.model_fields.items():
        option = typer.Option(
            spelling(name, field),
            help=texts.get(name),
            **_details(field),
            rich_help_panel=_panel(model, name),
        )
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=Annotated[_plain(field.annotation), option],
        )


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return inspect.Parameter.empty
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _details(field: FieldInfo) -> dict[str, Any]:
    """Return the bounds, metavar and parser of an option."""
    details: dict[str, Any] = {}
    for each in metadata_of(field):
        match each:
            case annotated_types.Ge(low):
                details["min"] = low
            case annotated_types.Le(high):
                details["max"] = high
            case Spelling():
                details |= {"metavar": each.metavar} if each.metavar else {}
                details |= {"parser": reported(each.parse)} if each.parse else {}
    if "parser" in details:  # typer checks bounds of its own numbers only; the model has them, too
        details.pop("min", None), details.pop("max", None)
    return details


def reported(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser for typer: a text that `parse` refuses is a mistake in the command line."""

    def parser(text: Any) -> Any:
        if not isinstance(text, str):  # a default, which has its value already
            return text
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parser


def _validated(model: type[Options], given: dict[str, Any]) -> Options:
    try:
        return model(**given)
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][0])
        hint = spelling(name, model.model_fields[name])
        raise typer.BadParameter(refusal(error), param_hint=f"'{hint}'") from None


def _panel(model: type[Options], name: str) -> str | None:
    """Return the title of the group that an option of a composed model belongs to."""
    groups = [base for base in model.__bases__ if name in getattr(base, "model_fields", {})]
    return (groups[0].__doc__ or "").strip(".") if groups else None


def _plain(annotation: Any) -> Any:
    """Return a type as typer knows it: without annotations, with lists in place of tuples."""
    members = [
        get_args(part)[0] if get_origin(part) is Annotated else part
        for part in members_of(annotation)
    ]
    if get_origin(members[0]) is tuple:
        return list[get_args(members[0])[0]]  # type: ignore[misc]
    return members[0] | None if NoneType in members else members[0]
