"""Limits that several target formats share, and the error that lists what a target lacks."""

from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.primitives.base import Primitive


def require_expressible(
    target: str, architecture: Architecture, reasons: list[str], instead: str
) -> None:
    """Raise InputError E0510 if there are reasons why a target cannot express an architecture."""
    if reasons:
        raise InputError(
            "E0510",
            f"{target} cannot express {architecture.name}: {'; '.join(reasons)}",
            help=instead,
        )


def kinds_without_a_form(
    architecture: Architecture,
    known: Iterable[str],
    *,
    mtp: bool = False,
    options: Mapping[str, Container[str]] = MappingProxyType({}),
) -> list[str]:
    """Return one reason for every kind of layer and every option that a target has no form for.

    Options (`utils.unused`) came after the forms of the targets: few of them are expressible.

    Args:
        architecture: any architecture.
        known: the kinds that the target can express.
        mtp: whether it can express multi-token prediction.
        options: by kind, those that the caller writes, or refuses itself.
    """
    names = dict.fromkeys((*architecture.layers, *architecture.mtp))
    blocks = [architecture.block_of(name) for name in names]
    known = set(known)
    kinds = [f"it has {block.kind} layers" for block in blocks if block.kind not in known]
    used = architecture.used_options().items()
    lacking = [
        "it has multi-token prediction" if name == "mtp" else f"it has {name} {str(value).lower()}"
        for name, value in used
        if name != "mtp" or not mtp
    ]
    lacking += [
        f"its {block.kind} has {name} {str(value).lower()}"
        for block in blocks
        if block.kind in known
        for name, value in block.used_options().items()
        if name not in options.get(block.kind, ())
    ]
    return list(dict.fromkeys([*kinds, *lacking]))


def only_of_kind(architecture: Architecture, kind: str, reasons: list[str]) -> Primitive | None:
    """Return the spec that all layers of a kind share; None if there is no such layer.

    Several different specs are a reason, and the first of them is returned.
    """
    found: dict[str, Primitive] = {}
    for name in (*architecture.layers, *architecture.mtp):
        block = architecture.block_of(name)
        if block.kind == kind and block not in found.values():
            found[name] = block
    if len(found) > 1:
        names = ", ".join(found)
        reasons.append(f"its {kind} layers differ (blocks {names})")
    return next(iter(found.values()), None)
