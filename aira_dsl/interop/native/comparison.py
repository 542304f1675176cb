"""What a config would mean instead of an architecture: every difference, in words.

Names of blocks do not count, and what is left out counts as its value. Numbers are equal if they
agree to nine digits: a config may have the inverse of one.
"""

import math
from collections.abc import Iterator
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.architecture.architecture import SETTINGS
from aira_dsl.interop.native.outline import kind_of
from aira_dsl.primitives import Attention
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.mla.spec import MLA
from aira_dsl.primitives.parallel.spec import branches_of
from aira_dsl.utils.formatting import plural

_DIGITS = 1e-9
_ONLY_WITH_ROPE = (
    "rotary", "interleaved", "rope_scaling", "rope_factor", "rope_original", "rope_low",
    "rope_high", "rope_attention", "rope_truncate",
)  # fmt: skip


def differences(architecture: Architecture, found: Architecture, name: str) -> list[str]:
    """Return what an architecture has and the one that a config means does not.

    Args:
        architecture: what shall be exported.
        found: what the importer reads in the config.
        name: of the class, for the text.
    """
    reasons = list(_settings(architecture, found, name))
    if len(architecture.mtp) != len(found.mtp):
        said = [plural(len(each.mtp), "layer") for each in (architecture, found)]
        reasons.append(f"it has {said[0]} for multi-token prediction, where {name} has {said[1]}")
    pairs = [
        *zip(architecture.layers, found.layers, strict=False),
        *zip(architecture.mtp, found.mtp, strict=False),
    ]
    for ours, theirs in dict.fromkeys(pairs):
        reasons += _layer(architecture, ours, found.block_of(theirs), found, name)
    if len(architecture.layers) != len(found.layers):
        reasons.append(
            f"it has {plural(architecture.depth, 'layer')}, where {name} has {found.depth}"
        )
    if architecture.weight_sets(architecture.layers) != found.weight_sets(found.layers):
        reasons.append("layers of it share their weights")
    return list(dict.fromkeys(reasons))


def _settings(architecture: Architecture, found: Architecture, name: str) -> Iterator[str]:
    for field in SETTINGS:
        ours, theirs = getattr(architecture, field), getattr(found, field)
        if _equal(ours, theirs):
            continue
        if field == "tie_embeddings":
            yield f"its head is {'' if ours else 'not '}tied to the embedding"
        else:
            yield f"it has {field} {_said(ours)}, where {name} has {_said(theirs)}"


def _layer(
    architecture: Architecture, layer: str, theirs: Primitive, found: Architecture, name: str
) -> Iterator[str]:
    """Yield the differences of a layer, those of its branches one by one."""
    ours = architecture.block_of(layer)
    if kind_of(ours) != kind_of(theirs):
        yield f"its {kind_of(ours)} {layer} stands where {name} has {kind_of(theirs)}"
        return
    for one, other in zip(_branches(ours), _branches(theirs), strict=True):
        scaled = any(getattr(each, "scale", None) is not None for each in (one, other))
        meant, read = _meaning(one, architecture, scaled), _meaning(other, found, scaled)
        for field, value in meant.items():
            if field in read and not _equal(value, read[field]):
                has = f"its {_name_of(one, architecture)} has {field} {_said(value)}"
                yield f"{has}, where {name} has {_said(read[field])}"


def _branches(block: Primitive) -> list[Primitive]:
    """Return the branches in one order: their outputs are added."""
    return sorted(block.parts, key=lambda part: part.kind)


def _name_of(block: Primitive, architecture: Architecture) -> str:
    """Return the kind of a block, with its name if blocks of the kind differ."""
    layers = (*architecture.layers, *architecture.mtp)
    used = {name: architecture.blocks[name] for layer in layers for name in branches_of(layer)}
    same = [name for name, each in used.items() if each.kind == block.kind]
    name = next(name for name in same if used[name] == block)
    return block.kind if len(same) == 1 else f"{block.kind} {name}"


def _meaning(block: Primitive, architecture: Architecture, scaled: bool) -> dict[str, Any]:
    """Return the fields of a block, with values for those that are left out.

    Args:
        block: the block.
        architecture: of the block.
        scaled: whether to say the factor of scores even if it follows from the size of a head.
    """
    fields = {key: getattr(block, key) for key in type(block).model_fields if key != "tied"}
    if "norm_eps" in fields and fields["norm_eps"] is None:
        fields["norm_eps"] = architecture.norm_eps
    if isinstance(block, Attention | MLA):
        if scaled:
            fields["scale"] = block.scale or float(_score_channels(block)) ** -0.5
        if block.rope is None:
            fields = {key: value for key, value in fields.items() if key not in _ONLY_WITH_ROPE}
    return fields


def _score_channels(block: Attention | MLA) -> int:
    """Return the channels of a query, over whose root scores are divided."""
    return block.nope_dim + block.rope_dim if isinstance(block, MLA) else block.head_dim or 1


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_DIGITS)
    return bool(one == other)


def _said(value: Any) -> str:
    return "none" if value is None else str(value).lower()
