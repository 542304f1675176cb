"""Architecture -> its YAML form, in as few words as mean the same.

Words that some reader of YAML takes for something else (`no`, `1e3`) are quoted, though ours reads
them as they stand.
"""

import re
from collections.abc import Iterator
from typing import Any

from aira_dsl.architecture import SETTINGS, Architecture, Design, Scale, compress
from aira_dsl.language.printer import follows, kept, readable

_AMBIGUOUS = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|none|nan|inf)|[-+.]?[0-9][0-9_]*\.?[0-9_]*([eE].*)?"
)


def to_yaml(architecture: Architecture) -> str:
    """Write an architecture in the YAML form.

    `parse(to_yaml(a), filename="a.yaml") == a` for every architecture, scales included.
    """
    lines = [f"name: {_word(architecture.name)}", *_design(architecture, None, "")]
    lines.append(f"layers: {readable(architecture.pattern)}")
    if architecture.mtp:
        lines.append(f"mtp: {readable(compress(architecture.mtp))}")
    if architecture.scales:
        lines.append("scales:")
    for name, scale in architecture.scales.items():
        inner = list(_scale(scale, architecture))
        lines += [f"  {_word(name)}:", *inner] if inner else [f"  {_word(name)}: {{}}"]
    return "\n".join(lines) + "\n"


def _scale(scale: Scale, base: Design) -> Iterator[str]:
    yield from _design(scale, base, "    ")
    if scale.layers is not None:
        yield f"    layers: {readable(compress(scale.layers))}"
    if scale.extrapolate is not None:
        yield f"    parameters: {scale.parameters}"
        yield f"    extrapolate: {scale.extrapolate}"


def _design(design: Design, base: Design | None, indent: str) -> Iterator[str]:
    for key in SETTINGS:
        value = getattr(design, key)
        usual = Design.model_fields[key].default if base is None else getattr(base, key)
        if value != usual:
            yield f"{indent}{key}: {_scalar(value)}"
    blocks = [
        f"{indent}  {_word(name)}: {_block(block, design.width)}"
        for name, block in design.blocks.items()
        if base is None
        or name not in base.blocks
        or not follows(base.blocks[name], block, design.width, base)
    ]
    if blocks:
        yield f"{indent}blocks:"
        yield from blocks


def _block(block: Any, width: int) -> str:
    values = {"kind": block.kind, **kept(block, width)}
    inside = ", ".join(f"{key}: {_scalar(value)}" for key, value in values.items())
    return f"{{{inside}}}"


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and value < 1e15:
        return str(int(value))
    # `1e-06` is text to readers of YAML 1.1, which want a point in a number.
    return re.sub(r"^([0-9]+)e", r"\1.0e", str(value)) if isinstance(value, float) else str(value)


def _word(name: str) -> str:
    return f'"{name}"' if _AMBIGUOUS.fullmatch(name) else name
