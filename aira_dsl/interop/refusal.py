"""What a target can not express, or a foreign config does not say, in one message."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from pydantic import ValidationError

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.primitives.registry import Block


def refuse(target: str, architecture: Architecture, reasons: list[str], instead: str) -> None:
    """Raise InputError E0510 if there are reasons why a target can not express an architecture."""
    if reasons:
        raise InputError(
            "E0510",
            f"{target} can not express {architecture.name}: {'; '.join(reasons)}",
            help=instead,
        )


def only_of_kind(architecture: Architecture, kind: str, reasons: list[str]) -> Block | None:
    """Return the one spec that all layers of a kind share; None if there is no such layer.

    Several different specs are a reason, and the first of them is returned.
    """
    found: dict[str, Block] = {}
    for name in architecture.layers:
        block = architecture.blocks[name]
        if block.kind == kind and block not in found.values():
            found[name] = block
    if len(found) > 1:
        names = ", ".join(found)
        reasons.append(f"its {kind} layers are not all alike (blocks {names})")
    return next(iter(found.values()), None)


def reading_config(read: Callable[..., Architecture]) -> Callable[..., Architecture]:
    """Turn what our values refuse in a foreign config into InputError E0520."""

    @wraps(read)
    def wrapped(config: dict[str, Any], **options: Any) -> Architecture:
        try:
            return read(config, **options)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            message = f"the config can not be read, {place}: {first['msg']}"
            raise InputError("E0520", message) from None
        except (TypeError, ValueError, AttributeError) as error:
            message = f"the config has a value of the wrong kind: {error}"
            raise InputError("E0520", message) from None

    return wrapped
