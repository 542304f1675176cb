"""Layers with settings of their own: `per_layer_config` of transformers.

It has, by the index of a layer, the settings that this layer reads in place of the config's, and
under `skip` the parts that it lacks. A config is therefore read once as it stands, and once with
each set of settings; a layer is then taken from the reading that is its own.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aira_dsl.architecture import SETTINGS, Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.layers import Layer, depth, named
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.parallel.spec import BAR

KEY = "per_layer_config"
_PARTS = ("attention", "mlp")
"""What `skip` can name: the two layers of ours that are one of theirs, in order."""

Read = Callable[[ForeignConfig], Architecture]


@dataclass(frozen=True, slots=True)
class _Own:
    """A layer that is not as the config says: where it is taken from, and what it lacks."""

    reading: Architecture
    skipped: list[str]


def read_layers(config: ForeignConfig, read: Read) -> Architecture:
    """Read a config with the reader of its family, and layers with settings of their own.

    Raises:
        InputError: E0520, settings of a layer that only a whole model can have, or that the family
            does not know.
    """
    given = config.take(KEY)
    base = read(config)
    if not given:
        return base
    count = len(config.content.get("layer_types") or ()) or depth(config)
    if base.depth not in (count, 2 * count):
        raise InputError("E0520", f"{KEY} is for {count} layers, and {base.depth // 2} are listed")
    own: dict[int, _Own] = {}
    readings: dict[str, Architecture] = {}
    for index, change in _by_index(config, given, count).items():
        settings = {key: value for key, value in change.items() if key != "skip"}
        if (text := json.dumps(settings, sort_keys=True)) not in readings:
            readings[text] = _reading(config, read, base, index, settings)
        own[index] = _Own(readings[text], change.get("skip") or [])
    notes = config.account.notes
    notes[:] = dict.fromkeys(notes)
    return _put_together(base, count, own)


def _by_index(config: ForeignConfig, given: Any, count: int) -> dict[int, dict[str, Any]]:
    """Return the settings of layers by their index, from 0."""
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise InputError("E0520", f"{config.path}{KEY} is not an object of objects")
    found: dict[int, dict[str, Any]] = {}
    for key, change in given.items():
        is_number = key.isascii() and key.isdigit() and len(key) < 10
        if not is_number or int(key) >= count or int(key) in found:
            message = f"{config.path}{KEY} has {key[:50]!r}, not an index of a layer"
            raise InputError("E0520", message, help=f"give 0 to {count - 1}, each once")
        skipped = change.get("skip") or []
        if not isinstance(skipped, list) or any(each not in _PARTS for each in skipped):
            message = f"{config.path}{KEY}.{key}.skip is not a list of {' and '.join(_PARTS)}"
            raise InputError("E0520", message)
        found[int(key)] = change
    return found


def _reading(
    config: ForeignConfig, read: Read, base: Architecture, index: int, settings: dict[str, Any]
) -> Architecture:
    """Return the whole model with the settings of one layer."""
    content = {**config.content, KEY: {}, **settings}
    part = ForeignConfig(
        content, account=config.account, path=config.path, defaults=config.defaults
    )
    part.take(KEY)
    found = read(part)
    part.path = f"{config.path}{KEY}.{index}."
    part.close()
    for name in (*SETTINGS, "depth"):
        if getattr(found, name) != getattr(base, name):
            message = f"{part.path.removesuffix('.')} changes the {name} of the model"
            raise InputError("E0520", message, help="only settings of a layer can be given there")
    return found


def _put_together(base: Architecture, count: int, own: dict[int, _Own]) -> Architecture:
    """Return the layers of the base, and those that other readings have in their place."""
    each = base.depth // count
    layers: list[tuple[Layer, ...]] = []
    for index in range(count):
        layer = own.get(index, _Own(base, []))
        names = layer.reading.layers[each * index : each * (index + 1)]
        kept = [
            name for part, name in zip(_PARTS, names, strict=False) if part not in layer.skipped
        ]
        layers += [_branches(layer.reading, name) for name in kept]
    if not layers:
        raise InputError("E0520", f"{KEY} skips all layers")
    mtp = [_branches(base, name) for name in base.mtp]
    names_of = named([layer for branches in [*layers, *mtp] for layer in branches])
    layer_names, mtp_names = (
        tuple(BAR.join(names_of[block] for _, block in branches) for branches in part)
        for part in (layers, mtp)
    )
    blocks = {name: block for block, name in names_of.items()}
    return base.replace(blocks=blocks, layers=layer_names, mtp=mtp_names)


def _branches(architecture: Architecture, name: str) -> tuple[Layer, ...]:
    return tuple((part, architecture.blocks[part]) for part in name.split(BAR))
