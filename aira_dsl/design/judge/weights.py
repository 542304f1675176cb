"""Weights that a candidate handed over: their header is read here, and nothing else of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors

from aira_dsl.design.judgement import Rejection
from aira_dsl.sandbox.spec import MIB

_MOST_HEADER = 4 * MIB  # bytes of the description in a weights file
_NAME = 100  # characters that are shown

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Weights:
    """Trained weights that were received and checked.

    Attributes:
        path: safetensors file, in a folder of the judge.
        shapes: of the arrays, by name.
    """

    path: Path
    shapes: Mapping[str, Shape]

    @property
    def parameters(self) -> int:
        """Number of values."""
        return sum(map(math.prod, self.shapes.values()))


def read_weights(path: Path) -> Weights:
    """Read the header of a weights file.

    Raises:
        Rejection: it is not a safetensors file, or the header does not describe its bytes.
    """
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    try:
        if header > _MOST_HEADER:
            raise ValueError(f"a header of {header:,} bytes")
        with safetensors.safe_open(path, framework="numpy") as opened:
            names = opened.keys()
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in names}
    except (ValueError, OSError, safetensors.SafetensorError) as error:
        raise _unusable(str(error)[:200]) from None
    return Weights(path, shapes)


def misfit(weights: Weights, reported: Any) -> Rejection | None:
    """Say which array does not fit the model of a process that could not load the weights.

    Args:
        weights: what it was given.
        reported: from the process: the name of an array and its shape in the model, or None if the
            model has no such array. Anything else may be there, too.

    Returns:
        None if there is no difference: then something else failed.
    """
    match reported:
        case [str(name), None]:
            built = None
        case [str(name), [*sizes]] if all(type(size) is int for size in sizes) and len(sizes) < 9:
            built = tuple(sizes)
        case _:
            return None
    trained = weights.shapes.get(name)
    if trained == built:
        return None
    shown = "".join(letter for letter in name if letter.isprintable())[:_NAME]
    return _unusable(
        f"they do not fit the model that answers: {shown} has {_shape(trained)} in the weights and "
        f"{_shape(built)} in the model"
    )


def _shape(shape: Shape | None) -> str:
    return "no array" if shape is None else f"the shape ({', '.join(map(str, shape))})"


def _unusable(reason: str) -> Rejection:
    return Rejection("refused", f"unusable weights: {reason}")
